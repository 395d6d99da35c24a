import type { Repository } from '@holdfast/protocol';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { Facts } from '../../components/facts.tsx';
import { useLanguage } from '../../i18n/language.tsx';

/** Where it is, whose it is, and who has its key. */
export function RepositoryFacts({ repository }: { readonly repository: Repository }): ReactNode {
  const { t, formats } = useLanguage();
  const { zeroKnowledge, executorId, moverId } = repository;
  // Nobody else has the key.
  const ownerId = repository.ownerId ?? (zeroKnowledge ? executorId : undefined);
  return (
    <Card title={t('repository.facts')}>
      <Facts
        facts={[
          [t('repositories.column.mover'), <ComputerName key="mover" id={moverId} />],
          [t('repositories.column.location'), <code key="location">{repository.location || '–'}</code>],
          [
            t('computers.group'),
            <Link key="group" to="/repositories" search={{ group: repository.group }}>
              {repository.group}
            </Link>,
          ],
          [
            t('repository.users'),
            ownerId === undefined ? (
              t('repository.users.shared')
            ) : (
              <span key="users">
                {t('repository.users.own')} <ComputerName id={ownerId} />
              </span>
            ),
          ],
          [t('repositories.column.keys'), t(zeroKnowledge ? 'repositories.keys.computer' : 'repositories.keys.server')],
          [t('repository.executor'), <ComputerName key="executor" id={executorId ?? moverId} />],
          [t('repository.made'), formats.dateTime(repository.createdAt)],
          [
            t('repositories.column.begun'),
            repository.initialisedAt === undefined
              ? t('repositories.empty')
              : formats.dateTime(repository.initialisedAt),
          ],
        ]}
      />
    </Card>
  );
}
