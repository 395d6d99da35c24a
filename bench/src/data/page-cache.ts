import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pieceBytes } from '../limits.ts';

/** What earlier commands wrote goes to disk now, not while the next one is measured. */
export function settleDisk(): void {
  spawnSync('sync');
}

/** Reads every file once, so that each program starts from the same, warm cache. */
export function warm(folder: string): void {
  const buffer = Buffer.alloc(pieceBytes);
  for (const path of filesBelow(folder)) {
    const file = openSync(path, 'r');
    try {
      while (readSync(file, buffer) > 0);
    } finally {
      closeSync(file);
    }
  }
}

/** The sum of the files' sizes. */
export function sizeOfFolder(folder: string): number {
  return filesBelow(folder).reduce((sum, path) => sum + statSync(path).size, 0);
}

/** Regular files, by path. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
