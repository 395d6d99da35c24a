import type { ErrorReport } from '@holdfast/core';
import type { BlobPlace, ExtendedAttribute, NodeType, ObjectId, RepositoryKey } from '@holdfast/repository';
import type { XattrPatterns } from './xattr-rule.ts';

/** What the main thread of a restore and its workers tell each other. */

/**
 * What an entry that exists means. 'refuse': an error. 'always': its content is compared with the snapshot's, and what is
 * wrong is written again. 'if-changed': the same, but a file of the same size and time is believed. 'if-newer': only what
 * is newer in the snapshot is restored. 'never': what exists stays.
 */
export type Overwrite = 'refuse' | 'always' | 'if-changed' | 'if-newer' | 'never';

/** A node as the system takes it. */
export interface Attributes {
  readonly type: NodeType;
  /** 0 to 0o7777. */
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedNs: bigint;
  readonly accessedNs: bigint;
  readonly extendedAttributes: readonly ExtendedAttribute[] | undefined;
  readonly linkTarget: Uint8Array | undefined;
  readonly device: bigint | undefined;
}

/** An entry inside a folder that the main thread keeps open. */
export interface Item {
  /** Where it is, as the system finds it; see FolderHandle. Bytes as characters, which threads exchange fastest. */
  readonly path: string;
  /** Descriptor of the folder. */
  readonly folder: number;
  readonly attributes: Attributes;
  /** What is made in the folder has the group of this process. */
  readonly ownGroup: boolean;
  /** What is made in the folder gets an ACL from it. */
  readonly inheritsAcls: boolean;
}

/** A blob's place in the bytes of a job, and where its plain bytes go. */
export interface BlobWrite extends BlobPlace {
  readonly id: ObjectId;
  /** Pairs of numbers: which file, and where in it. */
  readonly targets: readonly number[];
}

/** What was read of a pack, from `offset` on; or where the thread reads it. */
export type PackBytes =
  | { readonly bytes: Uint8Array; readonly offset: number }
  | { readonly id: ObjectId; readonly file: string };

/** A file that this one job makes, or one that is open because several jobs write to it. `fresh`: what is not written reads as zeros. */
export type FileWrite = { readonly item: Item } | { readonly fd: number; readonly fresh: boolean };

/** A file of the snapshot that may be there already. */
export interface Inspection {
  readonly item: Item;
  readonly blobs: readonly { readonly id: ObjectId; readonly sizeBytes: number }[];
  /** Another name of it is in the snapshot, so it may have several. */
  readonly linked: boolean;
}

export type RestoreJob =
  | {
      readonly kind: 'setup';
      readonly key: RepositoryKey;
      readonly overwrite: Overwrite;
      readonly setOwners: boolean;
      readonly xattrs: XattrPatterns;
      /** Folders in the way of something else are removed with all that is in them. */
      readonly deletes: boolean;
    }
  /** Everything without content. */
  | { readonly kind: 'items'; readonly items: readonly Item[] }
  | {
      readonly kind: 'write';
      readonly pack: PackBytes;
      /** By ascending offset. */
      readonly blobs: readonly BlobWrite[];
      readonly files: readonly FileWrite[];
    }
  /** `compare`: by the policy that was set up; `look`: the same, changing nothing; `verify`: content alone, by its blobs. */
  | { readonly kind: 'inspect'; readonly mode: 'compare' | 'look' | 'verify'; readonly files: readonly Inspection[] }
  /** All content is there: size and attributes of a file that several jobs wrote. */
  | { readonly kind: 'finish'; readonly fd: number; readonly item: Item; readonly sizeBytes: number }
  /** Everything in the folder is there. */
  | { readonly kind: 'folder'; readonly fd: number; readonly prefix: string; readonly attributes: Attributes };

export interface Outcome {
  /** 'missing': not what it must be, or not there at all, and nothing was changed. */
  readonly state: 'restored' | 'unchanged' | 'kept' | 'failed' | 'missing';
  /** What could not be restored of it, or why it failed. */
  readonly problems: readonly ErrorReport[];
  /** Blobs that could not be opened, by their number in the job: not the target is at fault. */
  readonly damaged?: true;
  /** 'missing', of a file that is there: which of its blobs are right; none if it has to be made anew. */
  readonly right?: readonly boolean[] | undefined;
  readonly exists?: true;
}

/** Nearly everything goes as it should: that needs no words. */
export const restored: Outcome = { state: 'restored', problems: [] };

export interface RestoreResult {
  /** For items, files or folders of the job that were not simply restored, by their number. */
  readonly others: readonly (readonly [number: number, outcome: Outcome])[];
  /** The thread could not read the pack, and has done nothing. */
  readonly unread?: true;
  /** How long it took: reading packs, opening what was read, and the rest, on the disk that is restored to. */
  readonly spent?: { readonly sourceMs: number; readonly processingMs: number; readonly targetMs: number };
}
