import { errnoOf, HoldfastError } from '@holdfast/core';
import { syncFileSystem, syncFileSystemEarly } from '@holdfast/native';
import { printPath } from '../byte-path.ts';
import { limits } from '../limits.ts';
import type { TargetFolder, TargetFolders } from './restore-folders.ts';

/** As `syncFileSystemEarly` and `syncFileSystem`. */
interface FileSystemSync {
  early(fd: number): Promise<boolean>;
  atEnd(fd: number): unknown;
}

/**
 * Makes everything durable that a restore has written (docs/invariants.md): at the end, by one call for each file system. The
 * disk begins before that, beside the restore: it needs hardly any processor time, but as long for writing as the restore.
 */
export class RestoreDurability {
  readonly #folders: Pick<TargetFolders, 'devices'>;
  readonly #sync: FileSystemSync;
  #bytes = 0;
  #early: Promise<void> | undefined;
  /** The `earlyFd` of those where a call before the end failed. */
  readonly #failedEarly = new Set<number>();

  constructor(
    folders: Pick<TargetFolders, 'devices'>,
    sync: FileSystemSync = { early: syncFileSystemEarly, atEnd: syncFileSystem },
  ) {
    this.#folders = folders;
    this.#sync = sync;
  }

  /** So many bytes more were written. */
  written(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < limits.restoreSyncBytes || this.#early !== undefined) return;
    this.#bytes = 0;
    this.#early = Promise.all(this.#folders.devices.map(({ earlyFd }) => this.#syncEarly(earlyFd))).then(() => {
      this.#early = undefined;
    });
  }

  /** @throws restore.target */
  async finish(): Promise<void> {
    await this.#early;
    for (const { folder, fd, earlyFd } of this.#folders.devices) {
      try {
        this.#sync.atEnd(fd);
      } catch (cause) {
        const errno = errnoOf(cause);
        if (errno === undefined) throw cause;
        throw notDurable(folder, { errno, cause });
      }
      // Writing back reports its failures to each descriptor, but those of the file system's own sync come once.
      if (this.#failedEarly.has(earlyFd)) throw notDurable(folder);
    }
  }

  async #syncEarly(fd: number): Promise<void> {
    const synced = await this.#sync.early(fd).catch(() => false);
    if (!synced) this.#failedEarly.add(fd);
  }
}

/** @param failure undefined when a call before the end failed, which can't say with what */
function notDurable(
  folder: TargetFolder,
  failure?: { readonly errno: string; readonly cause: unknown },
): HoldfastError {
  const path = printPath(folder.path);
  const what = failure === undefined ? 'syncing failed' : failure.errno;
  return new HoldfastError('restore.target', {
    message: `What was restored could not be made durable (${what} at ${path}).`,
    guidance: 'Look at the disk of the target, then restore again: what is right already is not written again.',
    context: { path, ...(failure && { errno: failure.errno }) },
    cause: failure?.cause,
  });
}
