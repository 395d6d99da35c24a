import type { ErrorReport } from '@holdfast/core';
import type { BlobPlace, ExtendedAttribute, NodeType, ObjectId, RepositoryKey } from '@holdfast/repository';

/** What the main thread of a restore and its workers tell each other. */

/** What an existing entry in the way means. */
export type Overwrite = 'refuse' | 'replace' | 'keep';

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

/** An entry to make inside a folder that the main thread keeps open. */
export interface Item {
  /** What comes before the name; see FolderHandle. */
  readonly prefix: Uint8Array;
  readonly name: Uint8Array;
  readonly attributes: Attributes;
}

/** A blob's place in the bytes of a job, and where its plain bytes go. */
export interface BlobWrite extends BlobPlace {
  readonly id: ObjectId;
  readonly targets: readonly { readonly file: number; readonly at: number }[];
}

/** A file that this one job makes, or one that is open because several jobs write to it. */
export type FileWrite = { readonly item: Item } | { readonly fd: number };

export type RestoreJob =
  | {
      readonly kind: 'setup';
      readonly key: RepositoryKey;
      readonly overwrite: Overwrite;
      readonly setOwners: boolean;
      readonly inheritsAcls: boolean;
    }
  /** Everything without content. */
  | { readonly kind: 'items'; readonly items: readonly Item[] }
  | {
      readonly kind: 'write';
      readonly bytes: Uint8Array;
      readonly packOffset: number;
      readonly blobs: readonly BlobWrite[];
      readonly files: readonly FileWrite[];
    }
  /** All content is there: attributes of a file that several jobs wrote. */
  | { readonly kind: 'finish'; readonly fd: number; readonly item: Item }
  /** Everything in the folder is there. */
  | { readonly kind: 'folder'; readonly fd: number; readonly prefix: Uint8Array; readonly attributes: Attributes };

export interface Outcome {
  readonly state: 'done' | 'kept' | 'failed';
  /** What could not be restored of it, or why it failed. */
  readonly problems: readonly ErrorReport[];
}

/** One outcome for each item, file or folder of the job, in order. */
export interface RestoreResult {
  readonly outcomes: readonly Outcome[];
}
