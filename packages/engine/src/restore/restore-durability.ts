import { errnoOf, HoldfastError } from '@holdfast/core';
import { syncFileSystem, syncFileSystemEarly } from '@holdfast/native';
import { printPath } from '../byte-path.ts';
import { limits } from '../limits.ts';
import type { TargetFolders } from './restore-folders.ts';

/**
 * Makes everything durable that a restore has written (docs/invariants.md): at the end, by one call for each file system. The
 * disk begins before that, beside the restore: it needs hardly any processor time, but as long for writing as the restore.
 */
export class RestoreDurability {
  readonly #folders: Pick<TargetFolders, 'devices'>;
  #bytes = 0;
  #early: Promise<void> | undefined;

  constructor(folders: Pick<TargetFolders, 'devices'>) {
    this.#folders = folders;
  }

  /** So many bytes more were written. */
  written(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < limits.restoreSyncBytes || this.#early !== undefined) return;
    this.#bytes = 0;
    const done = (): void => {
      // Whatever is wrong is told by the call at the end.
      this.#early = undefined;
    };
    this.#early = Promise.all(this.#folders.devices.map(({ earlyFd }) => syncFileSystemEarly(earlyFd))).then(
      done,
      done,
    );
  }

  /** @throws restore.target */
  async finish(): Promise<void> {
    await this.#early;
    for (const { folder, fd } of this.#folders.devices) {
      try {
        syncFileSystem(fd);
      } catch (cause) {
        const errno = errnoOf(cause);
        if (errno === undefined) throw cause;
        throw new HoldfastError('restore.target', {
          message: `What was restored could not be made durable (${errno} at ${printPath(folder.path)}).`,
          guidance: 'Look at the disk of the target, then restore again: what is right already is not written again.',
          context: { path: printPath(folder.path), errno },
          cause,
        });
      }
    }
  }
}
