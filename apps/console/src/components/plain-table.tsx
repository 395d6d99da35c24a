import type { ReactNode } from 'react';
import classes from './data-table.module.css';
import type { Column } from './data-table.tsx';

/** A table of few rows, inside of a card. */
export function PlainTable<Row>(o: {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly columns: readonly Column<Row>[];
}): ReactNode {
  return (
    <div className={classes['scroll']} tabIndex={0} role="group" aria-label={o.label}>
      <table className={classes['table']} aria-label={o.label}>
        <thead>
          <tr>
            {o.columns.map(({ id, head, wide, align }) => (
              <th key={id} scope="col" data-wide={wide} data-align={align}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {o.rows.map((row) => (
            <tr key={o.keyOf(row)}>
              {o.columns.map(({ id, cell, wide, align }) => (
                <td key={id} data-wide={wide} data-align={align}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
