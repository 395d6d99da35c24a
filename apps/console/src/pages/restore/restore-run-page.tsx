import type { Run } from '@holdfast/protocol';
import { Button, Loader, Progress } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { Facts } from '../../components/facts.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { Stacked } from '../../components/stacked.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMay, useMayOpen } from '../../session/rights.ts';
import { MissingPage } from '../missing-page.tsx';
import { SessionLog } from '../sessions/session-log.tsx';
import { Refusal } from './refusal.tsx';
import classes from './restore-dialog.module.css';
import { RestoreOutcome } from './restore-outcome.tsx';
import { pathOf } from './restore-request.ts';
import { RestoredWhat } from './restored-what.tsx';
import { shown } from './snapshot-paths.ts';
import { usePoint } from './use-point.ts';

const route = getRouteApi('/restores/$id');
/** How often progress is looked at. */
export const refreshMs = 1_000;

/** A restore as it goes: what comes back, where to, how far it is, what it waits for, and what happened. */
export function RestoreRunPage(): ReactNode {
  const { t, formats } = useLanguage();
  const may = useMay();
  const mayOpen = useMayOpen();
  const { id } = route.useParams();
  const query = useQuery({
    ...routeQuery('run', { params: { id } }),
    refetchInterval: ({ state }) => (state.data?.endedAt === undefined ? refreshMs : false),
  });
  const cancel = useAction('cancelRun', ['run', 'runs']);
  if (query.error) return <MissingPage error={query.error} />;
  if (!query.data) return <Loader aria-label={t('app.loading')} />;
  const run = query.data;
  const { restore } = run;
  const isOpen = run.endedAt === undefined;
  return (
    <Stacked>
      <PageHead
        title={t(restore?.dryRun ? 'restore.run.dry' : 'kind.restore')}
        subtitle={<StateBadge state={run.state} />}
      >
        {isOpen && may('cancelRun') && (
          <Button
            variant="default"
            color="red"
            loading={cancel.isPending}
            onClick={() => cancel.mutate({ params: { id } })}
          >
            {t('restore.cancel')}
          </Button>
        )}
        {mayOpen('/restore') && (
          <Button component={Link} to="/restore" variant="default">
            {t('restore.another')}
          </Button>
        )}
      </PageHead>
      {cancel.error && <ProblemAlert error={cancel.error} />}
      {restore && <OfPoint snapshotId={restore.snapshotId} repositoryId={run.repositoryId} />}
      <Card title={t('restore.run.facts')}>
        <Facts
          facts={[
            [t('restore.run.to'), <ComputerName key="to" id={run.agentId} />],
            ...(restore
              ? [
                  [t('restore.folder'), <bdi key="target">{shown(restore.target)}</bdi>] as const,
                  [
                    t('restore.chosen'),
                    restore.parts.count === 0
                      ? shown(restore.subfolder ?? t('restore.everything'))
                      : t('restore.parts', {
                          count: restore.parts.count,
                          first: shown(pathOf(restore.parts.first[0] ?? '')),
                        }),
                  ] as const,
                ]
              : []),
            [t('session.begun'), formats.dateTime(run.startedAt ?? run.queuedAt)],
            ...(run.endedAt === undefined ? [] : [[t('session.ended'), formats.dateTime(run.endedAt)] as const]),
          ]}
        />
        {run.way && (
          <p className={classes['soft']}>{t(`restore.way.${run.way}`, { name: t('restore.run.computer') })}</p>
        )}
      </Card>
      {run.state === 'running' && run.progress && <RestoreProgress progress={run.progress} />}
      {run.result?.kind === 'restore' && (
        <Card title={t('restore.run.result')}>
          <RestoreOutcome result={run.result} />
        </Card>
      )}
      {run.error && <Refusal error={run.error} />}
      {run.degradations.map(({ channel, usedInstead, reason }) => (
        <p key={channel}>{t('session.degradation', { channel, usedInstead, reason: reason.message })}</p>
      ))}
      {run.problemCount > 0 && (
        <Card title={t('session.problems')}>
          <ul>
            {run.problems.slice(0, 20).map((problem, at) => (
              // oxlint-disable-next-line react/no-array-index-key -- problems have no identity, and only come to be more
              <li key={at}>{shown(problem.message)}</li>
            ))}
          </ul>
          {run.problemCount > 20 && <p>{t('session.more-problems', { count: run.problemCount - 20 })}</p>}
        </Card>
      )}
      {run.sessionId !== undefined && <SessionLog sessionId={run.sessionId} isOpen={isOpen} />}
    </Stacked>
  );
}

/** The host, date and repository of a restore; of a backup that was deleted since only the repository is known. */
function OfPoint(o: { readonly snapshotId: string; readonly repositoryId: string }): ReactNode {
  const { t } = useLanguage();
  const { point, repository } = usePoint(o);
  if (point === null) return <p>{t('restore.run.gone', { repository })}</p>;
  return point && <RestoredWhat hostname={point.hostname} takenAt={point.takenAt} repository={repository} />;
}

function RestoreProgress({ progress }: { readonly progress: NonNullable<Run['progress']> }): ReactNode {
  const { t, formats } = useLanguage();
  const { bytesDone, bytesTotal, filesDone, currentPath, waits } = progress;
  const share = bytesTotal === undefined || bytesTotal === 0 ? undefined : Math.min(1, bytesDone / bytesTotal);
  const slowest = waits && Object.entries(waits).sort(([, a], [, b]) => b - a)[0];
  return (
    <Card title={t('restore.run.progress')}>
      <Progress
        value={share === undefined ? 100 : share * 100}
        animated={share === undefined}
        aria-label={t('restore.run.progress')}
      />
      <p className={classes['soft']}>
        {t('restore.run.done', {
          share: share === undefined ? '…' : formats.percent(share),
          done: formats.bytes(bytesDone),
          count: filesDone,
        })}
        {slowest && ` · ${t(`bottleneck.${slowest[0] as keyof NonNullable<typeof waits>}`, { percent: slowest[1] })}`}
      </p>
      {currentPath !== undefined && <p className={classes['soft']}>{shown(currentPath)}</p>}
    </Card>
  );
}
