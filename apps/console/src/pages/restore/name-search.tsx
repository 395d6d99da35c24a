import { Button, Loader } from '@mantine/core';
import { type ReactNode, useMemo } from 'react';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { SearchField } from '../../components/search-field.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import type { Downloadable } from './download.ts';
import { EntryName } from './entry-name.tsx';
import { type FoundVersion, readHits, versionsOf } from './found-versions.ts';
import { Refusal } from './refusal.tsx';
import classes from './restore.module.css';
import { canBeNamed } from './restore-request.ts';
import { nameOf, parentOf, shown } from './snapshot-paths.ts';
import { type Listing, type PointInTime, type ReadLines, useReading } from './use-reading.ts';

/** More is no answer to anybody's question. */
const maxHits = 5_000;
/** What one request of the REST API takes. */
const maxPoints = 1_000;

/** Looks for names in all points of the timeline that are in the same repository, and shows each version once. */
export function NameSearch<Point extends PointInTime>(o: {
  readonly read: ReadLines;
  readonly points: readonly Point[];
  readonly point: Point;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly onShow: (point: Point, folder: string) => void;
  readonly onRestore: (point: Point, path: string) => void;
  /** Where there is a way to. */
  readonly onDownload?: (what: Downloadable) => void;
}): ReactNode {
  const { t, formats } = useLanguage();
  const { repositoryId } = o.point;
  const download = o.onDownload;
  const searched = o.points.filter((point) => point.repositoryId === repositoryId).slice(0, maxPoints);
  const listing: Listing | undefined =
    o.text === ''
      ? undefined
      : { what: 'find', snapshotIds: searched.map(({ id }) => id), patterns: [patternOf(o.text)], ignoreCase: true };
  const found = useReading({ read: o.read, repositoryId, listing, limit: maxHits, rowReader: readHits });
  const points = new Map(searched.map((point) => [point.id, point]));
  const versions = useMemo(
    () => versionsOf(found.rows, new Map(o.points.map(({ id, takenAt }) => [id, takenAt]))),
    [found.rows, o.points],
  );
  const columns: readonly Column<FoundVersion>[] = [
    {
      id: 'name',
      head: t('restore.column.name'),
      cell: ({ path, type }) => <EntryName type={type} name={nameOf(path)} folder={parentOf(path)} />,
    },
    {
      id: 'points',
      head: t('restore.column.points'),
      cell: ({ newest, count }) =>
        t('restore.in-points', { count, at: formats.dateTime(points.get(newest)?.takenAt ?? o.point.takenAt) }),
    },
    {
      id: 'size',
      head: t('snapshots.column.size'),
      align: 'end',
      wide: true,
      cell: ({ type, sizeBytes }) => (type === 'file' ? formats.bytes(sizeBytes) : ''),
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
      cell: ({ path, type, newest }) => {
        const point = points.get(newest);
        const name = shown(nameOf(path));
        return (
          point && (
            <span className={classes['actions']}>
              <Button
                size="compact-sm"
                variant="default"
                aria-label={t('restore.show.named', { name })}
                onClick={() => o.onShow(point, parentOf(path))}
              >
                {t('restore.show')}
              </Button>
              {download && (type === 'file' || type === 'dir') && canBeNamed(path) && (
                <Button
                  size="compact-sm"
                  variant="default"
                  aria-label={t(type === 'dir' ? 'restore.download-zip.named' : 'restore.download.named', { name })}
                  onClick={() => download({ repositoryId, snapshotId: newest, path })}
                >
                  {t('restore.download')}
                </Button>
              )}
              <Button
                size="compact-sm"
                variant="default"
                aria-label={t('restore.begin.named', { name })}
                onClick={() => o.onRestore(point, path)}
              >
                {t('restore.begin')}
              </Button>
            </span>
          )
        );
      },
    },
  ];
  return (
    <div>
      <div className={classes['search']}>
        <SearchField label={t('restore.search')} value={o.text} onChange={o.onText} />
        <p className={classes['soft']}>{t('restore.search.hint', { count: searched.length })}</p>
      </div>
      <p role="status" className={classes['soft']}>
        {found.isReading && <Loader size="xs" aria-hidden="true" />}{' '}
        {o.text !== '' && t(found.isReading ? 'restore.searching' : 'restore.found', { count: versions.length })}{' '}
        {found.isCut && t('restore.search.cut')}
      </p>
      {found.error && <Refusal error={found.error} />}
      {o.text !== '' && (versions.length > 0 || !found.isReading) && !found.error && (
        <DataTable
          label={t('restore.search.results')}
          rows={versions}
          keyOf={({ key }) => key}
          columns={columns}
          empty={t('restore.search.none')}
          isLoading={false}
          hasMore={false}
          onMore={() => undefined}
        />
      )}
    </div>
  );
}

/** Part of a name, unless it has the signs of a pattern or is a path. */
function patternOf(text: string): string {
  return /[*?[/]/.test(text) ? text : `*${text.replaceAll('\\', String.raw`\\`)}*`;
}
