import type { Session } from '@holdfast/protocol';
import type { Translate } from '../../i18n/language.tsx';

/** The job, or what was done where it was no job. */
export function sessionName({ jobName, kind }: Pick<Session, 'jobName' | 'kind'>, t: Translate): string {
  return jobName ?? t(`kind.${kind}`);
}
