import type { Answer, Repository, RepositoryMaintenance } from '@holdfast/protocol';
import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { scheduleText } from '../jobs/schedule-text.ts';

type Work = Answer<'maintenanceTimes'>['work'][number];
const changed = ['maintenanceTimes', 'sessions', 'runs'] as const;

/** What is done in a repository: when, how it went last, when again, and a way to have it done now. */
export function MaintenanceWork({ repository }: { readonly repository: Repository }): ReactNode {
  const { t, formats } = useLanguage();
  const params = { id: repository.id };
  const settings = useQuery(routeQuery('repositoryMaintenance', { params }));
  const times = useQuery(routeQuery('maintenanceTimes', { params }));
  const error = settings.error ?? times.error;
  const set = settings.data;
  return (
    <Card title={t('maintenance.title')} aside={set && t('maintenance.zone', { zone: set.timeZone })}>
      {error && <ProblemAlert error={error} />}
      {repository.delayed?.map(({ kind, since }) => (
        <p key={kind} role="status">
          {t('maintenance.delayed', { kind: t(`kind.${kind}`), since: formats.dateTime(since) })}{' '}
          <ComputerName id={repository.executorId ?? repository.moverId} />
        </p>
      ))}
      {set && times.data && (
        <PlainTable
          label={t('maintenance.title')}
          rows={times.data.work}
          keyOf={({ kind }) => kind}
          columns={[
            { id: 'kind', head: t('session.kind'), cell: ({ kind }) => t(`kind.${kind}`) },
            {
              id: 'when',
              head: t('jobs.column.schedule'),
              cell: ({ kind }) => scheduleText(set[kind], t, formats),
              wide: true,
            },
            { id: 'last', head: t('maintenance.last'), cell: (work) => <Last work={work} /> },
            {
              id: 'next',
              head: t('jobs.column.next'),
              cell: ({ nextAt }) => (nextAt === undefined ? '–' : formats.dateTime(nextAt)),
            },
            {
              id: 'run',
              head: t('table.actions'),
              align: 'end',
              cell: ({ kind }) => <RunNow repository={repository} kind={kind} settings={set} />,
            },
          ]}
        />
      )}
    </Card>
  );
}

function Last({ work: { last } }: { readonly work: Work }): ReactNode {
  const { t } = useLanguage();
  if (!last) return t('age.never');
  const how = (
    <>
      <StateBadge state={last.state} /> <Age at={last.endedAt ?? last.startedAt ?? last.queuedAt} />
    </>
  );
  return (
    <>
      {last.sessionId === undefined ? (
        how
      ) : (
        <Link to="/sessions/$id" params={{ id: last.sessionId }}>
          {how}
        </Link>
      )}
      {last.error && <div>{last.error.message}</div>}
    </>
  );
}

/** Has it done, and leads to where it can be followed. */
function RunNow(o: {
  readonly repository: Repository;
  readonly kind: Work['kind'];
  readonly settings: RepositoryMaintenance;
}): ReactNode {
  const { t } = useLanguage();
  const { repository, kind, settings } = o;
  const may = useMay();
  const navigate = useNavigate();
  const maintain = useAction('maintain', changed);
  const drill = useAction('startDrills', changed);
  const params = { id: repository.id };
  const follow = (id: string | undefined): void => {
    if (id !== undefined) void navigate({ to: '/sessions/$id', params: { id } });
  };
  const ask = (body: Parameters<typeof maintain.mutate>[0]['body']): void =>
    maintain.mutate({ params, body }, { onSuccess: ({ sessionId }) => follow(sessionId) });
  const start = (): void => {
    if (kind === 'drill') drill.mutate({ params, body: {} }, { onSuccess: ({ id }) => follow(id) });
    else if (kind === 'prune') ask({ kind, maxUnusedPercent: settings.maxUnusedPercent });
    else ask({ kind });
  };
  if (repository.initialisedAt === undefined || !may(kind === 'drill' ? 'startDrills' : 'maintain')) return null;
  const error = maintain.error ?? drill.error;
  return (
    <>
      <Group gap="xs" justify="flex-end">
        <Button
          size="compact-sm"
          variant="default"
          aria-label={t('jobs.run.named', { name: t(`kind.${kind}`) })}
          loading={maintain.isPending || drill.isPending}
          onClick={start}
        >
          {t('jobs.run')}
        </Button>
        {kind === 'check' && (
          <Button
            size="compact-sm"
            variant="default"
            loading={maintain.isPending}
            onClick={() => ask({ kind, read: 'everything' })}
          >
            {t('maintenance.read-everything')}
          </Button>
        )}
      </Group>
      {error && <ProblemAlert error={error} />}
    </>
  );
}
