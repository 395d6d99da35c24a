import type { Answer } from '@holdfast/protocol';
import { Checkbox } from '@mantine/core';
import { type ReactNode, useMemo } from 'react';
import { type Column, DataTable } from '../../components/data-table.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import { EntryName } from './entry-name.tsx';
import classes from './restore.module.css';
import { canBeNamed } from './restore-request.ts';
import { nameOf, shown } from './snapshot-paths.ts';

type Entry = Answer<'snapshotEntries'>['entries'][number];

/** What a folder of a backup holds, as far as it was read; entries are chosen by their names. */
export function EntryTable(o: {
  readonly path: string;
  readonly pages: readonly { readonly entries: readonly Entry[] }[];
  readonly chosen: ReadonlySet<string>;
  readonly onChoose: (chosen: ReadonlySet<string>) => void;
  readonly onOpen: (folder: string) => void;
  readonly actions?: (entry: Entry) => ReactNode;
  readonly isLoading: boolean;
  readonly hasMore: boolean;
  readonly onMore: () => void;
}): ReactNode {
  const { t, formats } = useLanguage();
  const { actions } = o;
  // Names that are not UTF-8 may look the same: the place in the folder tells them apart.
  const rows = useMemo(
    () => o.pages.flatMap(({ entries }) => entries).map((entry, at) => ({ ...entry, at })),
    [o.pages],
  );
  const toggle = (name: string): void => {
    const next = new Set(o.chosen);
    if (!next.delete(name)) next.add(name);
    o.onChoose(next);
  };
  const columns: readonly Column<Entry & { readonly at: number }>[] = [
    {
      id: 'name',
      head: t('restore.column.name'),
      cell: ({ path, type }) => {
        const name = nameOf(path);
        const isNamed = canBeNamed(path);
        return (
          <span className={classes['choosable']}>
            <Checkbox
              size="sm"
              aria-label={t('restore.choose', { name: shown(name) })}
              title={isNamed ? undefined : t('restore.unnamed', { names: shown(name) })}
              checked={o.chosen.has(name)}
              disabled={!isNamed}
              onChange={() => toggle(name)}
            />
            <EntryName type={type} name={name} onOpen={type === 'dir' && isNamed ? () => o.onOpen(path) : undefined} />
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
    ...(actions ? [{ id: 'actions', head: t('table.actions'), align: 'end' as const, cell: actions }] : []),
  ];
  return (
    <DataTable
      // Another folder is another table, which begins at its top.
      key={o.path}
      label={t('restore.content', { path: shown(o.path) })}
      rows={rows}
      keyOf={({ at }) => String(at)}
      columns={columns}
      empty={t('restore.empty-folder')}
      isLoading={o.isLoading}
      hasMore={o.hasMore}
      onMore={o.onMore}
    />
  );
}
