import type { CallArguments, Routes } from '@holdfast/protocol';
import { childOf } from './snapshot-paths.ts';

export type RestoreBody = CallArguments<Routes['createRestore']>['body'];

/** What was chosen: entries of one folder of a snapshot; all of the folder if none. */
export interface Chosen {
  readonly folder: string;
  readonly names: readonly string[];
}

/** Names with a replacement character are not the names that the files have: no pattern finds them. */
export function canBeNamed(name: string): boolean {
  return !name.includes('\uFFFD');
}

/**
 * The part of a restore that says what is brought back where to.
 *
 * - In a folder of one's own, what was chosen lies directly: paths begin at the folder in which it was chosen.
 * - At the original place, paths are those of the snapshot. On Windows the first folder of a snapshot is a drive.
 *
 * Undefined where there is no single root for it: several drives.
 */
export function placeOf(
  { folder, names }: Chosen,
  where: { readonly folder: string } | { readonly original: 'posix' | 'windows' },
): Pick<RestoreBody, 'target' | 'subfolder' | 'include'> | undefined {
  if ('folder' in where)
    return { target: where.folder, ...below(folder), include: names.map((name) => exactly(`/${name}`)) };
  const paths = names.length === 0 ? (folder === '/' ? [] : [folder]) : names.map((name) => childOf(folder, name));
  if (where.original === 'posix') return { target: '/', include: paths.map(exactly) };
  const drives = new Set(paths.map((path) => path.split('/')[1] ?? ''));
  const [drive = ''] = drives;
  if (drives.size !== 1 || !/^[A-Za-z]$/.test(drive)) return undefined;
  const inDrive = paths.map((path) => path.slice(2)).filter((path) => path !== '');
  return { target: `${drive}:\\`, subfolder: `/${drive}`, include: inDrive.map(exactly) };
}

function below(folder: string): { subfolder?: string } {
  return folder === '/' ? {} : { subfolder: folder };
}

/** The path that a pattern of `exactly` is for; others stay as they are. */
export function pathOf(pattern: string): string {
  return pattern.replaceAll(/\\([\\*?[\]])/g, '$1');
}

/** A pattern that matches this path only. */
function exactly(path: string): string {
  return path.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
}
