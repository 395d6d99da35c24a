import type { Job } from '@holdfast/protocol';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { computerNameQuery } from '../../api/computer-names.ts';
import { useText } from '../../i18n/language.tsx';
import { useRepository } from '../repositories/use-repository.ts';

/** Where backups go, by its name. */
export function TargetName({ target }: { readonly target: Job['target'] }): ReactNode {
  return target.kind === 'own' ? <Own moverId={target.moverId} /> : <Shared id={target.repositoryId} />;
}

function Own({ moverId }: { readonly moverId: string }): ReactNode {
  const t = useText();
  const mover = useQuery(computerNameQuery(moverId));
  return t('protect.target.own', { mover: mover.data ?? moverId.slice(0, 8) });
}

function Shared({ id }: { readonly id: string }): ReactNode {
  const repository = useRepository(id);
  return repository.data?.name ?? id.slice(0, 8);
}
