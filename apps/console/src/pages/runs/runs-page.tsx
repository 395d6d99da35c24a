import type { Run } from '@holdfast/protocol';
import { Button, NativeSelect } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { FilterBar } from '../../components/filter-bar.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { oneOf } from '../search-values.ts';
import { sessionKinds, sessionStates } from '../sessions/sessions-search.ts';
import { parseRunsSearch } from './runs-search.ts';

const route = getRouteApi('/runs');
const pageSize = 200;
type RunOrder = 'queued' | NonNullable<ReturnType<typeof parseRunsSearch>['sort']>;

/** The tasks of all sessions, one of one computer each, newest first: where a number of the overview leads. */
export function RunsPage(): ReactNode {
  const { t, formats } = useLanguage();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const runs = useInfiniteQuery(pagesQuery('runs', { query: { limit: pageSize, total: 'true', ...search } }));
  const filter = (change: Readonly<Record<string, string | undefined>>): void =>
    void navigate({ search: parseRunsSearch({ ...search, ...change }), replace: true });
  const columns: readonly Column<Run, RunOrder>[] = [
    {
      id: 'computer',
      head: t('computers.column.name'),
      cell: ({ agentId }) => <ComputerName id={agentId} />,
    },
    {
      id: 'kind',
      head: t('session.kind'),
      cell: ({ kind, sessionId }) =>
        sessionId === undefined ? (
          t(`kind.${kind}`)
        ) : (
          <Link to="/sessions/$id" params={{ id: sessionId }}>
            {t(`kind.${kind}`)}
          </Link>
        ),
    },
    {
      id: 'state',
      head: t('sessions.column.state'),
      cell: ({ state }) => <StateBadge state={state} />,
      sort: 'state',
    },
    {
      id: 'queued',
      head: t('sessions.column.begun'),
      cell: ({ queuedAt }) => <Age at={queuedAt} />,
      sort: 'queued',
      wide: true,
    },
    {
      id: 'ended',
      head: t('session.ended'),
      cell: ({ endedAt }) => endedAt && <Age at={endedAt} />,
      sort: 'ended',
      mostFirst: true,
      wide: true,
    },
    {
      id: 'processed',
      head: t('sessions.column.processed'),
      cell: (run) => formats.bytes(processedBytes(run)),
      sort: 'processedBytes',
      mostFirst: true,
      align: 'end',
      wide: true,
    },
    {
      id: 'stored',
      head: t('sessions.column.stored'),
      cell: ({ result }) => result?.kind === 'backup' && formats.bytes(result.storedBytes),
      sort: 'storedBytes',
      mostFirst: true,
      align: 'end',
      wide: true,
    },
    { id: 'error', head: t('runs.column.error'), cell: ({ error }) => error?.message, wide: true },
  ];
  const total = runs.data?.pages[0]?.total;
  const { sort = 'queued', order, ...filters } = search;
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <>
      <PageHead
        title={t('runs.title')}
        subtitle={total === undefined ? t('runs.lead') : t('runs.total', { count: total })}
      >
        {isFiltered && (
          <Button component={Link} to="/runs" variant="default">
            {t('filter.drop-all')}
          </Button>
        )}
      </PageHead>
      <FilterBar label={t('filter.label')}>
        <NativeSelect
          aria-label={t('sessions.column.state')}
          value={search.state ?? ''}
          onChange={({ currentTarget: { value } }) => filter({ state: oneOf(value, sessionStates) })}
          data={[
            { value: '', label: t('computers.state.any') },
            ...sessionStates.map((value) => ({ value, label: t(`state.${value}`) })),
          ]}
        />
        <NativeSelect
          aria-label={t('session.kind')}
          value={search.kind ?? ''}
          onChange={({ currentTarget: { value } }) => filter({ kind: oneOf(value, sessionKinds) })}
          data={[
            { value: '', label: t('sessions.kind.any') },
            ...sessionKinds.map((value) => ({ value, label: t(`kind.${value}`) })),
          ]}
        />
      </FilterBar>
      {runs.error && <ProblemAlert error={runs.error} />}
      {sort !== 'queued' && sort !== 'state' && <p>{t('runs.only-ended')}</p>}
      <DataTable
        label={t('runs.title')}
        rows={runs.data?.pages.flatMap((page) => page.runs) ?? []}
        keyOf={({ id }) => id}
        columns={columns}
        sort={{ by: sort, descending: order !== 'asc' }}
        onSort={({ by, descending }) => filter({ sort: by, order: descending ? undefined : 'asc' })}
        empty={t(isFiltered ? 'runs.none-found' : 'sessions.none')}
        isLoading={runs.isPending || runs.isFetchingNextPage}
        hasMore={runs.hasNextPage}
        onMore={() => void runs.fetchNextPage()}
      />
    </>
  );
}

/** What was read of files, or restored, as the server orders by it. */
function processedBytes({ result, progress }: Run): number {
  if (result?.kind === 'backup') return result.totalBytes;
  return result?.kind === 'restore' || result?.kind === 'drill' ? result.bytes : (progress?.bytesDone ?? 0);
}
