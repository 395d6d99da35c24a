import type { CatalogueSnapshot } from '@holdfast/protocol';
import { Loader } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';
import { Breadcrumbs } from './breadcrumbs.tsx';
import type { Downloadable } from './download.ts';
import { DownloadButton } from './download-button.tsx';
import { entriesQuery } from './entries-query.ts';
import { EntryTable } from './entry-table.tsx';
import { Refusal } from './refusal.tsx';
import classes from './restore.module.css';

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
  const t = useText();
  const { id: snapshotId, repositoryId } = o.point;
  const entries = useInfiniteQuery(entriesQuery({ repositoryId, snapshotId, path: o.path }));
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
        <EntryTable
          path={o.path}
          pages={entries.data.pages}
          chosen={o.chosen}
          onChoose={o.onChoose}
          onOpen={o.onPath}
          actions={(entry) => (
            <DownloadButton entry={entry} onDownload={(path) => o.onDownload({ repositoryId, snapshotId, path })} />
          )}
          isLoading={entries.isFetchingNextPage}
          hasMore={entries.hasNextPage}
          onMore={() => void entries.fetchNextPage()}
        />
      )}
    </div>
  );
}
