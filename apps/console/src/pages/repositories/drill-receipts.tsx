import type { ListedReceipt } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { pagesQuery } from '../../api/queries.ts';
import { saveFile } from '../../api/save-file.ts';
import { Card } from '../../components/card.tsx';
import { ComputerName } from '../../components/computer-name.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLanguage } from '../../i18n/language.tsx';

const pageSize = 10;

/** How restore drills of its backups went, newest first, with the receipt of each to keep. */
export function DrillReceipts({ repositoryId }: { readonly repositoryId: string }): ReactNode {
  const { t, formats } = useLanguage();
  const receipts = useInfiniteQuery(pagesQuery('receipts', { query: { repositoryId, limit: pageSize } }));
  const rows = receipts.data?.pages.flatMap((page) => page.receipts) ?? [];
  return (
    <Card title={t('drills.title')}>
      {receipts.error && <ProblemAlert error={receipts.error} />}
      {receipts.data && rows.length === 0 ? (
        t('drills.none')
      ) : (
        <PlainTable
          label={t('drills.title')}
          rows={rows}
          keyOf={({ number }) => String(number)}
          columns={[
            { id: 'at', head: t('session.ended'), cell: ({ drill }) => formats.dateTime(drill.endedAt) },
            {
              id: 'outcome',
              head: t('sessions.column.state'),
              cell: ({ drill }) => <StateBadge state={drill.outcome} />,
            },
            {
              id: 'computer',
              head: t('computers.column.name'),
              cell: ({ drill }) => <ComputerName id={drill.agentId} />,
            },
            {
              id: 'backup',
              head: t('drills.backup-of'),
              cell: ({ drill }) => formats.dateTime(drill.takenAt),
              wide: true,
            },
            { id: 'result', head: t('drills.result'), cell: (receipt) => <Result receipt={receipt} />, wide: true },
            {
              id: 'receipt',
              head: t('table.actions'),
              align: 'end',
              cell: ({ number, jws }) => (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t('drills.save.named', { number })}
                  onClick={() => saveFile(`holdfast-receipt-${number}.jws`, `${jws}\n`)}
                >
                  {t('drills.save')}
                </Button>
              ),
            },
          ]}
        />
      )}
      {receipts.hasNextPage && (
        <Button variant="subtle" mt="sm" onClick={() => void receipts.fetchNextPage()}>
          {t('action.more')}
        </Button>
      )}
    </Card>
  );
}

/** What was restored and how long all of it would take, or why it failed. */
function Result({ receipt: { drill } }: { readonly receipt: ListedReceipt }): ReactNode {
  const { t, formats } = useLanguage();
  const { result, error } = drill;
  if (!result) return error?.message;
  return t('drills.restored', {
    coverage: t(`drills.coverage.${result.coverage}`),
    count: result.files,
    size: formats.bytes(result.bytes),
    whole: formats.duration(result.wholeRestoreMs),
  });
}
