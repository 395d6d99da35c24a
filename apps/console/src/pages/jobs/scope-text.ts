import type { Job } from '@holdfast/protocol';
import type { Translate } from '../../i18n/language.tsx';

/** What is backed up, in words. */
export function scopeText(scope: Job['scope'], t: Translate): string {
  return scope.kind === 'computer' ? t('jobs.whole-computer') : scope.paths.join(', ');
}
