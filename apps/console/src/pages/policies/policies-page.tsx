import type { Policy } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery } from '../../api/queries.ts';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { useJobColumns } from '../jobs/job-columns.tsx';
import { JobsFilters } from '../jobs/jobs-filters.tsx';
import { areFiltered, parseJobsSearch } from '../jobs/jobs-search.ts';

const route = getRouteApi('/policies');
const pageSize = 200;

/** What agents do by themselves, also while no server is there. */
export function PoliciesPage(): ReactNode {
  const t = useText();
  const common = useJobColumns();
  const may = useMay();
  const search = route.useSearch();
  const policies = useInfiniteQuery(pagesQuery('policies', { query: { limit: pageSize, ...search } }));
  const navigate = route.useNavigate();
  const show = (change: Readonly<Record<string, string | undefined>>): void =>
    void navigate({ search: parseJobsSearch({ ...search, ...change }), replace: true });
  const columns: readonly Column<Policy, 'created' | 'name'>[] = [
    {
      id: 'name',
      head: t('policies.column.name'),
      cell: ({ id, name }) => (
        <Link to="/policies/$id" params={{ id }}>
          {name}
        </Link>
      ),
      sort: 'name',
    },
    common.last,
    common.schedule,
    common.next,
    common.scope,
  ];
  return (
    <>
      <PageHead title={t('policies.title')} subtitle={t('policies.lead')}>
        {may('createPolicy') && (
          <Button component={Link} to="/policies/new" leftSection={<IconPlus size={17} aria-hidden="true" />}>
            {t('policies.add')}
          </Button>
        )}
      </PageHead>
      {policies.error && <ProblemAlert error={policies.error} />}
      <JobsFilters list="/policies" search={search} onChange={show} />
      <DataTable
        label={t('policies.title')}
        rows={policies.data?.pages.flatMap((page) => page.policies) ?? []}
        keyOf={({ id }) => id}
        columns={columns}
        sort={{ by: search.sort ?? 'created', descending: search.order === 'desc' }}
        onSort={({ by, descending }) => show({ sort: by, order: descending ? 'desc' : undefined })}
        empty={t(areFiltered(search) ? 'policies.none-found' : 'policies.none')}
        isLoading={policies.isPending || policies.isFetchingNextPage}
        hasMore={policies.hasNextPage}
        onMore={() => void policies.fetchNextPage()}
      />
    </>
  );
}
