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

/** The tasks of all sessions, one of one computer each, newest first: where a number of the overview leads. */
export function RunsPage(): ReactNode {
  const { t } = useLanguage();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const runs = useInfiniteQuery(pagesQuery('runs', { query: { limit: pageSize, total: 'true', ...search } }));
  const filter = (change: Readonly<Record<string, string | undefined>>): void =>
    void navigate({ search: parseRunsSearch({ ...search, ...change }), replace: true });
  const columns: readonly Column<Run>[] = [
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
    { id: 'state', head: t('sessions.column.state'), cell: ({ state }) => <StateBadge state={state} /> },
    { id: 'ended', head: t('session.ended'), cell: ({ endedAt }) => endedAt && <Age at={endedAt} />, wide: true },
    { id: 'error', head: t('runs.column.error'), cell: ({ error }) => error?.message, wide: true },
  ];
  const total = runs.data?.pages[0]?.total;
  const isFiltered = Object.keys(search).length > 0;
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
      <DataTable
        label={t('runs.title')}
        rows={runs.data?.pages.flatMap((page) => page.runs) ?? []}
        keyOf={({ id }) => id}
        columns={columns}
        empty={t(isFiltered ? 'runs.none-found' : 'sessions.none')}
        isLoading={runs.isPending || runs.isFetchingNextPage}
        hasMore={runs.hasNextPage}
        onMore={() => void runs.fetchNextPage()}
      />
    </>
  );
}
