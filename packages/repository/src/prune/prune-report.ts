import type { ObjectId } from '../format/object-id.ts';

/** What a prune is asked for, and what it tells. */

export interface PruneLimits {
  /** How many bytes of waste may remain beside that many needed bytes. */
  readonly maxUnusedBytes: (usedBytes: number) => number;
  /** Packs of so many bytes in all are packed again at most. */
  readonly maxRepackBytes: number;
  /** Leaves packs of data alone, unless nothing of them is needed: trees are what clients keep copies of. */
  readonly repackTreesOnly: boolean;
  /** Packs again what holds uncompressed blobs, and compresses them. */
  readonly repackUncompressed: boolean;
  /** Smaller packs are packed together; restic's rule where left out. */
  readonly repackSmallerThanBytes?: number | undefined;
}

/** Counts before and of the work; sizes as stored. */
export interface PruneStatistics {
  readonly blobs: Counts<'used' | 'duplicate' | 'unused' | 'remove' | 'repack' | 'repackRemove'>;
  readonly bytes: Counts<
    'used' | 'duplicate' | 'unused' | 'unlisted' | 'remove' | 'repack' | 'repackRemove' | 'retained'
  >;
  /** `retained`: packs that would go, but must stay until their date. */
  readonly packs: Counts<
    'used' | 'partlyUsed' | 'unused' | 'unlisted' | 'missing' | 'keep' | 'repack' | 'remove' | 'retained'
  >;
}

type Counts<Name extends string> = { [name in Name]: number };

export interface PruneProgress {
  readonly phase: 'index' | 'trees' | 'packs' | 'repack' | 'wait' | 'rewrite' | 'delete';
  readonly done: number;
  readonly total?: number | undefined;
}

export interface PruneReport {
  /** The plan; with a dry run nothing else happens. */
  readonly statistics: PruneStatistics;
  /** Packs that are packed again and then go. */
  readonly repacked: readonly ObjectId[];
  /** Packs that go as they are. */
  readonly removed: readonly ObjectId[];
  /** Packs that were written. */
  readonly newPacks: number;
  readonly deleted: { readonly packs: number; readonly bytes: number; readonly indexes: number };
  /** Packs that were to go and stay, because a snapshot that came meanwhile needs them. */
  readonly spared: number;
  /** Packs that must stay until their date. */
  readonly retained: number;
  /** Objects that could not be deleted for another reason. */
  readonly failed: number;
}
