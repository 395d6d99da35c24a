import type { PanelPolicy, PanelResult, PanelState, SnapshotFacts } from '@holdfast/protocol';
import { Checkbox, Loader } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo, useState } from 'react';
import { Card } from '../components/card.tsx';
import { type Column, DataTable } from '../components/data-table.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useLanguage } from '../i18n/language.tsx';
import { Breadcrumbs } from '../pages/restore/breadcrumbs.tsx';
import { EntryName } from '../pages/restore/entry-name.tsx';
import { canBeNamed } from '../pages/restore/restore-request.ts';
import { nameOf, shown, startingFolder } from '../pages/restore/snapshot-paths.ts';
import classes from './panel.module.css';
import { ask } from './panel-session.ts';
import { RestoreCard } from './restore-card.tsx';

/** Names that are not UTF-8 may look the same: the place in the folder tells them apart. */
type Entry = PanelResult<'entries'>['entries'][number] & { readonly at: number };

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
  const rows = useMemo(
    () => entries.data?.pages.flatMap((page) => page.entries).map((entry, at): Entry => ({ ...entry, at })) ?? [],
    [entries.data],
  );
  const toggle = (name: string): void => {
    const next = new Set(chosen);
    if (!next.delete(name)) next.add(name);
    setChosen(next);
  };
  const columns: readonly Column<Entry>[] = [
    {
      id: 'name',
      head: t('restore.column.name'),
      cell: ({ path: whole, type }) => {
        const name = nameOf(whole);
        const seen = shown(name);
        const isNamed = canBeNamed(whole);
        return (
          <span className={classes['choosable']}>
            <Checkbox
              size="sm"
              aria-label={t('restore.choose', { name: seen })}
              checked={chosen.has(name)}
              disabled={!isNamed}
              onChange={() => toggle(name)}
            />
            <EntryName type={type} name={seen} onOpen={type === 'dir' && isNamed ? () => open(whole) : undefined} />
          </span>
        );
      },
    },
    {
      id: 'size',
      head: t('snapshots.column.size'),
      align: 'end',
      cell: ({ type, sizeBytes }) => (type === 'file' ? formats.bytes(sizeBytes ?? 0) : ''),
    },
    {
      id: 'modified',
      head: t('restore.column.modified'),
      wide: true,
      cell: ({ modifiedAt }) => (modifiedAt === undefined ? '' : formats.dateTime(modifiedAt)),
    },
  ];
  return (
    <>
      <Card title={t('panel.backup-of', { at: formats.dateTime(point.takenAt) })}>
        <Breadcrumbs path={path} onPath={open} takesFocus={false} />
        {entries.isPending && <Loader size="sm" aria-label={t('app.loading')} />}
        {entries.error && <ProblemAlert error={entries.error} />}
        {entries.data && (
          <DataTable
            // Another folder is another table, which begins at its top.
            key={path}
            label={t('restore.content', { path })}
            rows={rows}
            keyOf={({ at }) => String(at)}
            columns={columns}
            empty={t('restore.empty-folder')}
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
