import type { ComputerDetail } from '@holdfast/protocol';
import { Button, NativeSelect } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery, routeQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { FilterBar } from '../../components/filter-bar.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { SearchField } from '../../components/search-field.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { type Translate, useText } from '../../i18n/language.tsx';
import { useMayOpen } from '../../session/rights.ts';
import { given, oneOf } from '../search-values.ts';
import { ActiveFilters } from './active-filters.tsx';
import { ComputerStates } from './computer-states.tsx';
import { type ComputersSearch, platforms, results, stateFilters } from './computers-search.ts';

const route = getRouteApi('/computers');
const pageSize = 200;

/** All computers: what the server filters stands in the address, so that a link shows the same. */
export function ComputersPage(): ReactNode {
  const t = useText();
  const mayOpen = useMayOpen();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const groups = useQuery(routeQuery('groups', { query: { limit: 1000 } }));
  const computers = useInfiniteQuery(pagesQuery('computers', { query: { limit: pageSize, total: 'true', ...search } }));
  const rows = computers.data?.pages.flatMap((page) => page.computers) ?? [];
  const filter = (change: { [Key in keyof ComputersSearch]?: ComputersSearch[Key] | undefined }): void =>
    void navigate({ search: given({ ...search, ...change }), replace: true });
  const isFiltered = Object.keys(search).length > 0;
  return (
    <>
      <PageHead title={t('computers.title')} subtitle={t('computers.lead')}>
        {mayOpen('/get-started') && (
          <Button
            component={Link}
            to="/get-started"
            hash="computer"
            leftSection={<IconPlus size={17} aria-hidden="true" />}
          >
            {t('computers.add')}
          </Button>
        )}
      </PageHead>
      <FilterBar label={t('filter.label')}>
        <SearchField
          label={t('computers.search')}
          value={search.text ?? ''}
          onChange={(text) => filter({ text: text || undefined })}
        />
        <NativeSelect
          aria-label={t('computers.state')}
          value={search.state ?? ''}
          onChange={({ currentTarget: { value } }) => filter({ state: stateFilters.find((one) => one === value) })}
          data={[
            { value: '', label: t('computers.state.any') },
            ...stateFilters.map((value) => ({ value, label: t(`state.${value}`) })),
          ]}
        />
        <NativeSelect
          aria-label={t('computers.role')}
          value={search.role ?? ''}
          onChange={({ currentTarget: { value } }) =>
            filter({ role: value === 'agent' || value === 'mover' ? value : undefined })
          }
          data={[
            { value: '', label: t('computers.role.any') },
            { value: 'agent', label: t('computers.role.agent') },
            { value: 'mover', label: t('computers.role.mover') },
          ]}
        />
        <NativeSelect
          aria-label={t('computers.group')}
          value={search.group ?? ''}
          onChange={({ currentTarget: { value } }) => filter({ group: value || undefined })}
          data={[
            { value: '', label: t('computers.group.any') },
            ...(groups.data?.groups ?? []).map(({ name }) => name),
          ]}
        />
        <NativeSelect
          aria-label={t('computers.column.platform')}
          value={search.platform ?? ''}
          onChange={({ currentTarget: { value } }) => filter({ platform: oneOf(value, platforms) })}
          data={[
            { value: '', label: t('computers.platform.any') },
            ...platforms.map((value) => ({ value, label: t(`platform.${value}`) })),
          ]}
        />
        <NativeSelect
          aria-label={t('computers.column.result')}
          value={search.lastResult ?? ''}
          onChange={({ currentTarget: { value } }) => filter({ lastResult: oneOf(value, results) })}
          data={[
            { value: '', label: t('computers.result.any') },
            ...results.map((value) => ({ value, label: t(`state.${value}`) })),
          ]}
        />
      </FilterBar>
      <ActiveFilters search={search} total={computers.data?.pages[0]?.total} onDrop={filter} />
      {computers.error && <ProblemAlert error={computers.error} />}
      <DataTable
        label={t('computers.title')}
        rows={rows}
        keyOf={({ id }) => id}
        columns={columnsOf(t)}
        sort={{ by: search.sort ?? 'joined', descending: search.order === 'desc' }}
        onSort={({ by, descending }) =>
          filter({ sort: by === 'joined' ? undefined : by, order: descending ? 'desc' : undefined })
        }
        empty={t(isFiltered ? 'computers.none-found' : 'computers.none')}
        isLoading={computers.isFetching && (computers.isPending || computers.isFetchingNextPage)}
        hasMore={computers.hasNextPage}
        onMore={() => void computers.fetchNextPage()}
      />
    </>
  );
}

function columnsOf(t: Translate): readonly Column<ComputerDetail, 'joined' | 'name' | 'lastBackup'>[] {
  return [
    {
      id: 'hostname',
      head: t('computers.column.name'),
      sort: 'name',
      cell: ({ id, hostname }) => (
        <Link to="/computers/$id" params={{ id }}>
          {hostname}
        </Link>
      ),
    },
    { id: 'state', head: t('computers.column.state'), cell: (row) => <ComputerStates computer={row} /> },
    {
      id: 'backup',
      head: t('computers.column.backup'),
      sort: 'lastBackup',
      cell: ({ role, lastBackupAt }) => (role === 'agent' ? <Age at={lastBackupAt} /> : '–'),
    },
    {
      id: 'result',
      head: t('computers.column.result'),
      cell: ({ lastResult }) => lastResult && <StateBadge state={lastResult} />,
      wide: true,
    },
    { id: 'role', head: t('computers.role'), cell: ({ role }) => t(`computers.role.${role}`), wide: true },
    { id: 'group', head: t('computers.group'), cell: ({ group }) => group, wide: true },
    {
      id: 'platform',
      head: t('computers.column.platform'),
      cell: ({ platform }) => t(`platform.${platform}`),
      wide: true,
    },
    { id: 'address', head: t('computers.column.address'), cell: ({ address }) => address, wide: true },
    { id: 'version', head: t('computers.column.version'), cell: ({ productVersion }) => productVersion, wide: true },
  ];
}
