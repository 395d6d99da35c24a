import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { keptFromFiles } from '../limits.ts';
import { filesBelow } from './page-cache.ts';

/**
 * Gets a folder out of the way: removes it, or, when it has many files, moves it into `trash`, which is removed after the last
 * measurement. For minutes ext4 looks at every inode that was freed lately before it makes a file (`recently_deleted` in
 * fs/ext4/ialloc.c), and the next program that makes many would pay for that.
 */
export function discard(folder: string, trash: string): void {
  if (!existsSync(folder)) return;
  const files = filesBelow(folder);
  let count = 0;
  while (count < keptFromFiles && !files.next().done) count += 1;
  if (count < keptFromFiles) rmSync(folder, { recursive: true, force: true });
  else {
    mkdirSync(trash, { recursive: true });
    renameSync(folder, join(trash, crypto.randomUUID()));
  }
}
