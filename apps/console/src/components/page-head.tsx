import { type ReactNode, useEffect } from 'react';
import classes from './page-head.module.css';

/** The one heading of a page, which names the browser's tab as well, with what can be done there. */
export function PageHead(o: {
  readonly title: string;
  readonly subtitle?: ReactNode;
  readonly children?: ReactNode;
}): ReactNode {
  useEffect(() => {
    document.title = `${o.title} · Holdfast`;
  }, [o.title]);
  return (
    <div className={classes['head']}>
      <div>
        <h1 className={classes['title']}>{o.title}</h1>
        {o.subtitle !== undefined && <p className={classes['subtitle']}>{o.subtitle}</p>}
      </div>
      <div className={classes['actions']}>{o.children}</div>
    </div>
  );
}
