import type { PanelPolicy } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { IconHistory, IconPlayerPlay } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { scheduleText } from '../pages/jobs/schedule-text.ts';
import classes from './panel.module.css';
import { addressOf } from './panel-address.ts';
import { ask } from './panel-session.ts';
import { stateQuery } from './panel-state.ts';

/** What this computer backs up by itself, and when. */
export function PolicyList({ policies }: { readonly policies: readonly PanelPolicy[] }): ReactNode {
  return (
    <ul className={classes['list']}>
      {policies.map((policy) => (
        <Policy key={policy.id} policy={policy} />
      ))}
    </ul>
  );
}

function Policy({ policy }: { readonly policy: PanelPolicy }): ReactNode {
  const { t, formats } = useLanguage();
  const client = useQueryClient();
  const run = useMutation({
    mutationFn: () => ask('run', { policyId: policy.id }),
    onSettled: () => client.invalidateQueries({ queryKey: stateQuery.queryKey }),
  });
  const { name, sources, schedule, nextAt, repository, state, notBefore } = policy;
  return (
    <li className={classes['item']}>
      <div className={classes['head']}>
        <h3 className={classes['name']}>{name}</h3>
        {state === 'running' && <StateBadge state="running" />}
        {state === 'waits' && <StateBadge state="queued" />}
        <span className={classes['actions']}>
          <Button
            component="a"
            href={addressOf({ page: 'backups', policyId: policy.id })}
            size="compact-sm"
            variant="default"
            leftSection={<IconHistory size={15} aria-hidden="true" />}
            aria-label={t('panel.backups-named', { name })}
          >
            {t('panel.backups')}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconPlayerPlay size={15} aria-hidden="true" />}
            disabled={state === 'running'}
            loading={run.isPending}
            aria-label={t('panel.run-named', { name })}
            onClick={() => run.mutate()}
          >
            {t('panel.run')}
          </Button>
        </span>
      </div>
      <p className={classes['soft']}>
        {sources.length === 0 ? t('panel.whole-computer') : sources.join(', ')} · {t('panel.to', { repository })}
      </p>
      <p className={classes['soft']}>
        {scheduleText(schedule, t, formats)}
        {nextAt !== undefined && ` · ${t('panel.next', { at: formats.dateTime(nextAt) })}`}
      </p>
      {state === 'waits' && (
        <p className={classes['soft']}>
          {notBefore === undefined ? t('panel.waits') : t('panel.waits-until', { at: formats.dateTime(notBefore) })}
        </p>
      )}
      {run.error && <ProblemAlert error={run.error} />}
    </li>
  );
}
