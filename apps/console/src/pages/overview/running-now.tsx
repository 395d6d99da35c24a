import type { Answer } from '@holdfast/protocol';
import { Progress } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Card } from '../../components/card.tsx';
import { CountedLink } from '../../components/counted-link.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './overview.module.css';

const shown = 6;

/** The tasks under way, and how far they are. */
export function RunningNow({ running }: { readonly running: Answer<'overview'>['running'] }): ReactNode {
  const { t, formats } = useLanguage();
  return (
    <Card
      title={t('overview.running')}
      aside={<CountedLink to={running.queued}>{t('overview.queued', { count: running.queued.count })}</CountedLink>}
    >
      {running.runs.length === 0 && <p className={classes['soft']}>{t('overview.nothing-runs')}</p>}
      <ul className={classes['list']}>
        {running.runs.slice(0, shown).map(({ id, agentId, hostname, kind, progress }) => {
          const total = progress?.bytesTotal;
          const share = progress && total ? Math.min(1, progress.bytesDone / total) : undefined;
          return (
            <li key={id}>
              <div className={classes['line']}>
                <Link to="/computers/$id" params={{ id: agentId }}>
                  {hostname}
                </Link>
                <span>
                  {t(`kind.${kind}`)} {share !== undefined && formats.percent(share)}
                </span>
              </div>
              <Progress
                value={share === undefined ? 100 : share * 100}
                animated={share === undefined}
                aria-label={t('session.progress', { name: hostname })}
              />
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
