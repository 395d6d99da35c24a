import { constants } from 'node:fs';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, errnoOf, HoldfastError } from '@holdfast/core';
import { reservationAgeMs } from '../limits.ts';
import { noFollow, type TemporaryFile } from './temporary-file.ts';

/** How a finished file gets its name. 'avoid': as on a file system that has no hard links. */
export type HardLinks = 'use' | 'avoid';

const withoutHardLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Gives a finished file its name without ever overwriting: false if the name is taken. The folder isn't synced yet.
 * A hard link does this in one step. Where there are none (FAT, some shares) a rename must do, which does overwrite; so
 * whoever renames first reserves the name, exclusively, by a file beside the temporary ones.
 */
export async function publish(
  file: TemporaryFile,
  target: string,
  options: { readonly hardLinks: HardLinks; readonly clock: Clock },
): Promise<boolean> {
  if (options.hardLinks === 'use') {
    try {
      await link(file.path, target);
      return true;
    } catch (error) {
      const errno = errnoOf(error) ?? '';
      if (errno === 'EEXIST') return false;
      if (!withoutHardLinks.has(errno)) throw error;
    }
  }
  await using _reservation = await reserve(join(dirname(file.path), `${basename(target)}.reserved`), options.clock);
  if ((await modifiedMs(target)) !== undefined) return false;
  await rename(file.path, target);
  file.moved();
  return true;
}

async function reserve(path: string, clock: Clock): Promise<AsyncDisposable> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow;
  // A second try only after the first met a reservation whose holder died before the rename.
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    try {
      const handle = await open(path, flags, 0o600);
      await handle.close();
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const heldSince = await modifiedMs(path);
    if (heldSince !== undefined && clock.now().getTime() - heldSince < reservationAgeMs) break;
    await rm(path, { force: true });
  }
  throw new HoldfastError('storage.unavailable', {
    message: `Another process is just storing ${basename(path, '.reserved')}`,
    guidance: 'Try again in a minute.',
  });
}

/** Undefined if it is not there. */
async function modifiedMs(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).mtimeMs;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
