import { type ReactNode, useEffect } from 'react';
import { Appearance } from '../app/appearance.tsx';
import { Logo } from '../app/logo.tsx';
import classes from './outside-frame.module.css';

/** A page for somebody who has not signed in: one card in the middle. */
export function OutsideFrame(o: {
  readonly title: string;
  readonly lead: string;
  readonly children: ReactNode;
}): ReactNode {
  useEffect(() => {
    document.title = `${o.title} · Holdfast`;
  }, [o.title]);
  return (
    <main className={classes['frame']}>
      <div className={classes['card']}>
        <Logo />
        <h1 className={classes['title']}>{o.title}</h1>
        <p className={classes['lead']}>{o.lead}</p>
        {o.children}
      </div>
      <div className={classes['foot']}>
        <Appearance />
      </div>
    </main>
  );
}
