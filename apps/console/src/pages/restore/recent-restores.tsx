import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './restore.module.css';
import { shown } from './snapshot-paths.ts';
import { usePoint } from './use-point.ts';

const maxShown = 10;

/** The last restores, and those under way; dry runs are not among them. */
export function RecentRestores(): ReactNode {
  const { t } = useLanguage();
  const runs = useQuery(routeQuery('runs', { query: { kind: 'restore', limit: maxShown * 3 } }));
  const restores = (runs.data?.runs ?? []).filter(({ restore }) => restore?.dryRun !== true).slice(0, maxShown);
  return (
    <Card title={t('restore.recent')}>
      {runs.error && <ProblemAlert error={runs.error} />}
      {runs.data && restores.length === 0 ? (
        t('restore.recent.none')
      ) : (
        <PlainTable
          label={t('restore.recent')}
          rows={restores}
          keyOf={({ id }) => id}
          columns={[
            {
              id: 'what',
              head: t('restore.folder'),
              cell: ({ id, restore }) => (
                <Link to="/restores/$id" params={{ id }}>
                  {restore === undefined ? id.slice(0, 8) : shown(restore.target)}
                </Link>
              ),
            },
            {
              id: 'of',
              head: t('recovery-tokens.computer'),
              cell: ({ repositoryId, restore }) =>
                restore && <OfPoint snapshotId={restore.snapshotId} repositoryId={repositoryId} />,
            },
            { id: 'to', head: t('restore.run.to'), cell: ({ agentId }) => <ComputerName id={agentId} /> },
            { id: 'state', head: t('sessions.column.state'), cell: ({ state }) => <StateBadge state={state} /> },
            { id: 'begun', head: t('session.begun'), cell: ({ queuedAt }) => <Age at={queuedAt} />, wide: true },
          ]}
        />
      )}
    </Card>
  );
}

function OfPoint(o: { readonly snapshotId: string; readonly repositoryId: string }): ReactNode {
  const { formats } = useLanguage();
  const { point, repository } = usePoint(o);
  return (
    <>
      {point && `${shown(point.hostname)}, ${formats.dateTime(point.takenAt)}`}
      <span className={classes['folder']}>{repository}</span>
    </>
  );
}
