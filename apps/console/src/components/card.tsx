import { type ReactNode, useId } from 'react';
import classes from './card.module.css';

/** A part of a page under a heading of its own. */
export function Card(o: {
  readonly title?: string;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}): ReactNode {
  const id = useId();
  return (
    <section className={classes['card']} {...(o.title === undefined ? {} : { 'aria-labelledby': id })}>
      {o.title !== undefined && (
        <div className={classes['head']}>
          <h2 id={id} className={classes['title']}>
            {o.title}
          </h2>
          {o.aside}
        </div>
      )}
      {o.children}
    </section>
  );
}
