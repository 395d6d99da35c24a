import { Button, Loader, NativeSelect } from '@mantine/core';
import type { ReactNode } from 'react';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { pathText, type ReadingLine } from './reading-line.ts';
import { Refusal } from './refusal.tsx';
import classes from './restore.module.css';
import { nameOf, parentOf, shown } from './snapshot-paths.ts';
import { type PointInTime, type ReadLines, useReading } from './use-reading.ts';

/** More changes than these are counted only. */
const maxChanges = 10_000;

interface Change {
  readonly path: string;
  readonly modifier: Extract<ReadingLine, { kind: 'change' }>['modifier'];
}

const words = {
  '+': 'compare.added',
  '-': 'compare.removed',
  T: 'compare.type',
  M: 'compare.content',
  'M?': 'compare.suspicious',
  TU: 'compare.type',
  U: 'compare.metadata',
} as const;

/** What changed between the chosen point and another one of the same repository. */
export function Comparison<Point extends PointInTime>(o: {
  readonly read: ReadLines;
  readonly points: readonly Point[];
  readonly point: Point;
  readonly otherId: string | undefined;
  readonly onOther: (id: string | undefined) => void;
  readonly onShow: (point: Point, folder: string) => void;
}): ReactNode {
  const { t, formats } = useLanguage();
  const { point } = o;
  const { repositoryId } = point;
  const others = o.points.filter((one) => one.repositoryId === repositoryId && one.id !== point.id);
  const other = others.find(({ id }) => id === o.otherId);
  const [before, after] = other && other.takenAt > point.takenAt ? [point, other] : [other, point];
  const compared = useReading({
    read: o.read,
    repositoryId,
    listing: before && {
      what: 'diff',
      before: { snapshotId: before.id },
      after: { snapshotId: after.id },
    },
    limit: maxChanges,
    rowReader: readChanges,
  });
  const columns: readonly Column<Change>[] = [
    {
      id: 'change',
      head: t('compare.change'),
      cell: ({ modifier }) => (
        <span className={classes['change']} data-modifier={modifier}>
          {t(words[modifier])}
        </span>
      ),
    },
    {
      id: 'name',
      head: t('restore.column.name'),
      cell: ({ path }) => (
        <span>
          <bdi>{shown(nameOf(path))}</bdi> <bdi className={classes['folder']}>{shown(parentOf(path))}</bdi>
        </span>
      ),
    },
    {
      id: 'actions',
      head: t('table.actions'),
      align: 'end',
      cell: ({ path, modifier }) => (
        <Button
          size="compact-sm"
          variant="default"
          aria-label={t('restore.show.named', { name: shown(nameOf(path)) })}
          onClick={() => before && o.onShow(modifier === '-' ? before : after, parentOf(path))}
        >
          {t('restore.show')}
        </Button>
      ),
    },
  ];
  const { compared: counts } = compared;
  return (
    <div>
      <NativeSelect
        className={classes['other'] ?? ''}
        label={t('compare.with')}
        value={other?.id ?? ''}
        onChange={({ currentTarget }) => o.onOther(currentTarget.value || undefined)}
        data={[
          { value: '', label: t('compare.choose') },
          ...others.map(({ id, takenAt }) => ({ value: id, label: formats.dateTime(takenAt) })),
        ]}
      />
      {before && (
        <p role="status" className={classes['soft']}>
          {compared.isReading && <Loader size="xs" aria-hidden="true" />}{' '}
          {t('compare.from-to', { from: formats.dateTime(before.takenAt), to: formats.dateTime(after.takenAt) })}{' '}
          {counts &&
            t('compare.counts', {
              changed: counts.changedFiles,
              added: counts.added.files,
              removed: counts.removed.files,
              grown: formats.bytes(counts.added.bytes),
              shrunk: formats.bytes(counts.removed.bytes),
            })}{' '}
          {compared.isCut && t('compare.cut')}
        </p>
      )}
      {compared.error && <Refusal error={compared.error} />}
      {before && !compared.error && (
        <DataTable
          label={t('compare.changes')}
          rows={compared.rows}
          keyOf={({ path, modifier }) => `${modifier} ${path}`}
          columns={columns}
          empty={t('compare.none')}
          isLoading={compared.isReading}
          hasMore={false}
          onMore={() => undefined}
        />
      )}
    </div>
  );
}

function readChanges(): (line: ReadingLine) => Change | undefined {
  return (line) =>
    line.kind === 'change'
      ? { path: pathText(line.path).replace(/(?<=.)\/$/, ''), modifier: line.modifier }
      : undefined;
}
