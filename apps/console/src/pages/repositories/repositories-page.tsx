import type { Repository } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery } from '../../api/queries.ts';
import { ComputerName } from '../../components/computer-name.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { FilterBar } from '../../components/filter-bar.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { SearchField } from '../../components/search-field.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { useMayOpen } from '../../session/rights.ts';
import { parseRepositoriesSearch } from './repositories-search.ts';

const route = getRouteApi('/repositories');
const pageSize = 200;

/** Where backups are kept. */
export function RepositoriesPage(): ReactNode {
  const { t, formats } = useLanguage();
  const mayOpen = useMayOpen();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const repositories = useInfiniteQuery(pagesQuery('repositories', { query: { limit: pageSize, ...search } }));
  const filters = [search.text, search.group, search.moverId, search.measured];
  // By size only those are listed that were measured.
  const isFiltered = search.sort === 'usedBytes' || filters.some((one) => one !== undefined);
  const columns: readonly Column<Repository, 'created' | 'name' | 'usedBytes'>[] = [
    {
      id: 'name',
      head: t('repositories.column.name'),
      cell: ({ id, name }) => (
        <Link to="/repositories/$id" params={{ id }}>
          {name}
        </Link>
      ),
      sort: 'name',
    },
    { id: 'mover', head: t('repositories.column.mover'), cell: ({ moverId }) => <ComputerName id={moverId} /> },
    {
      id: 'location',
      head: t('repositories.column.location'),
      cell: ({ location }) => <code>{location}</code>,
      wide: true,
    },
    { id: 'group', head: t('computers.group'), cell: ({ group }) => group, wide: true },
    {
      id: 'used',
      head: t('repositories.column.used'),
      cell: ({ usedBytes }) => (usedBytes === undefined ? t('repositories.unmeasured') : formats.bytes(usedBytes)),
      sort: 'usedBytes',
      mostFirst: true,
      align: 'end',
    },
    {
      id: 'keys',
      head: t('repositories.column.keys'),
      cell: ({ zeroKnowledge }) => t(zeroKnowledge ? 'repositories.keys.computer' : 'repositories.keys.server'),
      wide: true,
    },
    {
      id: 'begun',
      head: t('repositories.column.begun'),
      cell: ({ initialisedAt }) =>
        initialisedAt === undefined ? t('repositories.empty') : formats.dateTime(initialisedAt),
    },
  ];
  return (
    <>
      <PageHead title={t('repositories.title')} subtitle={t('repositories.lead')}>
        {mayOpen('/get-started') && (
          <Button
            component={Link}
            to="/get-started"
            hash="repository"
            leftSection={<IconPlus size={17} aria-hidden="true" />}
          >
            {t('repositories.add')}
          </Button>
        )}
      </PageHead>
      <FilterBar label={t('filter.label')}>
        <SearchField
          label={t('repositories.search')}
          value={search.text ?? ''}
          onChange={(text) => void navigate({ search: parseRepositoriesSearch({ ...search, text }), replace: true })}
        />
        {isFiltered && (
          <Button component={Link} to="/repositories" variant="default">
            {t('filter.drop-all')}
          </Button>
        )}
      </FilterBar>
      {repositories.error && <ProblemAlert error={repositories.error} />}
      <DataTable
        label={t('repositories.title')}
        rows={repositories.data?.pages.flatMap((page) => page.repositories) ?? []}
        keyOf={({ id }) => id}
        columns={columns}
        sort={{ by: search.sort ?? 'created', descending: search.order === 'desc' }}
        onSort={({ by, descending }) =>
          void navigate({ search: parseRepositoriesSearch({ ...search, sort: by, order: descending ? 'desc' : '' }) })
        }
        empty={t(isFiltered ? 'repositories.none-found' : 'repositories.none')}
        isLoading={repositories.isPending || repositories.isFetchingNextPage}
        hasMore={repositories.hasNextPage}
        onMore={() => void repositories.fetchNextPage()}
      />
    </>
  );
}
