import type { PanelPolicy, PanelState, SnapshotFacts } from '@holdfast/protocol';
import { Loader } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Card } from '../components/card.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { Breadcrumbs } from '../pages/restore/breadcrumbs.tsx';
import { EntryTable } from '../pages/restore/entry-table.tsx';
import { startingFolder } from '../pages/restore/snapshot-paths.ts';
import { ask } from './panel-session.ts';
import { RestoreCard } from './restore-card.tsx';

/** The folders of a backup as they were, and below them the restore of what is chosen. */
export function BackupBrowser(o: {
  readonly state: PanelState;
  readonly policy: PanelPolicy;
  readonly point: SnapshotFacts;
}): ReactNode {
  const { t, formats } = useLanguage();
  const { point, policy } = o;
  const [path, setPath] = useState(() => startingFolder(point.sources));
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const open = (folder: string): void => {
    setPath(folder);
    setChosen(new Set());
  };
  const entries = useInfiniteQuery({
    queryKey: ['entries', policy.id, point.id, path],
    initialPageParam: 0,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal, pageParam }) =>
      ask('entries', { policyId: policy.id, snapshotId: point.id, path, skip: pageParam }, signal),
    getNextPageParam: (last, _pages, skipped) => (last.more ? skipped + last.entries.length : undefined),
  });
  return (
    <>
      <Card title={t('panel.backup-of', { at: formats.dateTime(point.takenAt) })}>
        <Breadcrumbs path={path} onPath={open} takesFocus={false} />
        {entries.isPending && <Loader size="sm" aria-label={t('app.loading')} />}
        {entries.error && <ProblemAlert error={entries.error} />}
        {entries.data && (
          <EntryTable
            path={path}
            pages={entries.data.pages}
            chosen={chosen}
            onChoose={setChosen}
            onOpen={open}
            isLoading={entries.isFetchingNextPage}
            hasMore={entries.hasNextPage}
            onMore={() => void entries.fetchNextPage()}
          />
        )}
      </Card>
      <RestoreCard state={o.state} policy={policy} point={point} chosen={{ folder: path, names: [...chosen] }} />
    </>
  );
}
