import type { Answer, CatalogueSnapshot } from '@holdfast/protocol';
import { ActionIcon, Checkbox, Loader } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type ReactNode, useMemo } from 'react';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { Breadcrumbs } from './breadcrumbs.tsx';
import type { Downloadable } from './download.ts';
import { entriesQuery } from './entries-query.ts';
import { EntryName } from './entry-name.tsx';
import { Refusal } from './refusal.tsx';
import classes from './restore.module.css';
import { canBeNamed } from './restore-request.ts';
import { nameOf, shown } from './snapshot-paths.ts';

type Entry = Answer<'snapshotEntries'>['entries'][number] & { readonly at: number };

/** The folders of a backup as they were, and what of the one that is open is to be restored. */
export function FolderBrowser(o: {
  readonly point: CatalogueSnapshot;
  readonly repository: string;
  readonly path: string;
  readonly onPath: (path: string) => void;
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (chosen: ReadonlySet<string>) => void;
  readonly onDownload: (what: Downloadable) => void;
  /** Whether somebody was led here from another part of the page, and goes on reading here. */
  readonly takesFocus: boolean;
}): ReactNode {
  const { t, formats } = useLanguage();
  const { id: snapshotId, repositoryId } = o.point;
  const entries = useInfiniteQuery(entriesQuery({ repositoryId, snapshotId, path: o.path }));
  const rows = useMemo(
    () => entries.data?.pages.flatMap((page) => page.entries).map((entry, at): Entry => ({ ...entry, at })) ?? [],
    [entries.data],
  );
  const toggle = (name: string): void => {
    const next = new Set(o.chosen);
    if (!next.delete(name)) next.add(name);
    o.onChoose(next);
  };
  const columns: readonly Column<Entry>[] = [
    {
      id: 'name',
      head: t('restore.column.name'),
      cell: ({ path, type }) => {
        const name = nameOf(path);
        return (
          <span className={classes['choosable']}>
            <Checkbox
              size="sm"
              aria-label={t('restore.choose', { name: shown(name) })}
              checked={o.chosen.has(name)}
              onChange={() => toggle(name)}
            />
            <EntryName
              type={type}
              name={name}
              onOpen={type === 'dir' && canBeNamed(path) ? () => o.onPath(path) : undefined}
            />
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
    {
      id: 'actions',
      head: t('table.actions'),
      align: 'end',
      cell: ({ path, type }) =>
        (type === 'file' || type === 'dir') &&
        canBeNamed(path) && (
          <ActionIcon
            variant="subtle"
            aria-label={t(type === 'dir' ? 'restore.download-zip.named' : 'restore.download.named', {
              name: shown(nameOf(path)),
            })}
            onClick={() => o.onDownload({ repositoryId, snapshotId, path })}
          >
            <IconDownload size={18} aria-hidden="true" />
          </ActionIcon>
        ),
    },
  ];
  return (
    <div>
      <Breadcrumbs path={o.path} onPath={o.onPath} takesFocus={o.takesFocus} />
      {entries.isPending && (
        <p role="status" className={classes['opening']}>
          <Loader size="xs" aria-hidden="true" /> {t('restore.opening', { repository: o.repository })}
        </p>
      )}
      {entries.error && <Refusal error={entries.error} />}
      {entries.data && (
        <DataTable
          // Another folder is another table, which begins at its top.
          key={o.path}
          label={t('restore.content', { path: shown(o.path) })}
          rows={rows}
          // Names that are not UTF-8 may look the same.
          keyOf={({ at }) => String(at)}
          columns={columns}
          empty={t('restore.empty-folder')}
          isLoading={entries.isFetchingNextPage}
          hasMore={entries.hasNextPage}
          onMore={() => void entries.fetchNextPage()}
        />
      )}
    </div>
  );
}

/** Where somebody is. Opening a folder takes away what was clicked: whoever uses the keyboard goes on here, before the new folder. */
