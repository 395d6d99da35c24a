import { lstat, mkdir, open } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { folderMode } from './layout.ts';

/**
 * Makes what was renamed, linked or removed in a folder durable. Windows can't open folders and its file systems journal
 * their entries, so there is nothing to do there.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  await using handle = await open(folder, 'r');
  await handle.sync();
}

/**
 * The folders below a repository's root. Each is looked at once: a symbolic link among them would lead out of the
 * repository and is refused.
 */
export class Folders {
  readonly #root: string;
  readonly #known = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  /** True if the folder is there and everything between it and the root is a real folder. */
  async exists(folder: string): Promise<boolean> {
    for (const path of this.#between(folder)) if (!this.#known.has(path) && !(await this.#look(path))) return false;
    return true;
  }

  /** Makes what is missing, durably. */
  async make(folder: string): Promise<void> {
    for (const path of this.#between(folder)) {
      if (this.#known.has(path) || (await this.#look(path))) continue;
      try {
        await mkdir(path, { mode: folderMode });
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
      await syncFolder(dirname(path));
      await this.#look(path);
    }
  }

  /** Forgets what it knows, after somebody else has removed a folder. */
  forget(): void {
    this.#known.clear();
  }

  *#between(folder: string): Generator<string> {
    let path = this.#root;
    for (const part of relative(this.#root, folder).split(sep)) {
      if (part === '') continue;
      path = join(path, part);
      yield path;
    }
  }

  async #look(path: string): Promise<boolean> {
    let found: Awaited<ReturnType<typeof lstat>>;
    try {
      found = await lstat(path);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
    if (!found.isDirectory())
      throw new HoldfastError('storage.tampered', {
        message: `${path} is ${found.isSymbolicLink() ? 'a symbolic link' : 'not a folder'}; links inside a repository are never followed`,
        guidance:
          'Find out who put it there. To keep a repository on another disk, mount that disk or link the whole repository.',
        context: { path },
      });
    this.#known.add(path);
    return true;
  }
}
