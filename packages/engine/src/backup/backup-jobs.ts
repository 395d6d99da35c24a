import type { ErrorReport } from '@holdfast/core';
import type {
  BlobIndexHandle,
  BlobPlace,
  Node,
  ObjectId,
  PackHeader,
  PartialPack,
  RepositoryKey,
} from '@holdfast/repository';
import type { Compression } from '@holdfast/repository/format';
import type { StagedObject } from '@holdfast/storage';
import type { Range } from './chunker.ts';
import type { ExclusionOptions } from './exclusions.ts';
import type { GearMemory } from './gear-scan.ts';
import type { StagingPlace } from './pack-staging.ts';
import type { ReadingPlace } from './reading-places.ts';

/** What the main thread of a backup and its workers tell each other. */

export interface BackupSetup extends ExclusionOptions, UnchangedRule {
  readonly kind: 'setup';
  readonly key: RepositoryKey;
  readonly index: BlobIndexHandle;
  readonly gear: Uint32Array;
  /** Pieces of large files, one slab after the other. */
  readonly slabs: GearMemory;
  readonly oneFileSystem: boolean;
  readonly packSizeBytes: number | undefined;
  readonly compression?: Compression | undefined;
  readonly withAtime?: boolean | undefined;
  readonly staging: StagingPlace;
  readonly readingPlaces?: readonly ReadingPlace[] | undefined;
}

/** What need not be as it was for a file to count as unchanged. */
export interface UnchangedRule {
  /** For file systems that give other numbers at each mount; the change time is not looked at then either. */
  readonly ignoreInode?: boolean | undefined;
  readonly ignoreCtime?: boolean | undefined;
}

/** Looks at the entries of folders, stores small files, describes everything. */
export interface ScanJob {
  readonly kind: 'scan';
  readonly folders: readonly FolderToScan[];
}

export interface FolderToScan {
  /** One character for each byte, as all paths and names of a scan: text is passed on faster than bytes. */
  readonly path: string;
  /** The entries to look at; all of the folder if left out. */
  readonly names: readonly string[] | undefined;
  /** True for what the person named: then it is an error that it is missing. */
  readonly named: boolean;
  /** The folder's own file system; undefined for what the person named. */
  readonly device: bigint | undefined;
  /** The same folder, or the part of it with these names, in the parent snapshot. */
  readonly parent: ParentTree | undefined;
}

/** A folder whose files are counted, with those of all folders inside. */
export type FolderToCount = Pick<FolderToScan, 'path' | 'names' | 'device'>;

