import type { ReactNode } from 'react';
import classes from './filter-bar.module.css';

/** What a table is filtered by, in one row where there is room. */
export function FilterBar({ label, children }: { readonly label: string; readonly children: ReactNode }): ReactNode {
  return (
    <search className={classes['bar']} aria-label={label}>
      {children}
    </search>
  );
}
