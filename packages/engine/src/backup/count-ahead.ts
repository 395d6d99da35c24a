import { limits } from '../limits.ts';
import type { CountedFiles, FolderToCount } from './backup-jobs.ts';

/** What is to be counted ahead of the backup, and what was. */
export class CountAhead {
  readonly #left: FolderToCount[] = [];
  #isCounting = false;
  #files = 0;
  #bytes = 0;
  #totals: { readonly files: number; readonly bytes: number } | undefined;

  add(folder: FolderToCount): void {
    this.#left.push(folder);
  }

  /** The folders of the next job; undefined while one runs and when all is counted. */
  next(): FolderToCount[] | undefined {
    if (this.#isCounting || this.#totals !== undefined) return undefined;
    this.#isCounting = true;
    return this.#left.splice(-limits.foldersPerJob);
  }

  take({ files, bytes, left }: CountedFiles): void {
    this.#isCounting = false;
    for (const folder of left) this.#left.push(folder);
    this.#files += files;
    this.#bytes += bytes;
    if (this.#left.length === 0) this.#totals = { files: this.#files, bytes: this.#bytes };
  }

  /** What the backup will find; undefined until all is counted. */
  get totals(): { readonly files: number; readonly bytes: number } | undefined {
    return this.#totals;
  }
}
