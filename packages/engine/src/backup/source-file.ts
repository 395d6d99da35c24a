import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import type { FileStatus } from '@holdfast/native';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;
/** Only Linux has it: reading leaves the access time as it was. */
const O_NOATIME = fs.constants.O_NOATIME ?? 0;
/** A fifo that took the file's place meanwhile must not block the thread. */
const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

export function openToRead(path: Buffer): number {
  if (O_NOATIME === 0) return fs.openSync(path, flags);
  try {
    return fs.openSync(path, flags | O_NOATIME);
  } catch (error) {
    // Only the owner and root may leave the access time alone.
    if (errnoOf(error) !== 'EPERM') throw error;
    return fs.openSync(path, flags);
  }
}

/** Equal for two looks at one file between which it did not change. */
export function fileVersion(stat: Pick<FileStatus, 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>): string {
  return `${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}
