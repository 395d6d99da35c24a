import type { Session } from '@holdfast/protocol';
import { Button, NativeSelect } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { FilterBar } from '../../components/filter-bar.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { oneOf } from '../search-values.ts';
import { sessionName } from './session-name.ts';
import { parseSessionsSearch, sessionKinds, sessionStates } from './sessions-search.ts';

const route = getRouteApi('/sessions');
const pageSize = 200;

/** What was done, newest first, and what is going on. */
export function SessionsPage(): ReactNode {
  const { t, formats } = useLanguage();
  const search = route.useSearch();
  const sessions = useInfiniteQuery(pagesQuery('sessions', { query: { limit: pageSize, ...search } }));
  const navigate = route.useNavigate();
  const filter = (change: Readonly<Record<string, string | undefined>>): void =>
    void navigate({ search: parseSessionsSearch({ ...search, ...change }), replace: true });
  const columns: readonly Column<Session, 'created'>[] = [
    {
      id: 'name',
      head: t('sessions.column.name'),
      cell: (one) => (
        <Link to="/sessions/$id" params={{ id: one.id }}>
          {sessionName(one, t)}
        </Link>
      ),
    },
    { id: 'state', head: t('sessions.column.state'), cell: ({ state }) => <StateBadge state={state} /> },
    {
      id: 'begun',
      head: t('sessions.column.begun'),
      cell: ({ createdAt }) => <Age at={createdAt} />,
      sort: 'created',
    },
    { id: 'trigger', head: t('sessions.column.trigger'), cell: ({ trigger }) => t(`trigger.${trigger}`), wide: true },
    {
      id: 'tasks',
      head: t('sessions.column.tasks'),
      cell: ({ tasks }) => formats.number(Object.values(tasks).reduce((sum, count) => sum + count, 0)),
      align: 'end',
      wide: true,
    },
    {
      id: 'processed',
      head: t('sessions.column.processed'),
      cell: ({ processedBytes }) => formats.bytes(processedBytes),
      align: 'end',
      wide: true,
    },
    {
      id: 'stored',
      head: t('sessions.column.stored'),
      cell: ({ storedBytes }) => formats.bytes(storedBytes),
      align: 'end',
      wide: true,
    },
  ];
  return (
    <>
      <PageHead title={t('sessions.title')} subtitle={t('sessions.lead')}>
        {search.jobId !== undefined && (
          <Button component={Link} to="/sessions" variant="default">
            {t('sessions.all')}
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
      {sessions.error && <ProblemAlert error={sessions.error} />}
      <DataTable
        label={t('sessions.title')}
        rows={sessions.data?.pages.flatMap((page) => page.sessions) ?? []}
        keyOf={({ id }) => id}
        columns={columns}
        sort={{ by: 'created', descending: search.order !== 'asc' }}
        onSort={({ descending }) => filter({ order: descending ? undefined : 'asc' })}
        empty={t('sessions.none')}
        isLoading={sessions.isPending || sessions.isFetchingNextPage}
        hasMore={sessions.hasNextPage}
        onMore={() => void sessions.fetchNextPage()}
      />
    </>
  );
}
