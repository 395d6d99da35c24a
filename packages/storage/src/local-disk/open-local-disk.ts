import { lstat, mkdir, readdir, realpath, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Clock, errnoOf, HoldfastError, systemClock } from '@holdfast/core';
import { leftoverAgeMs } from '../limits.ts';
import { diskFailure } from './failure.ts';
import { Folders, syncFolder } from './folders.ts';
import { folderMode, Layout } from './layout.ts';
import { localCapabilities } from './local-capabilities.ts';
import { LocalDisk } from './local-disk.ts';
import type { HardLinks } from './publish.ts';

export interface OpenLocalDiskOptions {
  /** The folder of the repository. It may be a symbolic link itself; links inside are never followed. */
  readonly path: string;
  /** Make the folders that are missing. Without it a missing folder is `repository.missing`. */
  readonly create?: boolean;
  readonly clock?: Clock;
  /** 'avoid' behaves as on a file system without hard links; 'use', the default, finds out by itself. */
  readonly hardLinks?: HardLinks;
}

/** Opens a repository's folder, and sweeps up what a crash left behind a day ago or earlier. */
export async function openLocalDisk(options: OpenLocalDiskOptions): Promise<LocalDisk> {
  const path = resolve(options.path);
  const clock = options.clock ?? systemClock;
  try {
    if (options.create) await makeRoot(path);
    const root = await realpath(path);
    if (!(await lstat(root)).isDirectory()) throw missing(path, 'it is not a folder');
    const layout = new Layout(root);
    const folders = new Folders(root);
    if (options.create) for (const folder of layout.initialFolders()) await folders.make(folder);
    await removeLeftovers(layout, folders, clock);
    const capabilities = await localCapabilities(root);
    return new LocalDisk(root, { clock, hardLinks: options.hardLinks ?? 'use', capabilities });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw missing(path, 'there is no such folder');
    throw diskFailure(error, `open the repository's folder`, path);
  }
}

/** Makes the folder and those above it, durably. */
async function makeRoot(path: string): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true, mode: folderMode });
  if (firstMade === undefined) return;
  for (let folder = path; folder !== dirname(firstMade); folder = dirname(folder)) await syncFolder(dirname(folder));
}

async function removeLeftovers(layout: Layout, folders: Folders, clock: Clock): Promise<void> {
  try {
    if (!(await folders.exists(layout.temporaryFolder))) return;
    const oldestMs = clock.now().getTime() - leftoverAgeMs;
    for (const name of await readdir(layout.temporaryFolder)) {
      const path = join(layout.temporaryFolder, name);
      const found = await lstat(path);
      if (found.isFile() && found.mtimeMs < oldestMs) await unlink(path);
    }
  } catch (error) {
    // A repository that may only be read has to open, too; and another process may sweep at the same time.
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(errnoOf(error) ?? '')) throw error;
  }
}

function missing(path: string, because: string): HoldfastError {
  return new HoldfastError('repository.missing', {
    message: `No repository can be opened at ${path}: ${because}`,
    context: { path },
  });
}
