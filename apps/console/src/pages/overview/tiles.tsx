import type { Answer } from '@holdfast/protocol';
import type { ReactNode } from 'react';
import { type Counted, CountedLink } from '../../components/counted-link.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './overview.module.css';

type Tone = 'ok' | 'warn' | 'bad' | 'busy' | 'idle';

/** The numbers that say at once whether there is something to do. */
export function Tiles({ overview }: { readonly overview: Answer<'overview'> }): ReactNode {
  const { t } = useLanguage();
  const { approvals, computers, failures, ransomwareAlerts, running } = overview;
  return (
    <ul className={classes['tiles']}>
      <Tile counted={computers.protected} label={t('overview.protected')} tone="ok" />
      <Tile counted={computers.unprotected} label={t('overview.unprotected')} tone="warn" />
      <Tile counted={ransomwareAlerts} label={t('overview.alerts')} tone="bad" />
      <Tile counted={failures} label={t('overview.failed')} tone="bad" />
      <Tile counted={computers.offline} label={t('overview.offline')} tone="warn" />
      <Tile counted={running} label={t('overview.running')} tone="busy" />
      <Tile counted={computers.outOfDate} label={t('overview.out-of-date')} tone="warn" />
      {approvals.count > 0 && <Tile counted={approvals} label={t('overview.approvals')} tone="busy" />}
    </ul>
  );
}

/** Coloured only where there is something: nothing wrong is calm. */
function Tile(o: { readonly counted: Counted; readonly label: string; readonly tone: Tone }): ReactNode {
  const { formats } = useLanguage();
  const { count } = o.counted;
  return (
    <li>
      <CountedLink to={o.counted} className={classes['tile']}>
        <span className={classes['number']} data-tone={count === 0 ? 'idle' : o.tone}>
          {formats.number(count)}
        </span>
        <span>{o.label}</span>
      </CountedLink>
    </li>
  );
}
