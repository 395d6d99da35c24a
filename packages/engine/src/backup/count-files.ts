import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { FolderProbe } from '@holdfast/native';
import { splitPath } from '../byte-path.ts';
import { FolderHandle } from '../folder-handle.ts';
import { limits } from '../limits.ts';
import { patternText } from '../patterns.ts';
import type { BackupSetup, CountedFiles, FolderToCount } from './backup-jobs.ts';
import { typeOf } from './describe-file.ts';
import { type ExclusionOptions, Exclusions } from './exclusions.ts';
import { ReadingPlaces } from './reading-places.ts';

/** Counts what a backup will find, ahead of it, so that progress can say how much is left. */
export class FileCounter {
  readonly #exclusions: Exclusions;
  readonly #oneFileSystem: boolean;
  readonly #places: ReadingPlaces;
  readonly #probe = new FolderProbe();

  constructor(setup: ExclusionOptions & Pick<BackupSetup, 'oneFileSystem' | 'readingPlaces'>) {
    this.#exclusions = new Exclusions(setup);
    this.#oneFileSystem = setup.oneFileSystem;
    this.#places = new ReadingPlaces(setup.readingPlaces);
  }

  /** Counts the files of folders and of all folders inside until it is enough for one job, and says what is left. */
  count(folders: readonly FolderToCount[]): CountedFiles {
    const left = [...folders];
    const counted = { files: 0, bytes: 0 };
    for (let entries = 0; entries < limits.entriesCountedPerJob; ) {
      const folder = left.pop();
      if (folder === undefined) break;
      entries += 1 + this.#folder(folder, counted, left);
    }
    return { kind: 'count', ...counted, left };
  }

  /** Gives the number of entries. What can't be looked at is no file: the backup itself says what is the matter with it. */
  #folder(given: FolderToCount, counted: { files: number; bytes: number }, found: FolderToCount[]): number {
    const path = Buffer.from(given.path, 'latin1');
    const [probe, exclusions] = [this.#probe, this.#exclusions];
    const parts = exclusions.anyPath ? [] : splitPath(path).map(patternText);
    try {
      using folder = FolderHandle.open(this.#places.of(path));
      let { device } = given;
      // A snapshot of a file system is another one.
      if (device !== undefined && this.#places.begin(path)) device = fs.fstatSync(folder.fd, { bigint: true }).dev;
      const names = given.names ?? probe.names(folder.fd, () => folder.prefix);
      for (const name of exclusions.namesThatStay(folder, names)) {
        const bytes = Buffer.from(name, 'latin1');
        if (!exclusions.anyPath && exclusions.leavesOut([...parts, patternText(bytes)])) continue;
        try {
          probe.look(folder.fd, name, () => folder.path(bytes));
        } catch (error) {
          if (errnoOf(error) === undefined) throw error;
          continue;
        }
        const own = this.#oneFileSystem ? probe.device : undefined;
        if (own !== undefined && device !== undefined && own !== device) continue;
        const type = typeOf(probe.mode);
        if (type === 'dir')
          found.push({ path: `${path.length > 1 ? given.path : ''}/${name}`, names: undefined, device: own });
        else if (type === 'file' && probe.size <= exclusions.maxSizeBytes) {
          counted.files += 1;
          counted.bytes += probe.size;
        }
      }
      return names.length;
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      return 0;
    }
  }
}
