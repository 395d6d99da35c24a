import type { Job } from '@holdfast/protocol';
import { Button, Switch } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery, useAction } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import { useJobColumns } from './job-columns.tsx';
import { JobsFilters } from './jobs-filters.tsx';
import { areFiltered, parseJobsSearch } from './jobs-search.ts';
import { useSetEnabled } from './set-enabled.ts';

const route = getRouteApi('/jobs');
const pageSize = 200;

/** All jobs: when they run, how they went, and a way to run one now. */
export function JobsPage(): ReactNode {
  const t = useText();
  const common = useJobColumns();
  const may = useMay();
  const navigate = useNavigate();
  const search = route.useSearch();
  const jobs = useInfiniteQuery(pagesQuery('jobs', { query: { limit: pageSize, ...search } }));
  const run = useAction('runJob', ['sessions', 'jobs']);
  const setEnabled = useSetEnabled();
  const show = (change: Readonly<Record<string, string | undefined>>): void =>
    void navigate({ to: '/jobs', search: parseJobsSearch({ ...search, ...change }), replace: true });
  const start = (id: string): void =>
    run.mutate(
      { params: { id }, body: {} },
      { onSuccess: (session) => void navigate({ to: '/sessions/$id', params: { id: session.id } }) },
    );
  const columns: readonly Column<Job, 'created' | 'name'>[] = [
    {
      id: 'name',
      head: t('jobs.column.name'),
      cell: ({ id, name }) => (
        <Link to="/jobs/$id" params={{ id }}>
          {name}
        </Link>
      ),
      sort: 'name',
    },
    common.last,
    {
      id: 'when',
      head: t('jobs.column.when'),
      cell: ({ lastSession }) => lastSession && <Age at={lastSession.endedAt ?? lastSession.createdAt} />,
      wide: true,
    },
    { ...common.schedule, wide: true },
    common.next,
    common.scope,
    {
      id: 'enabled',
      head: t('jobs.column.enabled'),
      cell: ({ id, name, enabled }) => (
        <Switch
          aria-label={t('jobs.enabled.named', { name })}
          checked={enabled}
          disabled={setEnabled.isPending || !may('changeJob')}
          onChange={({ currentTarget }) => setEnabled.mutate({ id, enabled: currentTarget.checked })}
        />
      ),
      wide: true,
    },
    {
      id: 'run',
      head: t('table.actions'),
      align: 'end',
      cell: ({ id, name }) =>
        may('runJob') && (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={t('jobs.run.named', { name })}
            loading={run.isPending && run.variables.params.id === id}
            onClick={() => start(id)}
          >
            {t('jobs.run')}
          </Button>
        ),
    },
  ];
  return (
    <>
      <PageHead title={t('jobs.title')} subtitle={t('jobs.lead')}>
        {may('createJob') && (
          <Button component={Link} to="/jobs/new" leftSection={<IconPlus size={17} aria-hidden="true" />}>
            {t('jobs.add')}
          </Button>
        )}
      </PageHead>
      {run.error && <ProblemAlert error={run.error} />}
      {setEnabled.error && <ProblemAlert error={setEnabled.error} />}
      {jobs.error && <ProblemAlert error={jobs.error} />}
      <JobsFilters list="/jobs" search={search} onChange={show} />
      <DataTable
        label={t('jobs.title')}
        rows={jobs.data?.pages.flatMap((page) => page.jobs) ?? []}
        keyOf={({ id }) => id}
        columns={columns}
        sort={{ by: search.sort ?? 'created', descending: search.order === 'desc' }}
        onSort={({ by, descending }) => show({ sort: by, order: descending ? 'desc' : undefined })}
        empty={t(areFiltered(search) ? 'jobs.none-found' : 'jobs.none')}
        isLoading={jobs.isPending || jobs.isFetchingNextPage}
        hasMore={jobs.hasNextPage}
        onMore={() => void jobs.fetchNextPage()}
      />
    </>
  );
}
