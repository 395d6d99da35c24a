import type { Repository } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery, routeQuery } from '../../api/queries.ts';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { PageHead } from '../../components/page-head.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';

const pageSize = 200;

/** Where backups are kept. */
export function RepositoriesPage(): ReactNode {
  const { t, formats } = useLanguage();
  const repositories = useInfiniteQuery(pagesQuery('repositories', { query: { limit: pageSize } }));
  const columns: readonly Column<Repository>[] = [
    { id: 'name', head: t('repositories.column.name'), cell: ({ name }) => <strong>{name}</strong> },
    { id: 'mover', head: t('repositories.column.mover'), cell: ({ moverId }) => <ComputerName id={moverId} /> },
    {
      id: 'location',
      head: t('repositories.column.location'),
      cell: ({ location }) => <code>{location}</code>,
      wide: true,
    },
    { id: 'group', head: t('computers.group'), cell: ({ group }) => group, wide: true },
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
        <Button
          component={Link}
          to="/get-started"
          hash="repository"
          leftSection={<IconPlus size={17} aria-hidden="true" />}
        >
          {t('repositories.add')}
        </Button>
      </PageHead>
      {repositories.error && <ProblemAlert error={repositories.error} />}
      <DataTable
        label={t('repositories.title')}
        rows={repositories.data?.pages.flatMap((page) => page.repositories) ?? []}
        keyOf={({ id }) => id}
        columns={columns}
        empty={t('repositories.none')}
        isLoading={repositories.isPending || repositories.isFetchingNextPage}
        hasMore={repositories.hasNextPage}
        onMore={() => void repositories.fetchNextPage()}
      />
    </>
  );
}

function ComputerName({ id }: { readonly id: string }): ReactNode {
  const computer = useQuery(routeQuery('computer', { params: { id } }));
  return (
    <Link to="/computers/$id" params={{ id }}>
      {computer.data?.hostname ?? id.slice(0, 8)}
    </Link>
  );
}
