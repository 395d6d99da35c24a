import { Loader } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';
import { useText } from '../i18n/language.tsx';
import classes from './data-table.module.css';

export interface Column<Row, Sort extends string = never> {
  readonly id: string;
  readonly head: string;
  readonly cell: (row: Row) => ReactNode;
  /** Of a column that the server sorts by. */
  readonly sort?: Sort;
  /** Sorted by it first from the largest, or newest, downwards. */
  readonly mostFirst?: true;
  /** Left out where the window is narrow. */
  readonly wide?: boolean;
  readonly align?: 'end';
}

export interface SortState<Sort extends string> {
  readonly by: Sort;
  readonly descending: boolean;
}

const rowHeight = 48;
/** Rows beyond what is to be seen, above and below. */
const overscan = 12;

/**
 * A table of as many rows as there are: only those near the window are in the page, and the next page of the list is asked for
 * when its end comes into sight. The first column says what the row is about, with a link to it.
 */
export function DataTable<Row, Sort extends string = never>(o: {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly columns: readonly Column<Row, Sort>[];
  readonly sort?: SortState<Sort>;
  readonly onSort?: (sort: SortState<Sort>) => void;
  /** Shown where there are no rows. */
  readonly empty: ReactNode;
  readonly isLoading: boolean;
  readonly hasMore: boolean;
  readonly onMore: () => void;
}): ReactNode {
  const t = useText();
  const frame = useRef<HTMLDivElement>(null);
  const virtualizer = useWindowVirtualizer({
    count: o.rows.length,
    estimateSize: () => rowHeight,
    overscan,
    scrollMargin: frame.current?.offsetTop ?? 0,
  });
  const items = virtualizer.getVirtualItems();
  const first = items[0];
  const last = items.at(-1);
  const isNearEnd = last !== undefined && last.index >= o.rows.length - overscan - 1;
  const { hasMore, onMore, isLoading } = o;
  useEffect(() => {
    if (isNearEnd && hasMore && !isLoading) onMore();
  }, [isNearEnd, hasMore, isLoading, onMore]);

  if (o.rows.length === 0 && !o.isLoading) return <div className={classes['empty']}>{o.empty}</div>;
  const above = first ? first.start - virtualizer.options.scrollMargin : 0;
  const below = last ? virtualizer.getTotalSize() + virtualizer.options.scrollMargin - last.end : 0;
  return (
    <div ref={frame} className={classes['frame']}>
      <table className={classes['table']} aria-label={o.label} aria-rowcount={o.hasMore ? -1 : o.rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {o.columns.map((column) => (
              <HeadCell key={column.id} column={column} sort={o.sort} onSort={o.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {above > 0 && <Gap height={above} columns={o.columns.length} />}
          {items.map((item) => {
            const row = o.rows[item.index];
            return (
              row !== undefined && (
                <tr
                  key={o.keyOf(row)}
                  data-index={item.index}
                  aria-rowindex={item.index + 2}
                  ref={virtualizer.measureElement}
                >
                  {o.columns.map(({ id, cell, wide, align }) => (
                    <td key={id} data-wide={wide} data-align={align}>
                      {cell(row)}
                    </td>
                  ))}
                </tr>
              )
            );
          })}
          {below > 0 && <Gap height={below} columns={o.columns.length} />}
        </tbody>
      </table>
      {o.isLoading && (
        <div className={classes['loading']}>
          <Loader size="sm" aria-label={t('app.loading')} />
        </div>
      )}
    </div>
  );
}

function HeadCell<Row, Sort extends string>(o: {
  readonly column: Column<Row, Sort>;
  readonly sort: SortState<Sort> | undefined;
  readonly onSort: ((sort: SortState<Sort>) => void) | undefined;
}): ReactNode {
  const { head, sort: by, mostFirst = false, wide, align } = o.column;
  if (by === undefined || !o.sort)
    return (
      <th scope="col" data-wide={wide} data-align={align}>
        {head}
      </th>
    );
  const isSorted = o.sort.by === by;
  const { descending } = o.sort;
  const Arrow = descending ? IconArrowDown : IconArrowUp;
  return (
    <th
      scope="col"
      data-wide={wide}
      data-align={align}
      aria-sort={isSorted ? (descending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className={classes['sort']}
        onClick={() => o.onSort?.({ by, descending: isSorted ? !descending : mostFirst })}
      >
        {head}
        {isSorted && <Arrow size={14} aria-hidden="true" />}
      </button>
    </th>
  );
}

/** Room for the rows that are not in the page. */
function Gap({ height, columns }: { readonly height: number; readonly columns: number }): ReactNode {
  return (
    <tr aria-hidden="true" className={classes['gap']}>
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}
