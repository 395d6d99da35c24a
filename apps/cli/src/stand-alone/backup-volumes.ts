import { toHoldfastError } from '@holdfast/core';
import type { BackupOptions } from '@holdfast/engine/backup';
import type { ProviderName } from '@holdfast/engine/snapshot-providers';
import type { Work } from '../work.ts';
import { requireRepository } from './open-repository.ts';
import type { RepositoryOptions } from './repository-options.ts';

export interface VolumeOptions extends RepositoryOptions {
  readonly oneFileSystem?: boolean;
  readonly snapshotProvider: 'auto' | 'none' | ProviderName;
  /** restic's name for 'auto'; a provider that is named is the one. */
  readonly useFsSnapshot?: boolean;
  /** Files are read as they are: a snapshot would change the file system. */
  readonly dryRun?: boolean;
}

/** Runs a backup over file systems that are held still, as the person asked for. */
export class BackupVolumes {
  readonly #options: VolumeOptions;
  readonly #work: Work;
  /** Something that was made could not be removed, or stood still for too short a time. */
  failed = false;

  constructor(options: VolumeOptions, work: Work) {
    this.#options = options;
    this.#work = work;
  }

  /** @throws backup.volume when a snapshot can't be made: then there is no backup. */
  async around<Result>(
    sources: readonly (Buffer | string)[],
    backup: (readingPlaces: BackupOptions['readingPlaces']) => Promise<Result>,
  ): Promise<Result> {
    const { snapshotProvider, useFsSnapshot = false, oneFileSystem = false, dryRun } = this.#options;
    const provider = snapshotProvider === 'none' && useFsSnapshot ? 'auto' : snapshotProvider;
    if (provider === 'none' || dryRun) return backup(undefined);
    const { signal, view } = this.#work;
    const location = await requireRepository(this.#options);
    view.status('Making snapshots of file systems');
    const { holdVolumes } = await import('@holdfast/engine/snapshot-providers');
    const held = await holdVolumes({
      sources,
      provider,
      oneFileSystem,
      // A repository on a frozen file system would wait for itself.
      busyPaths: location.kind === 'folder' ? [location.path] : [],
      signal,
      onNote: (note) => view.note(`Note: ${note}`),
    });
    try {
      return await backup(held.places);
    } finally {
      // Whatever came of the backup, this is a problem of its own.
      await held.release().catch((error: unknown) => {
        this.failed = true;
        view.problem(toHoldfastError(error));
      });
    }
  }
}
