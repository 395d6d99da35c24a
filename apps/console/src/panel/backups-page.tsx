import type { PanelPolicy, PanelState, SnapshotFacts } from '@holdfast/protocol';
import { Button, Loader } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { ApiProblem } from '../api/problem.ts';
import { Age } from '../components/age.tsx';
import { Card } from '../components/card.tsx';
import type { Column } from '../components/data-table.tsx';
import { PageHead } from '../components/page-head.tsx';
import { PlainTable } from '../components/plain-table.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { Stacked } from '../components/stacked.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { BackupBrowser } from './backup-browser.tsx';
import classes from './panel.module.css';
import { addressOf } from './panel-address.ts';
import { ask } from './panel-session.ts';
import { type RestorePoints, restorePoints } from './restore-points.ts';

/** The backups of this computer in the repository of a policy, and what is in the one that is chosen. */
export function BackupsPage(o: {
  readonly state: PanelState;
  readonly policy: PanelPolicy;
  readonly snapshotId: string | undefined;
}): ReactNode {
  const { t } = useLanguage();
  const { policy } = o;
  const snapshots = useQuery<RestorePoints, ApiProblem>({
    queryKey: ['snapshots', policy.id],
    queryFn: ({ signal }) =>
      restorePoints((after) =>
        ask('snapshots', { policyId: policy.id, ...(after === undefined ? {} : { after }) }, signal),
      ),
  });
  const chosen = snapshots.data?.points.find(({ id }) => id === o.snapshotId);
  return (
    <>
      <PageHead
        title={t('panel.backups-of', { name: policy.name })}
        subtitle={t('panel.to', { repository: policy.repository })}
      >
        <Button component="a" href={addressOf({ page: 'state' })} variant="default">
          {t('action.back')}
        </Button>
      </PageHead>
      <Stacked>
        {snapshots.isPending && (
          <p role="status" className={classes['soft']}>
            <Loader size="xs" aria-hidden="true" /> {t('panel.opening', { repository: policy.repository })}
          </p>
        )}
        {snapshots.error && <ProblemAlert error={snapshots.error} />}
        {snapshots.data && (
          <Card title={t('computer.snapshots')}>
            <Stacked>
              <LeftOut {...snapshots.data} />
              <Points points={snapshots.data.points} policy={policy} />
            </Stacked>
          </Card>
        )}
        {chosen && (
          <BackupBrowser
            key={chosen.id}
            state={o.state}
            policy={policy}
            point={chosen}
            points={snapshots.data?.points ?? []}
          />
        )}
      </Stacked>
    </>
  );
}

/** What of the repository is not in the table. */
function LeftOut({ unreadable, isCut }: RestorePoints): ReactNode {
  const { t } = useLanguage();
  return (
    <>
      {unreadable > 0 && <p role="note">{t('panel.unreadable', { count: unreadable })}</p>}
      {isCut && <p role="note">{t('panel.cut')}</p>}
    </>
  );
}

function Points(o: { readonly points: readonly SnapshotFacts[]; readonly policy: PanelPolicy }): ReactNode {
  const { t, formats } = useLanguage();
  if (o.points.length === 0) return <p className={classes['soft']}>{t('computer.no-snapshots')}</p>;
  const columns: readonly Column<SnapshotFacts>[] = [
    {
      id: 'at',
      head: t('snapshots.column.at'),
      cell: ({ id, takenAt }) => (
        <a href={addressOf({ page: 'backups', policyId: o.policy.id, snapshotId: id })}>{formats.dateTime(takenAt)}</a>
      ),
    },
    { id: 'age', head: t('snapshots.column.age'), cell: ({ takenAt }) => <Age at={takenAt} /> },
    { id: 'sources', head: t('snapshots.column.sources'), wide: true, cell: ({ sources }) => sources.join(', ') },
    {
      id: 'size',
      head: t('snapshots.column.size'),
      align: 'end',
      cell: ({ totalBytes }) => (totalBytes === undefined ? '' : formats.bytes(totalBytes)),
    },
  ];
  return <PlainTable label={t('computer.snapshots')} rows={o.points} keyOf={({ id }) => id} columns={columns} />;
}
