import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@holdfast/core';

/** A name of ours: nothing else in the folder is ever touched, because somebody else may have chosen it. */
const prefix = 'holdfast-drill-';

/** Folders for drills, each of one task: only the mover's user sees into them, and none outlives its task for long. */
export class Sandboxes {
  readonly #root: string;
  readonly #inUse = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** A new, empty folder; removed with all that is in it when it is disposed. */
  async make(): Promise<AsyncDisposable & { readonly path: string }> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    await this.clear();
    const name = `${prefix}${randomUUID()}`;
    const path = join(this.#root, name);
    this.#inUse.add(name);
    await mkdir(path, { mode: 0o700 });
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        try {
          await removeTree(path);
        } finally {
          // What could not be removed now is of no task any more: it goes with the next one, or is complained of again.
          this.#inUse.delete(name);
        }
      },
    };
  }

  /** Removes what is of no task: a process was killed before it could. */
  async clear(): Promise<void> {
    for (const name of await namesIn(this.#root))
      if (name.startsWith(prefix) && !this.#inUse.has(name.slice(0, prefix.length + 36)))
        await removeTree(join(this.#root, name));
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Removes a folder that anything may have been restored into: names of any bytes, folders that are closed to their owner, and any
 * depth. Folders inside are moved beside it first, so that no path becomes long; after a crash they begin with its name.
 */
async function removeTree(folder: string): Promise<void> {
  const queue = [folder];
  let moved = 0;
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    await chmod(next, 0o700);
    for (const name of await readdir(next, { encoding: 'buffer' })) {
      const path = Buffer.concat([Buffer.from(`${next}/`), name]);
      if (!(await lstat(path)).isDirectory()) {
        await unlink(path);
        continue;
      }
      // Who moves a folder changes it as well: its entry `..`.
      await chmod(path, 0o700);
      const place = `${folder}-${(moved += 1)}-${randomUUID()}`;
      await rename(path, place);
      queue.push(place);
    }
    await rmdir(next);
  }
}
