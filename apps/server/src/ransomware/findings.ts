import { type ExtensionChange, limits, type RansomwareFinding } from '@holdfast/protocol';
import { falseAlarmPercent, maxThresholdPercent, thresholdPercent } from './limits.ts';

/** Of an extension more than this has to be gone, in percent. */
export function deletionThreshold(falseAlarms: number): number {
  return Math.min(maxThresholdPercent, thresholdPercent + falseAlarmPercent * falseAlarms);
}

/**
 * What of the changes between two backups of a computer is a sign of ransomware.
 *
 * - Mass deletion: `minGoneFiles` files of an extension at least, and more of all that there were than the threshold, which each
 *   false alarm about deletions of this extension raises.
 * - Mass rename: `minRenamedFiles` files at least have a new extension, in `minRenamedFolders` folders at least. New is one of which
 *   fewer files were there before.
 *
 * `told`: what was told already of the same time. The same is a finding again only when that many files more are concerned.
 */
export function findingsOf(
  changes: readonly ExtensionChange[],
  o: { readonly falseAlarms: readonly RansomwareFinding[]; readonly told: readonly RansomwareFinding[] },
): RansomwareFinding[] {
  return changes
    .flatMap((change) => [...deletion(change, o.falseAlarms), ...rename(change)])
    .filter((finding) => !isTold(finding, o.told));
}

function deletion(
  { extension, gone: files, before: of }: ExtensionChange,
  falseAlarms: readonly RansomwareFinding[],
): RansomwareFinding[] {
  const ofThis = falseAlarms.filter((one) => one.sign === 'mass-deletion' && one.extension === extension);
  const threshold = deletionThreshold(ofThis.length);
  if (files < limits.minGoneFiles || files * 100 <= of * threshold) return [];
  return [{ sign: 'mass-deletion', ...named(extension), files, of, thresholdPercent: threshold }];
}

function rename({ extension, renamed: files, before, folders }: ExtensionChange): RansomwareFinding[] {
  if (files < limits.minRenamedFiles || folders < limits.minRenamedFolders || before >= files) return [];
  return [{ sign: 'mass-rename', ...named(extension), files, folders }];
}

function named(extension: string | undefined): { extension?: string } {
  return extension === undefined ? {} : { extension };
}

function isTold(finding: RansomwareFinding, told: readonly RansomwareFinding[]): boolean {
  const more = finding.sign === 'mass-deletion' ? limits.minGoneFiles : limits.minRenamedFiles;
  return told.some(
    ({ sign, extension, files }) =>
      sign === finding.sign && extension === finding.extension && finding.files < files + more,
  );
}
