import type { Job } from '@holdfast/protocol';
import type { Translate } from '../../i18n/language.tsx';

/** How long backups are kept, in words. */
export function keepText(retention: Job['retention'], t: Translate): string {
  if (!retention) return t('wizard.keep.repository');
  const { keep, gfs = {} } = retention;
  return [
    keep.by === 'days' ? t('keep.days', { count: keep.days }) : t('keep.points', { count: keep.points }),
    ...(gfs.weekly === undefined ? [] : [t('keep.weekly', { count: gfs.weekly })]),
    ...(gfs.monthly === undefined ? [] : [t('keep.monthly', { count: gfs.monthly })]),
    ...(gfs.yearly === undefined ? [] : [t('keep.yearly', { count: gfs.yearly })]),
  ].join(', ');
}
