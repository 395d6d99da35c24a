import type { Answer } from '@holdfast/protocol';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Card } from '../../components/card.tsx';
import { CountedLink } from '../../components/counted-link.tsx';
import { TrendLine } from '../../components/trend-line.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './overview.module.css';

type StorageNumbers = Answer<'overview'>['storage'];

/** What the repositories take, how that has changed, and which take most. */
export function Storage({ storage }: { readonly storage: StorageNumbers }): ReactNode {
  const { t, formats } = useLanguage();
  const change = (before: number | undefined): string =>
    before === undefined
      ? ''
      : `${storage.usedBytes < before ? '−' : '+'}${formats.bytes(Math.abs(storage.usedBytes - before))}`;
  return (
    <Card
      title={t('overview.storage')}
      aside={
        storage.unmeasured.count > 0 && (
          <CountedLink to={storage.unmeasured}>
            {t('overview.unmeasured', { count: storage.unmeasured.count })}
          </CountedLink>
        )
      }
    >
      <p className={classes['used']}>
        <CountedLink to={storage.measured}>{formats.bytes(storage.usedBytes)}</CountedLink>
      </p>
      <p className={classes['soft']}>
        {storage.before30 !== undefined && t('overview.storage.30', { change: change(storage.before30) })}{' '}
        {storage.before90 !== undefined && t('overview.storage.90', { change: change(storage.before90) })}
      </p>
      <TrendLine values={storage.trend.map(({ usedBytes }) => usedBytes)} label={t('overview.storage.trend')} />
      <ul className={classes['worst']}>
        {storage.largest.slice(0, 5).map(({ id, name, usedBytes }) => (
          <li key={id} className={classes['line']}>
            <Link to="/repositories/$id" params={{ id }}>
              {name}
            </Link>
            <span>{formats.bytes(usedBytes)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
