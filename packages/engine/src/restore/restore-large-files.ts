import fs from 'node:fs';
import { plainLength } from '@holdfast/repository';
import { reason } from '../problem.ts';
import { createFile, type FreshOptions, itemPath, Kept } from './restore-item.ts';
import type { Item, Outcome } from './restore-jobs.ts';
import type { RestoreReads, WriteTarget } from './restore-reads.ts';
import { failedOutcome, type OpenFile, type RestoredFile } from './restore-state.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDWR } = fs.constants;

interface LargeFileOptions {
  readonly reads: RestoreReads;
  readonly options: FreshOptions;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  /** The first thing that is wrong with a file. */
  readonly onReport: (file: RestoredFile, outcome: Outcome) => void;
  /** All content is there; the descriptor is the caller's now. */
  readonly onWhole: (file: OpenFile) => void;
  /** The file is given up, and not open any more. */
  readonly onFailed: (file: RestoredFile, outcome: Outcome) => void;
}

/**
 * Files of several blobs, or with several names: they are made here, and several jobs write to them. Until all content is
 * there such a file is one byte longer than it is to be, so that neither a person nor a later restore takes it for whole.
 */
export class RestoreLargeFiles {
  readonly #o: LargeFileOptions;
  readonly #open = new Set<OpenFile>();

  constructor(options: LargeFileOptions) {
    this.#o = options;
  }

  get count(): number {
    return this.#open.size;
  }

  close(): void {
    for (const { fd } of this.#open) fs.closeSync(fd);
    this.#open.clear();
  }

  /** @param there what was found in its place, with the blobs that need not be written */
  async restore(file: RestoredFile, item: Item, there: Outcome | undefined): Promise<void> {
    const right = there?.right;
    const { reads, signal } = this.#o;
    let opened: { readonly fd: number; readonly inPlace: boolean };
    try {
      opened = this.#openFile(item, right !== undefined);
    } catch (error) {
      this.#o.onFailed(
        file,
        error instanceof Kept ? { state: 'kept', problems: [] } : failedOutcome(reason(error), error),
      );
      return;
    }
    const { fd, inPlace } = opened;
    const existed = there?.exists === true;
    const open: OpenFile = { fd, item, file, inPlace, existed, open: 1, failed: false };
    this.#open.add(open);
    const target: Omit<WriteTarget, 'at'> = {
      folder: undefined,
      begin: () => ({ fd, fresh: !inPlace }),
      // It stays open until the last one has ended.
      end: () => undefined,
      onOutcome: (outcome, bytes) => {
        this.#o.onBytes(bytes);
        this.#partDone(open, outcome);
      },
    };
    let at = 0;
    try {
      fs.ftruncateSync(fd, file.sizeBytes + 1);
      for (const [number, place] of file.places.entries()) {
        const id = file.content[number];
        if (id === undefined || open.failed) break;
        if (!inPlace || right?.[number] !== true) {
          open.open += 1;
          // One outcome for each blob: a read that brings several of them would give only one.
          await reads.add(id, place, { ...target, at });
        }
        at += plainLength(place);
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#partDone(open, failedOutcome(reason(error), error));
      return;
    }
    this.#partDone(open, { state: 'restored', problems: [] });
  }

  /** What is there is written to only if it still is a file with one name; else it is made anew. */
  #openFile(item: Item, inPlace: boolean): { readonly fd: number; readonly inPlace: boolean } {
    const path = itemPath(item);
    if (!inPlace) return { fd: createFile(path, this.#o.options), inPlace: false };
    let fd: number | undefined;
    try {
      fd = fs.openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
      const stat = fs.fstatSync(fd);
      if (stat.isFile() && stat.nlink === 1) return { fd, inPlace: true };
    } catch {
      // Not writable for this user, or gone: made anew below, or its error is told.
    }
    if (fd !== undefined) fs.closeSync(fd);
    return { fd: createFile(path, this.#o.options), inPlace: false };
  }

  #partDone(open: OpenFile, outcome: Outcome): void {
    const { file, fd } = open;
    if (outcome.state === 'failed' && !open.failed) {
      open.failed = true;
      this.#o.onReport(file, outcome);
    }
    open.open -= 1;
    if (open.open > 0) return;
    this.#open.delete(open);
    if (!open.failed) {
      this.#o.onWhole(open);
      return;
    }
    fs.closeSync(fd);
    const failed: Outcome = { state: 'failed', problems: [] };
    try {
      // Nothing that looks whole and is not may stay behind. What was there before may be all that is left: it stays, too long.
      if (!open.inPlace) fs.unlinkSync(itemPath(open.item));
      this.#o.onFailed(file, failed);
    } catch (error) {
      this.#o.onFailed(file, failedOutcome(`what was written of it could not be removed (${reason(error)})`, error));
    }
  }
}
