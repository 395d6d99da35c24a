import { HoldfastError } from '@holdfast/core';
import { isDamage } from '@holdfast/repository';
import type { TargetFolder } from './restore-folders.ts';
import type { Item, Outcome } from './restore-jobs.ts';

export interface RestoreCounts {
  filesDone: number;
  foldersDone: number;
  /** Links, devices, fifos, sockets. */
  othersDone: number;
  bytesDone: number;
  kept: number;
  failed: number;
}

/** One file while several jobs write to it. */
export interface OpenFile {
  readonly fd: number;
  readonly item: Item;
  readonly folder: TargetFolder;
  readonly path: Buffer;
  /** Blobs not written, and one for the walk that still adds some. */
  open: number;
  failed: boolean;
}

export interface Batch {
  readonly items: Item[];
  readonly folders: TargetFolder[];
  readonly paths: Buffer[];
}

/** For what can't be restored at all. */
export function failedOutcome(what: string, cause?: unknown): Outcome {
  return { state: 'failed', problems: [itemProblem(what, cause).toJSON()] };
}

/** A problem of one item. What is wrong with the repository keeps its code, because it is not the target that needs a look. */
export function itemProblem(what: string, cause: unknown): HoldfastError {
  return new HoldfastError(isDamage(cause) ? cause.code : 'restore.item', { message: what, cause });
}
