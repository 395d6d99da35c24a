import { spawnSync } from 'node:child_process';
import { closeSync, lstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { syncFileSystem } from '@holdfast/native';
import { pieceBytes } from '../limits.ts';

/** What earlier commands wrote goes to disk now, not while the next one is measured. */
export function settleDisk(): void {
  spawnSync('sync');
}

/** Makes all that was written to the file system of the folder durable; how long that took, or 0 where one can't ask for it. */
export function syncTimeMs(folder: string): number {
  const startedAt = performance.now();
  const file = openSync(folder, 'r');
  try {
    return syncFileSystem(file) ? performance.now() - startedAt : 0;
  } finally {
    closeSync(file);
  }
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

/** Asks for the attributes of every file once: all that a backup of unchanged files needs. */
export function warmAttributes(folder: string): void {
  for (const path of filesBelow(folder)) lstatSync(path);
}

/** The sum of the files' sizes; what is a hole takes no space. */
export function sizeOfFolder(folder: string): number {
  let total = 0;
  for (const path of filesBelow(folder)) {
    const { size, blocks } = statSync(path);
    // Blocks are of 512 bytes whatever the file system's are. A file system that packs small files tells fewer.
    total += size > sparseFromBytes ? Math.min(size, blocks * 512) : size;
  }
  return total;
}

/** Only the packs that stand for a large index have holes, and they are larger than this. */
const sparseFromBytes = 1024 * 1024;

/** Regular files, by path, folder by folder: a list of a million would be in the way of what is measured. */
export function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield path;
  }
}
