import { Checkbox, Loader, Radio, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { routeQuery } from '../../../api/queries.ts';
import { ProblemAlert } from '../../../components/problem-alert.tsx';
import { useText } from '../../../i18n/language.tsx';
import type { ChangeDraft, JobDraft } from './job-draft.ts';

/** Where backups go: one repository for all, or one of its own for each computer. */
export function TargetStep({
  draft,
  onChange,
}: {
  readonly draft: JobDraft;
  readonly onChange: ChangeDraft;
}): ReactNode {
  const t = useText();
  const repositories = useQuery(routeQuery('repositories', { query: { limit: 1000, sort: 'name' } }));
  const movers = useQuery(routeQuery('computers', { query: { role: 'mover', limit: 1000, sort: 'name' } }));
  const { target } = draft;
  const error = repositories.error ?? movers.error;
  if (error) return <ProblemAlert error={error} />;
  if (!repositories.data || !movers.data) return <Loader aria-label={t('app.loading')} />;
  const usable = repositories.data.repositories.filter(({ zeroKnowledge }) => !zeroKnowledge);
  const choose = (value: string): void => {
    const [kind, id = ''] = value.split(' ');
    onChange({
      target:
        kind === 'own'
          ? { kind: 'own', moverId: id, name: '{computer}', zeroKnowledge: false }
          : { kind: 'shared', repositoryId: id },
    });
  };
  return (
    <>
      <Radio.Group
        label={t('protect.target')}
        value={
          target === undefined
            ? null
            : target.kind === 'own'
              ? `own ${target.moverId}`
              : `shared ${target.repositoryId}`
        }
        onChange={choose}
      >
        <Stack gap="sm" mt={8}>
          {movers.data.computers.map(({ id, hostname }) => (
            <Radio
              key={id}
              value={`own ${id}`}
              label={t('protect.target.own', { mover: hostname })}
              description={t('wizard.target.own.hint')}
            />
          ))}
          {usable.map(({ id, name }) => (
            <Radio key={id} value={`shared ${id}`} label={name} description={t('wizard.target.shared.hint')} />
          ))}
        </Stack>
      </Radio.Group>
      {usable.length + movers.data.computers.length === 0 && <p>{t('repository.no-mover')}</p>}
      {target?.kind === 'own' && (
        <>
          <TextInput
            label={t('wizard.target.name')}
            description={t('wizard.target.name.hint')}
            required
            maxLength={63}
            value={target.name}
            onChange={({ currentTarget }) => onChange({ target: { ...target, name: currentTarget.value } })}
          />
          <Checkbox
            label={t('wizard.target.zero-knowledge')}
            description={t('wizard.target.zero-knowledge.hint')}
            checked={target.zeroKnowledge}
            onChange={({ currentTarget }) => onChange({ target: { ...target, zeroKnowledge: currentTarget.checked } })}
          />
        </>
      )}
    </>
  );
}
