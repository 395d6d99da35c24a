import type { RepositoryKey } from '@holdfast/repository';

/** The work of a row, and nothing else: no index, no trees, no queues, no progress. */
export type LimitKind = 'backup' | 'read again' | 'scan' | 'check' | 'restore';

export type Hashing = 'lanes' | 'one by one';

/** A part of a file to be read. */
export interface FilePart {
  /** Position in the job's `paths`. */
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** A blob in a pack, and which part of a file it is. */
export interface StoredBlob extends FilePart {
  readonly packOffset: number;
  readonly packLength: number;
  /** 0: not compressed. */
  readonly uncompressedLength: number;
}

export interface StoredPack {
  readonly path: string;
  readonly blobs: readonly StoredBlob[];
}

/** What one worker gets; `next` is the number of the next task, which all of them take from. */
export interface LimitJob {
  readonly kind: LimitKind;
  readonly hashing: Hashing;
  readonly key: RepositoryKey;
  readonly gear: Uint32Array;
  readonly next: Int32Array;
  /** Files for `backup` and `read again`, folders for `scan`, files to write for `restore`. */
  readonly paths: readonly string[];
  /** Of `backup` and `read again`: what is read at once. */
  readonly reads: readonly (readonly FilePart[])[];
  /** Of `check` and `restore`. */
  readonly packs: readonly StoredPack[];
  /** Where `backup` writes packs. */
  readonly folder: string;
}

export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly packs: readonly StoredPack[] }
  | { readonly kind: 'failed'; readonly message: string };
