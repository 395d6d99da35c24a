import { IconClock, IconDatabase, IconDeviceDesktop } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './restored-what.module.css';
import { shown } from './snapshot-paths.ts';

/** What is being restored: of which computer, from when, out of which repository. It stays in sight whatever is scrolled. */
export function RestoredWhat(o: {
  readonly hostname: string;
  readonly takenAt: string;
  readonly repository: string;
  readonly children?: ReactNode;
}): ReactNode {
  const { t, formats } = useLanguage();
  return (
    <div className={classes['bar']} role="group" aria-label={t('restore.what')}>
      <span className={classes['fact']}>
        <IconDeviceDesktop size={17} aria-hidden="true" />
        <strong>{shown(o.hostname)}</strong>
      </span>
      <span className={classes['fact']}>
        <IconClock size={17} aria-hidden="true" />
        <span>
          <strong>{formats.dateTime(o.takenAt)}</strong>{' '}
          <span className={classes['soft']}>{formats.age(o.takenAt)}</span>
        </span>
      </span>
      <span className={classes['fact']}>
        <IconDatabase size={17} aria-hidden="true" />
        <strong>{o.repository}</strong>
      </span>
      {o.children !== undefined && <span className={classes['actions']}>{o.children}</span>}
    </div>
  );
}
