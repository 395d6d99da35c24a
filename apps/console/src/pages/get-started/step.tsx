import { IconCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useText } from '../../i18n/language.tsx';
import classes from './step.module.css';

/** One step on the way from an empty server to the first backup. */
export function Step(o: {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly lead: string;
  readonly isDone: boolean;
  readonly children: ReactNode;
}): ReactNode {
  const t = useText();
  return (
    <section id={o.id} className={classes['step']} data-done={o.isDone} aria-labelledby={`${o.id}-title`}>
      <span className={classes['mark']} aria-hidden="true">
        {o.isDone ? <IconCheck size={18} /> : o.number}
      </span>
      <div className={classes['body']}>
        <h2 id={`${o.id}-title`} className={classes['title']}>
          {o.title} {o.isDone && <span className={classes['done']}>{t('step.done')}</span>}
        </h2>
        <p className={classes['lead']}>{o.lead}</p>
        {o.children}
      </div>
    </section>
  );
}
