import type { RestoreResult, ToldEntries } from '@holdfast/protocol';
import type { ReactNode } from 'react';
import { Facts } from '../../components/facts.tsx';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './restore-dialog.module.css';
import { shown } from './snapshot-paths.ts';

/** What a restore did, or by a dry run would do. */
export function RestoreOutcome({ result }: { readonly result: RestoreResult }): ReactNode {
  const { t, formats } = useLanguage();
  const { dryRun = false } = result;
  return (
    <div>
      <Facts
        facts={[
          [
            t(dryRun ? 'outcome.would-restore' : 'outcome.restored'),
            t('outcome.files', { count: result.files, bytes: formats.bytes(result.bytes) }),
          ],
          ...optional(t('outcome.unchanged'), result.unchanged, formats.number),
          ...optional(t('outcome.kept'), result.kept, formats.number),
          ...optional(t('outcome.verified'), result.verified, formats.number),
          [t('session.took'), formats.duration(result.durationMs)],
        ]}
      />
      <Told
        entries={result.overwritten}
        title={(count) => t(dryRun ? 'outcome.would-overwrite' : 'outcome.overwritten', { count })}
      />
      <Told
        entries={result.deleted}
        title={(count) => t(dryRun ? 'outcome.would-delete' : 'outcome.deleted', { count })}
      />
    </div>
  );
}

function optional(
  name: string,
  count: number | undefined,
  number: (value: number) => string,
): readonly (readonly [string, ReactNode])[] {
  return count === undefined ? [] : [[name, number(count)]];
}

/** How many entries, and the first of them. */
function Told(o: { readonly entries: ToldEntries | undefined; readonly title: (count: number) => string }): ReactNode {
  const { t } = useLanguage();
  if (!o.entries) return null;
  const { count, paths } = o.entries;
  const title = o.title(count);
  if (count === 0) return <p className={classes['calm']}>{title}</p>;
  return (
    <div className={classes['told']}>
      <p>{title}</p>
      <ul tabIndex={0} aria-label={title}>
        {paths.map((path) => (
          <li key={path}>
            <bdi>{shown(path)}</bdi>
          </li>
        ))}
      </ul>
      {count > paths.length && <p>{t('outcome.more', { count: count - paths.length })}</p>}
    </div>
  );
}