/** A tree of the parent snapshot: as the repository has it, which the thread opens and verifies, or as plain bytes. */
export type ParentTree =
  | {
      readonly kind: 'sealed';
      readonly id: ObjectId;
      readonly place: BlobPlace;
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | { readonly kind: 'plain'; readonly bytes: Uint8Array };

export interface ReadJob {
  readonly kind: 'read';
  readonly path: Uint8Array;
  /** Undefined for the first piece. */
  readonly open: OpenFile | undefined;
  readonly offset: number;
  readonly slab: number;
}

export interface OpenFile {
  readonly fd: number;
  readonly sparse: boolean;
  /** mtime, ctime, size and inode when it was opened. */
  readonly version: string;
}

export type BackupJob =
  | BackupSetup
  | ScanJob
  | ReadJob
  /** Finds the chunks of a piece of a stream that lies in a slab; `last` when the stream ends there. */
  | { readonly kind: 'cut'; readonly piece: Range; readonly last: boolean }
  /** Stores chunks that lie in slabs. */
  | { readonly kind: 'chunks'; readonly chunks: readonly Range[] }
  | { readonly kind: 'tree'; readonly json: Uint8Array }
  | { readonly kind: 'count'; readonly folders: readonly FolderToCount[] }
  /** Names the last packs of a run. */
  | { readonly kind: 'name'; readonly packs: readonly Uint8Array[] }
  | { readonly kind: 'flush' };

/** A folder inside the one that was looked at. */
export interface FoundFolder {
  readonly kind: 'folder';
  readonly name: string;
  /** The node's JSON up to the id of the tree. */
  readonly json: string;
  readonly device: bigint;
  readonly parentTree: ObjectId | undefined;
  /** False for a mount point that is left out: it becomes an empty folder. */
  readonly descend: boolean;
}

/** A file that is too large for one job. */
export interface FoundFile {
  readonly kind: 'file';
  readonly node: Node;
  readonly change: Change;
}

export type Change = 'new' | 'changed' | 'unmodified';

export interface ScanResult {
  readonly kind: 'scan';
  /**
   * One for each folder of the job. 'unchanged': all of it is as it was in the parent snapshot, and it has no folders inside.
   * 'left': not looked at, because those before it were enough for one job.
   */
  readonly folders: readonly (ScannedFolder | 'unchanged' | 'left')[];
  readonly problems: readonly ErrorReport[];
  readonly files: Readonly<Record<Change, number>>;
  /** Of all files that are done. */
  readonly bytesDone: number;
  /** Of those, what was really read. */
  readonly bytesRead: number;
  readonly stored: Stored;
}

export interface ScannedFolder {
  /** Text is the JSON of one or more nodes, separated by commas. Everything is in the order of the names. */
  readonly found: readonly (string | FoundFolder | FoundFile)[];
  /** What is left of a wide folder, in order. */
  readonly rest: readonly Pick<FolderToScan, 'names' | 'parent'>[];
  /** Everything in the folder, folders inside not looked into, is as it was in the parent snapshot. */
  readonly same: boolean;
  /** The folder's tree, stored, where this job saw all that is in it; `found` is empty then. */
  readonly tree: ObjectId | undefined;
  /** The folder itself could not be read. */
  readonly failed: boolean;
}

export interface Stored {
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  readonly bytes: number;
  readonly packedBytes: number;
}

export interface CountedFiles {
  readonly kind: 'count';
  readonly files: number;
  readonly bytes: number;
  /** Not counted yet. */
  readonly left: readonly FolderToCount[];
}

export interface ReadResult {
  readonly kind: 'read';
  /** The main thread's to close from here on. Undefined where it could not be opened. */
  readonly open: OpenFile | undefined;
  /** Chunks of zeros that a hole gave before what is in the slab. */
  readonly zeroChunks: { readonly count: number; readonly id: ObjectId; readonly sizeBytes: number } | undefined;
  /** In the memory of all slabs, one behind the other. */
  readonly chunks: readonly Range[];
  /** Where the next piece begins. */
  readonly offset: number;
  readonly end: boolean;
  readonly problem: ErrorReport | undefined;
  /** The file can't be stored. */
  readonly failed: boolean;
  readonly stored: Stored;
}

/** How long a job took: to look at and read what is backed up, and to work on it. */
export interface Spent {
  readonly sourceMs: number;
  readonly processingMs: number;
}

/** What a thread answers to a job. */
export type BackupAnswer = BackupResult & { readonly spent: Spent };

export type BackupResult =
  | ScanResult
  | CountedFiles
  | ReadResult
  | { readonly kind: 'cut'; readonly chunks: readonly Range[] }
  | { readonly kind: 'chunks'; readonly ids: readonly ObjectId[]; readonly stored: Stored }
  | { readonly kind: 'tree'; readonly id: ObjectId; readonly stored: Stored }
  | { readonly kind: 'name'; readonly ids: readonly Uint8Array[] }
  | { readonly kind: 'flush'; readonly partials: readonly PartialPack[]; readonly stored: Stored }
  | { readonly kind: 'setup' };

/** A whole pack in a file, and what the index needs to know of it. */
export interface StagedPack {
  readonly id: Uint8Array;
  readonly header: PackHeader;
  readonly blobCount: number;
  /** Still open. */
  readonly file: StagedObject & { readonly fd: number };
}

/** A pack that is finished, or a file that was opened for one: the main thread closes it. */
export type PackEvent = { readonly pack: StagedPack } | { readonly opened: number };
