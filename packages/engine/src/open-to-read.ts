import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;
/** Only Linux has it: reading leaves the access time as it was. */
const O_NOATIME = fs.constants.O_NOATIME ?? 0;
/** A fifo that took the file's place meanwhile must not block the thread. */
const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/** Opens a file, or a folder with O_DIRECTORY as `more`, whose access time is to stay as it is; never follows a link. */
export function openToRead(path: Buffer, more = 0): number {
  if (O_NOATIME === 0) return fs.openSync(path, flags | more);
  try {
    return fs.openSync(path, flags | more | O_NOATIME);
  } catch (error) {
    // Only the owner and root may leave the access time alone.
    if (errnoOf(error) !== 'EPERM') throw error;
    return fs.openSync(path, flags | more);
  }
}
