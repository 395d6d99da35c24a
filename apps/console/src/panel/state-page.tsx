import type { PanelState } from '@holdfast/protocol';
import type { ReactNode } from 'react';
import { Age } from '../components/age.tsx';
import { Card } from '../components/card.tsx';
import { Facts } from '../components/facts.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Stacked } from '../components/stacked.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { useText } from '../i18n/language.tsx';
import classes from './panel.module.css';
import { PolicyList } from './policy-list.tsx';
import { TaskList } from './task-list.tsx';

export function StatePage({ state }: { readonly state: PanelState }): ReactNode {
  const t = useText();
  const { computer, server, policies, tasks, ownKey } = state;
  const last = tasks.find(({ kind, state: how }) => kind === 'backup' && (how === 'succeeded' || how === 'warning'));
  return (
    <>
      <PageHead title={computer.hostname} subtitle={t('panel.lead')} />
      <Stacked>
        <Card title={t('panel.state')}>
          <Facts
            facts={[
              [t('panel.server'), <Server key="server" server={server} />],
              [t('panel.last-backup'), <Age key="last" at={last?.endedAt} />],
              [t('computers.column.version'), computer.version],
              [t('panel.key'), t(ownKey ? 'panel.key.own' : 'panel.key.server')],
            ]}
          />
        </Card>
        <Card title={t('panel.policies')}>
          {policies.length > 0 ? (
            <PolicyList policies={policies} />
          ) : (
            <p className={classes['soft']}>{t('panel.no-policies', { server: server.host })}</p>
          )}
        </Card>
        <Card title={t('panel.tasks')}>
          {tasks.length > 0 ? <TaskList tasks={tasks} /> : <p className={classes['soft']}>{t('panel.no-tasks')}</p>}
        </Card>
      </Stacked>
    </>
  );
}

function Server({ server }: { readonly server: PanelState['server'] }): ReactNode {
  const t = useText();
  const { host, connectedSince, problem } = server;
  return (
    <>
      {host} <StateBadge state={connectedSince === undefined ? 'offline' : 'online'} />
      {connectedSince !== undefined && (
        <span className={classes['soft']}>
          {' '}
          <Age at={connectedSince} />
        </span>
      )}
      {problem && <p className={classes['problem']}>{problem.message}</p>}
      {connectedSince === undefined && <p className={classes['soft']}>{t('panel.server.away')}</p>}
    </>
  );
}
