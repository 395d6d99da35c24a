import type { Run } from '@holdfast/protocol';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { computerNameQuery } from '../../api/computer-names.ts';
import { routeQuery } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { TaskProgress } from '../../components/task-progress.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './session-tasks.module.css';
import { TaskSpeed } from './task-speed.tsx';

/** More tasks than this are in the list of computers. */
const shownTasks = 200;
const refreshMs = 1_000;
/** Of so many tasks it is also shown how fast each was: one more question for each. */
const shownSpeeds = 8;

/** The tasks of a session, one for each computer; progress is looked at every second while the session goes on. */
export function SessionTasks(o: { readonly sessionId: string; readonly isOpen: boolean }): ReactNode {
  const { t } = useLanguage();
  const query = { sessionId: o.sessionId, limit: shownTasks };
  const runs = useQuery({ ...routeQuery('runs', { query }), refetchInterval: o.isOpen ? refreshMs : false });
  return (
    <Card title={t('session.tasks')}>
      {runs.error && <ProblemAlert error={runs.error} />}
      <ul className={classes['tasks']}>
        {runs.data?.runs.map((run) => (
          <Task key={run.id} run={run} hasSpeed={runs.data.runs.length <= shownSpeeds} />
        ))}
      </ul>
    </Card>
  );
}

function Task({ run, hasSpeed }: { readonly run: Run; readonly hasSpeed: boolean }): ReactNode {
  const { t, formats } = useLanguage();
  const name = useQuery(computerNameQuery(run.agentId)).data ?? run.agentId.slice(0, 8);
  return (
    <li className={classes['task']}>
      <div className={classes['head']}>
        <Link to="/computers/$id" params={{ id: run.agentId }}>
          {name}
        </Link>
        <StateBadge state={run.state} />
      </div>
      {run.state === 'running' && run.progress && <TaskProgress progress={run.progress} name={name} />}
      {hasSpeed && run.startedAt !== undefined && <TaskSpeed run={run} name={name} />}
      {run.result?.kind === 'backup' && (
        <p className={classes['result']}>
          {t('session.backup-result', {
            count: run.result.totalFiles,
            total: formats.bytes(run.result.totalBytes),
            stored: formats.bytes(run.result.storedBytes),
            took: formats.duration(run.result.durationMs),
          })}
        </p>
      )}
      {run.error && (
        <div className={classes['error']}>
          <p>
            <strong>{run.error.message}</strong> <code>{run.error.code}</code>
          </p>
          <p>{run.error.guidance}</p>
        </div>
      )}
      {run.degradations.map(({ channel, usedInstead, reason }) => (
        <p key={channel}>{t('session.degradation', { channel, usedInstead, reason: reason.message })}</p>
      ))}
      {run.problems.slice(0, 5).map((problem, at) => (
        // oxlint-disable-next-line react/no-array-index-key -- problems have no identity, and only come to be more
        <p key={at} className={classes['problem']}>
          {problem.message}
        </p>
      ))}
      {run.problemCount > 5 && <p>{t('session.more-problems', { count: run.problemCount - 5 })}</p>}
    </li>
  );
}
