import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { pagesQuery } from '../../api/queries.ts';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';

const pageSize = 20;

/** The backups of a computer, newest first. */
export function ComputerSnapshots({ agentId }: { readonly agentId: string }): ReactNode {
  const { t, formats } = useLanguage();
  const snapshots = useInfiniteQuery(pagesQuery('snapshots', { query: { agentId, limit: pageSize } }));
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
