import type { CatalogueSnapshot } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { pagesQuery } from '../api/queries.ts';
import { Age } from '../components/age.tsx';
import { Card } from '../components/card.tsx';
import { ComputerName } from '../components/computer-name.tsx';
import type { Column } from '../components/data-table.tsx';
import { PlainTable } from '../components/plain-table.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { useMayOpen } from '../session/rights.ts';

const pageSize = 20;

/** The backups of a computer, or in a repository, newest first, each with the way to its restore. */
export function SnapshotList(o: {
  readonly of: { readonly agentId: string } | { readonly repositoryId: string };
}): ReactNode {
  const { t, formats } = useLanguage();
  const mayOpen = useMayOpen();
  const snapshots = useInfiniteQuery(pagesQuery('snapshots', { query: { ...o.of, limit: pageSize } }));
  const computer: Column<CatalogueSnapshot> = {
    id: 'computer',
    head: t('computers.column.name'),
    cell: ({ agentId }) => <ComputerName id={agentId} />,
  };
  const restore: Column<CatalogueSnapshot> = {
    id: 'restore',
    head: t('table.actions'),
    align: 'end',
    cell: ({ id, agentId, repositoryId, takenAt }) => (
      <Link
        to="/restore"
        search={{ computer: agentId, repository: repositoryId, snapshot: id }}
        aria-label={t('snapshots.restore.named', { at: formats.dateTime(takenAt) })}
      >
        {t('restore.title')}
      </Link>
    ),
  };
  const rows = snapshots.data?.pages.flatMap((page) => page.snapshots) ?? [];
  return (
    <Card title={t('computer.snapshots')}>
      {snapshots.error && <ProblemAlert error={snapshots.error} />}
      {snapshots.data && rows.length === 0 ? (
        t('computer.no-snapshots')
      ) : (
        <PlainTable
          label={t('computer.snapshots')}
          rows={rows}
          keyOf={({ id, repositoryId }) => `${repositoryId} ${id}`}
          columns={[
            ...('repositoryId' in o.of ? [computer] : []),
            { id: 'at', head: t('snapshots.column.at'), cell: ({ takenAt }) => formats.dateTime(takenAt) },
            { id: 'age', head: t('snapshots.column.age'), cell: ({ takenAt }) => <Age at={takenAt} />, wide: true },
            { id: 'id', head: t('snapshots.column.id'), cell: ({ id }) => <code>{id.slice(0, 8)}</code>, wide: true },
            { id: 'sources', head: t('snapshots.column.sources'), cell: ({ sources }) => sources.join(', ') },
            {
              id: 'files',
              head: t('snapshots.column.files'),
              cell: ({ totalFiles }) => formats.number(totalFiles),
              align: 'end',
              wide: true,
            },
            {
              id: 'size',
              head: t('snapshots.column.size'),
              cell: ({ totalBytes }) => formats.bytes(totalBytes),
              align: 'end',
            },
            {
              id: 'stored',
              head: t('snapshots.column.stored'),
              cell: ({ storedBytes }) => formats.bytes(storedBytes),
              align: 'end',
              wide: true,
            },
            ...(mayOpen('/restore') ? [restore] : []),
          ]}
        />
      )}
      {snapshots.hasNextPage && (
        <Button variant="subtle" mt="sm" onClick={() => void snapshots.fetchNextPage()}>
          {t('action.more')}
        </Button>
      )}
    </Card>
  );
}
