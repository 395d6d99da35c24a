import fs from 'node:fs';
import { reason } from '../problem.ts';
import type { TargetFolder, TargetFolders } from './restore-folders.ts';
import { type FreshOptions, Kept, makeFresh } from './restore-item.ts';
import { type Outcome, restored } from './restore-jobs.ts';
import { failedOutcome } from './restore-state.ts';

interface Name {
  readonly folder: TargetFolder;
  readonly name: Buffer;
}

/** Gives a file that is there another name; one that it has already is left alone. */
export function restoreHardLink(folders: TargetFolders, first: Name, other: Name, options: FreshOptions): Outcome {
  const pinned: TargetFolder[] = [];
  const pathOf = ({ folder, name }: Name): Buffer => {
    const path = folders.pin(folder).path(name);
    pinned.push(folder);
    return path;
  };
  try {
    const from = pathOf(first);
    const to = pathOf(other);
    if (!sameFile(from, to)) makeFresh(to, options, () => fs.linkSync(from, to));
    return restored;
  } catch (error) {
    if (error instanceof Kept) return { state: 'kept', problems: [] };
    return failedOutcome(`the hard link could not be made (${reason(error)})`, error);
  } finally {
    for (const folder of pinned) folders.unpin(folder);
  }
}

/** True when the second is there and another name of the first. */
function sameFile(one: Buffer, other: Buffer): boolean {
  const [a, b] = [one, other].map((path) => fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
