import { HoldfastError } from '@holdfast/core';
import type { BlobLocation, ObjectId } from '@holdfast/repository/format';
import { isDamage } from '@holdfast/repository/format';
import type { TargetFolder } from './restore-folders.ts';
import type { Attributes, Item, Outcome } from './restore-jobs.ts';

export interface RestoreCounts {
  /** Restored, or found right. */
  filesDone: number;
  foldersDone: number;
  /** Links, devices, fifos, sockets. */
  othersDone: number;
  bytesDone: number;
  /** Files of `filesDone` whose content was right already, and their bytes, which `bytesDone` does not count. */
  unchanged: number;
  unchangedBytes: number;
  /** Left as they were because of the policy, and what they would have had. */
  kept: number;
  keptBytes: number;
  /** What the snapshot does not have. */
  deleted: number;
  failed: number;
}

export function newCounts(): RestoreCounts {
  const done = { filesDone: 0, foldersDone: 0, othersDone: 0, bytesDone: 0 };
  return { ...done, unchanged: 0, unchangedBytes: 0, kept: 0, keptBytes: 0, deleted: 0, failed: 0 };
}

/** A file of the snapshot on its way into the target. */
export interface RestoredFile {
  readonly folder: TargetFolder;
  readonly name: Buffer;
  readonly attributes: Attributes;
  readonly path: Buffer;
  readonly ordinal: number;
  readonly content: readonly ObjectId[];
  readonly places: readonly BlobLocation[];
  readonly sizeBytes: number;
  /** It has other names. */
  readonly linked: boolean;
}

/** One file while several jobs write to it. */
export interface OpenFile {
  readonly fd: number;
  readonly item: Item;
  readonly file: RestoredFile;
  /** It was there, and only what was wrong is written. */
  readonly inPlace: boolean;
  /** Something was in its place. */
  readonly existed: boolean;
  /** Blobs not written, and one for the walk that still adds some. */
  open: number;
  failed: boolean;
}

/** What happened to one entry, as restic names it. */
export interface RestoredEntry {
  readonly action: 'restored' | 'updated' | 'unchanged' | 'deleted';
  /** In the snapshot; of what was deleted its path below the target. */
  readonly path: Buffer;
  readonly sizeBytes: number;
}

/** For what can't be restored at all. */
export function failedOutcome(what: string, cause?: unknown): Outcome {
  return { state: 'failed', problems: [itemProblem(what, cause).toJSON()] };
}

/** A problem of one item. What is wrong with the repository keeps its code, because it is not the target that needs a look. */
export function itemProblem(what: string, cause: unknown): HoldfastError {
  return new HoldfastError(isDamage(cause) ? cause.code : 'restore.item', { message: what, cause });
}
