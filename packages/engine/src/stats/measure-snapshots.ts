import { HoldfastError } from '@holdfast/core';
import { type Node, type ObjectId, plainLength, type Repository, sealOverheadBytes } from '@holdfast/repository';
import { BlobSet } from '../blob-set.ts';
import { walkTree } from '../walk-tree.ts';
import { DigestSet } from './digest-set.ts';

/**
 * - `restore-size`: what restoring every snapshot would write; hard links count once in each.
 * - `files-by-contents`: files of the same content count once.
 * - `blobs-per-file`: files of the same content count once, and blobs once in each path.
 * - `raw-data`: blobs as they are stored, each once.
 */
export type StatsMode = 'restore-size' | 'files-by-contents' | 'blobs-per-file' | 'raw-data';

export interface Stats {
  readonly mode: StatsMode;
  readonly snapshots: number;
  readonly totalBytes: number;
  readonly files: number;
  readonly blobs: number;
  /** `raw-data` of a repository of version 2 only. */
  readonly compression?: {
    /** What the blobs would take if none were compressed. */
    readonly uncompressedBytes: number;
    /** How much smaller the compressed blobs became; 0 when there are none. */
    readonly ratio: number;
    /** The share of all data that is compressed, in percent. */
    readonly progressPercent: number;
    readonly savingPercent: number;
  };
}

export interface StatsOptions {
  readonly mode: StatsMode;
  /** The root tree of each snapshot. */
  readonly trees: readonly ObjectId[];
  readonly onProgress?:
    | ((done: { readonly snapshots: number; readonly files: number; readonly bytes: number }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Counts what snapshots hold, in restic's ways. @throws repository.damaged when a tree or blob is missing */
export async function measureSnapshots(repository: Repository, options: StatsOptions): Promise<Stats> {
  const { mode, trees } = options;
  if (mode === 'raw-data') return measureBlobs(repository, options);
  const tally = new Tally(repository, mode);
  for (const [at, tree] of trees.entries()) {
    tally.nextSnapshot();
    for await (const event of walkTree(repository, { tree, signal: options.signal })) {
      if (event.kind !== 'node') continue;
      tally.add(event.path, event.node);
      options.onProgress?.({ snapshots: at, files: tally.files, bytes: tally.totalBytes });
    }
  }
  const { files, blobs, totalBytes } = tally;
  return { mode, snapshots: trees.length, totalBytes, files, blobs };
}

class Tally {
  files = 0;
  blobs = 0;
  totalBytes = 0;
  readonly #repository: Repository;
  readonly #mode: StatsMode;
  readonly #contents = new DigestSet();
  readonly #paths = new DigestSet();
  readonly #blobsOfPaths = new DigestSet();
  /** Inode and device of hard-linked files, of one snapshot. */
  #links = new Set<string>();

  constructor(repository: Repository, mode: StatsMode) {
    this.#repository = repository;
    this.#mode = mode;
  }

  nextSnapshot(): void {
    this.#links = new Set();
  }

  add(path: Buffer, node: Node): void {
    if (this.#mode === 'restore-size') this.#addSize(node);
    // restic takes what has no content (folders, links) for one more file of no content.
    else if (this.#contents.add(node.content ?? [])) {
      if (this.#mode === 'blobs-per-file') this.#addBlobs(path, node);
      else {
        this.files += 1;
        this.totalBytes += Number(node.size ?? 0n);
      }
    }
  }

  #addSize(node: Node): void {
    this.files += 1;
    if (node.links !== 1n && node.type !== 'dir' && node.inode) {
      const name = `${node.inode} ${node.deviceId ?? 0n}`;
      if (this.#links.has(name)) return;
      this.#links.add(name);
    }
    this.totalBytes += Number(node.size ?? 0n);
  }

  #addBlobs(path: Buffer, node: Node): void {
    for (const id of node.content ?? []) {
      if (this.#paths.add([path])) this.files += 1;
      if (!this.#blobsOfPaths.add([path, '\0', id])) continue;
      const place = this.#repository.index.lookup(id, 'data');
      if (place === undefined) throw missing(`data ${id}`);
      this.blobs += 1;
      this.totalBytes += plainLength(place);
    }
  }
}

async function measureBlobs(repository: Repository, options: StatsOptions): Promise<Stats> {
  const { trees, signal } = options;
  const { index } = repository;
  const blobs = new BlobSet(index);
  let files = 0;
  for (const [at, root] of trees.entries()) {
    const waiting = blobs.add('tree', root) ? [root] : [];
    for (let tree = waiting.pop(); tree !== undefined; tree = waiting.pop()) {
      signal?.throwIfAborted();
      for (const node of await repository.loadTree(tree, { signal })) {
        files += 1;
        if (node.type === 'file') for (const id of node.content ?? []) blobs.add('data', id);
        if (node.subtree !== undefined && blobs.add('tree', node.subtree)) waiting.push(node.subtree);
      }
      options.onProgress?.({ snapshots: at, files, bytes: 0 });
    }
  }
  for (const name of blobs.unknown) throw missing(name);
  let [count, totalBytes, uncompressedBytes, compressedBytes, compressedPlainBytes] = [0, 0, 0, 0, 0];
  for (const entry of blobs.entries()) {
    const place = index.location(entry);
    if (place === undefined) continue;
    const sealedPlainBytes = plainLength(place) + sealOverheadBytes;
    count += 1;
    totalBytes += place.length;
    uncompressedBytes += sealedPlainBytes;
    if (place.uncompressedLength === 0) continue;
    compressedBytes += place.length;
    compressedPlainBytes += sealedPlainBytes;
  }
  const stats = { mode: options.mode, snapshots: trees.length, totalBytes, files: 0, blobs: count };
  if (repository.config.version < 2) return stats;
  return {
    ...stats,
    compression: {
      uncompressedBytes,
      ratio: compressedBytes === 0 ? 0 : compressedPlainBytes / compressedBytes,
      progressPercent: uncompressedBytes === 0 ? 0 : (compressedPlainBytes / uncompressedBytes) * 100,
      savingPercent: uncompressedBytes === 0 ? 0 : (1 - totalBytes / uncompressedBytes) * 100,
    },
  };
}

function missing(name: string): HoldfastError {
  return new HoldfastError('repository.damaged', {
    message: `The blob ${name}, which a snapshot needs, is not in the index of the repository.`,
  });
}
