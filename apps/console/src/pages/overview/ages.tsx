import type { Answer } from '@holdfast/protocol';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Age } from '../../components/age.tsx';
import { Card } from '../../components/card.tsx';
import { type Counted, CountedLink } from '../../components/counted-link.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './overview.module.css';

type Overview = Answer<'overview'>;

/** Since when each computer has had no good backup. */
export function BackupAges({ backups }: { readonly backups: Overview['backups'] }): ReactNode {
  const { t } = useLanguage();
  const good = new Set<string>(['day', 'three-days']);
  return (
    <Card title={t('overview.backups')}>
      <Buckets
        buckets={backups.buckets.map((one) => ({
          ...one,
          label: t(`overview.backups.${one.id}`),
          tone: good.has(one.id) ? 'ok' : one.id === 'week' ? 'warn' : 'bad',
        }))}
      />
      <Longest
        label={t('overview.backups.worst')}
        computers={backups.worst.map(({ id, hostname, lastBackupAt }) => ({ id, hostname, at: lastBackupAt }))}
      />
    </Card>
  );
}

/** How long ago it was shown of each computer that its backups can be restored. */
export function DrillAges({ drills }: { readonly drills: Overview['drills'] }): ReactNode {
  const { t } = useLanguage();
  return (
    <Card title={t('overview.drills')}>
      <Buckets
        buckets={drills.buckets.map((one) => ({
          ...one,
          label: t(`overview.drills.${one.id}`),
          tone: one.id === 'month' ? 'ok' : one.id === 'quarter' ? 'warn' : 'bad',
        }))}
      />
      <Longest
        label={t('overview.drills.worst')}
        computers={drills.worst.map(({ id, hostname, lastDrillAt }) => ({ id, hostname, at: lastDrillAt }))}
      />
    </Card>
  );
}

type Bucket = Counted & { readonly id: string; readonly label: string; readonly tone: 'ok' | 'warn' | 'bad' };

function Buckets({ buckets }: { readonly buckets: readonly Bucket[] }): ReactNode {
  const { formats } = useLanguage();
  const most = Math.max(1, ...buckets.map(({ count }) => count));
  return (
    <ul className={classes['buckets']}>
      {buckets.map((bucket) => (
        <li key={bucket.id}>
          <CountedLink to={bucket} className={classes['bucket']}>
            <span>{bucket.label}</span>
            <span className={classes['track']} aria-hidden="true">
              <span
                className={classes['bar']}
                data-tone={bucket.tone}
                style={{ width: `${(100 * bucket.count) / most}%` }}
              />
            </span>
            <span className={classes['count']}>{formats.number(bucket.count)}</span>
          </CountedLink>
        </li>
      ))}
    </ul>
  );
}

function Longest(o: {
  readonly label: string;
  readonly computers: readonly { readonly id: string; readonly hostname: string; readonly at: string | undefined }[];
}): ReactNode {
  if (o.computers.length === 0) return null;
  return (
    <>
      <h3 className={classes['small']}>{o.label}</h3>
      <ul className={classes['worst']}>
        {o.computers.slice(0, 5).map(({ id, hostname, at }) => (
          <li key={id} className={classes['line']}>
            <Link to="/computers/$id" params={{ id }}>
              {hostname}
            </Link>
            <Age at={at} />
          </li>
        ))}
      </ul>
    </>
  );
}
