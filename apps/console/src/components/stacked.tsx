import type { ReactNode } from 'react';
import classes from './stacked.module.css';

/** The parts of a page, one below the other. */
export function Stacked({ children }: { readonly children: ReactNode }): ReactNode {
  return <div className={classes['stacked']}>{children}</div>;
}
