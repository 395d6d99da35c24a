import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';

/**
 * Keeps a copy of what is about to be removed or replaced, durably. The same copy of an earlier attempt is fine.
 * @throws usage.option when it cannot be kept, so that nothing is removed
 */
export async function keepCopy(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    if (await isThere(path, bytes)) return;
    // It may hold parts of a repository: for its owner alone.
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(bytes);
    await file.sync();
    await using folder = await open(dirname(path), 'r');
    if (process.platform !== 'win32') await folder.sync();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new HoldfastError('usage.option', {
      message: `The copy ${path} could not be written (${errnoOf(error)}), so nothing was changed.`,
      guidance: 'Choose a folder where there is room for it.',
      cause: error,
    });
  }
}

async function isThere(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    return Buffer.compare(await readFile(path), bytes) === 0;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return false;
  }
}
