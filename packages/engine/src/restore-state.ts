import { HoldfastError } from '@holdfast/core';
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
export function failedOutcome(what: string): Outcome {
  return { state: 'failed', problems: [new HoldfastError('restore.item', { message: what }).toJSON()] };
}
