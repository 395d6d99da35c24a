import type { ObjectInfo } from '@holdfast/storage';
import { impliedPack, type PackForIndex } from '../blob-index/indexed-packs.ts';
import { isDamage } from '../damage.ts';
import type { IndexFilePack } from '../format/index-file.ts';
import { idBytes, type ObjectId, parseObjectId } from '../format/object-id.ts';
import { decodeHeader } from '../format/pack-header.ts';
import { limits } from '../limits.ts';
import { readPackTail } from '../packs/pack-tail.ts';
import type { Repository } from '../repository.ts';

export interface RepairIndexOptions {
  /** Believes no index file that is there: every pack's own header is read. */
  readonly readAllPacks?: boolean | undefined;
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A pack whose own header is damaged. */
export interface UnreadablePack {
  readonly id: ObjectId;
  readonly message: string;
  /**
   * True: an index file lists its blobs, so they stay listed, and `repairPacks` can save those that are whole. False: nobody
   * knows any more what is in it.
   */
  readonly listed: boolean;
}

export interface RepairedIndex {
  /** Packs that the index named and that are gone; they are not named any more. */
  readonly missingPacks: readonly ObjectId[];
  readonly unreadablePacks: readonly UnreadablePack[];
  /** Packs that no index file named before. */
  readonly addedPacks: readonly ObjectId[];
  /** Index files that could not be read, and why. */
  readonly unreadableIndexes: readonly { readonly id: ObjectId; readonly message: string }[];
  /** New index files, and old ones that are gone. Both empty: the index was right. */
  readonly writtenIndexes: readonly ObjectId[];
  readonly removedIndexes: readonly ObjectId[];
}

/**
 * Makes the index agree with the packs that are there. Index files that are right stay as they are; the others are removed
 * when new ones, which hold what was right in them, are durable. Hold the exclusive lock.
 * @throws repository.version for a version 1 repository, and what the storage throws
 */
export async function repairIndex(repository: Repository, options: RepairIndexOptions = {}): Promise<RepairedIndex> {
  repository.requireWritable();
  const { signal } = options;
  const work = new IndexRepair(repository, options);
  // Before anything is read: these and no others may be removed in the end.
  const indexes = await repository.list('index', { signal });
  const packs = new Map<ObjectId, number>();
  for (const { id, sizeBytes } of await repository.list('data', { signal }))
    packs.set(parseObjectId(id, 'The list of packs'), sizeBytes);
  await work.sortIndexes(indexes, packs);
  await work.readHeaders(packs);
  return work.finish();
}

class IndexRepair {
  readonly #repository: Repository;
  readonly #options: RepairIndexOptions;
  /** Packs that a right index file names: nothing is to be done about them. */
  readonly #settled = new Set<ObjectId>();
  /** Right entries of index files that are to be removed. */
  readonly #entries = new Map<ObjectId, PackForIndex>();
  /** What an index file says about packs that are not as it says: used where the pack itself does not tell. */
  readonly #doubtful = new Map<ObjectId, PackForIndex>();
  readonly #named = new Set<ObjectId>();
  readonly #missing = new Set<ObjectId>();
  readonly #unreadable: UnreadablePack[] = [];
  readonly #unreadableIndexes: { id: ObjectId; message: string }[] = [];
  readonly #toRemove: ObjectId[] = [];

  constructor(repository: Repository, options: RepairIndexOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  async sortIndexes(infos: readonly ObjectInfo[], packs: ReadonlyMap<ObjectId, number>): Promise<void> {
    for await (const file of this.#repository.readIndexFiles(infos, { signal: this.#options.signal })) {
      if ('problem' in file) {
        this.#unreadableIndexes.push({ id: file.id, message: file.problem.message });
        this.#toRemove.push(file.id);
      } else if (!this.#sortIndex(file.packs, packs)) this.#toRemove.push(file.id);
    }
  }

  /** True when the file may stay. */
  #sortIndex(listed: readonly IndexFilePack[], packs: ReadonlyMap<ObjectId, number>): boolean {
    let right = listed.length > 0 && this.#options.readAllPacks !== true;
    const good: [ObjectId, PackForIndex][] = [];
    for (const pack of listed) {
      this.#named.add(pack.id);
      const sizeBytes = packs.get(pack.id);
      if (sizeBytes === undefined) {
        this.#missing.add(pack.id);
        right = false;
        continue;
      }
      const implied = impliedPack(pack);
      const entry = { id: idBytes(pack.id), header: implied.header, blobCount: implied.blobs.length };
      if (!implied.contiguous || implied.sizeBytes !== sizeBytes || this.#options.readAllPacks === true) {
        right = false;
        if (implied.contiguous) this.#doubtful.set(pack.id, entry);
      } else if (this.#settled.has(pack.id) || this.#entries.has(pack.id)) {
        // Another file lists it as well: one is enough.
        right = false;
      } else good.push([pack.id, entry]);
    }
    for (const [id, entry] of good) {
      if (right) this.#settled.add(id);
      else this.#entries.set(id, entry);
    }
    return right;
  }

  /** Asks packs about themselves that no index file describes rightly. */
  async readHeaders(packs: ReadonlyMap<ObjectId, number>): Promise<void> {
    const { signal, onProgress } = this.#options;
    const toRead = [...packs].filter(([id]) => !this.#settled.has(id) && !this.#entries.has(id));
    const waiting = toRead.values();
    const parallel = Math.min(limits.parallelFileReads, this.#repository.target.capabilities.maxParallelRequests);
    let done = 0;
    const reader = async (): Promise<void> => {
      for (const [id, sizeBytes] of waiting) {
        signal?.throwIfAborted();
        await this.#readHeader(id, sizeBytes);
        done += 1;
        onProgress?.({ done, total: toRead.length });
      }
    };
    await Promise.all(Array.from({ length: parallel }, reader));
  }

  async #readHeader(id: ObjectId, sizeBytes: number): Promise<void> {
    const { target, cipher } = this.#repository;
    const { signal } = this.#options;
    try {
      const guessBytes = limits.headerGuessBytes;
      const { header } = await readPackTail(cipher, { sizeBytes, guessBytes }, (offset, length) =>
        target.read({ type: 'data', id }, { offset, length, signal }),
      );
      this.#entries.set(id, { id: idBytes(id), header, blobCount: decodeHeader(header).length });
    } catch (error) {
      if (!isDamage(error)) throw error;
      const doubtful = this.#doubtful.get(id);
      // What is in it can still be saved, as long as something says where it is.
      if (doubtful !== undefined) this.#entries.set(id, doubtful);
      this.#unreadable.push({ id, message: error.message, listed: doubtful !== undefined });
    }
  }

  async finish(): Promise<RepairedIndex> {
    const { signal } = this.#options;
    const lost = new Set(this.#unreadable.map(({ id }) => id));
    const writtenIndexes = await this.#repository.saveIndex([...this.#entries.values()], { signal });
    // A file that says exactly what an old one said has its name only if it is the same, so it must not go.
    const removedIndexes = this.#toRemove.filter((id) => !writtenIndexes.includes(id));
    for (const id of removedIndexes) await this.#repository.delete('index', id, { signal });
    return {
      missingPacks: [...this.#missing].sort(),
      unreadablePacks: this.#unreadable,
      addedPacks: [...this.#entries.keys()].filter((id) => !this.#named.has(id) && !lost.has(id)).sort(),
      unreadableIndexes: this.#unreadableIndexes,
      writtenIndexes,
      removedIndexes,
    };
  }
}
