import { type FileHandle, open, rm } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { resolvePath } from '../data-directory.ts';

/** Fills a new file that only this user can read; never one that exists. What fails leaves none. Gives its full path. */
export async function newBundleFile(
  out: string | undefined,
  fill: (sink: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<{ readonly path: string; readonly bytes: number }> {
  const made = new Date().toISOString().slice(0, 19).replaceAll(':', '');
  const path = resolvePath(out ?? `holdfast-support-${made}.tar.gz`);
  const file = await create(path);
  let bytes = 0;
  try {
    await fill(async (piece) => {
      bytes += piece.byteLength;
      await file.writeFile(piece);
    });
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return { path, bytes };
}

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `${path} could not be written (${errnoOf(error) === 'EEXIST' ? 'it exists already' : (errnoOf(error) ?? String(error))}).`,
      guidance: 'Name another file with --out.',
      cause: error,
    });
  }
}
