import { HoldfastError, Semaphore } from '@holdfast/core';
import {
  type BlobLocation,
  ByteLru,
  type ObjectId,
  openBlob,
  plainLength,
  planPackReads,
  type Repository,
  shortId,
} from '@holdfast/repository';
import { mountLimits } from './mount-limits.ts';

interface WantedBlob extends BlobLocation {
  readonly id: ObjectId;
}

/**
 * Plain blobs of files, kept within a bound and read once however many ask. Reads belong to the mount, not to the request
 * that happened to be first: a request that is interrupted stops waiting, and the blob is there for the next one.
 */
export class MountBlobs {
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #blobs = new ByteLru<Promise<Buffer>>(mountLimits.blobCacheBytes);
  readonly #reads: Semaphore;

  constructor(repository: Repository, options: { readonly signal: AbortSignal }) {
    this.#repository = repository;
    this.#signal = options.signal;
    this.#reads = new Semaphore(
      Math.min(mountLimits.parallelReads, repository.target.capabilities.maxParallelRequests),
    );
  }

  /** Verified. @throws repository.damaged, storage.tampered, run.timeout, and what the target throws */
  get(id: ObjectId): Promise<Buffer> {
    const known = this.#blobs.get(id);
    if (known !== undefined) return known;
    return this.#start([this.#locate(id)])[0] ?? Promise.reject(this.#unknown(id));
  }

  /** Reads blobs that will soon be asked for, neighbours in one go. */
  readAhead(ids: readonly ObjectId[]): void {
    const wanted = new Map<ObjectId, WantedBlob>();
    for (const id of ids) {
      if (this.#blobs.get(id) !== undefined) continue;
      const location = this.#repository.index.lookup(id, 'data');
      // Who asks for it will hear that it is missing.
      if (location !== undefined) wanted.set(id, { id, ...location });
    }
    // Whoever asks for one of them waits for it, and hears of a failure.
    for (const read of planPackReads(wanted.values(), { maxBytes: mountLimits.readAheadBytes }))
      void this.#start(read.blobs);
  }

  /** Starts one read of neighbours in a pack. Gives a promise for each, in the order given. */
  #start(blobs: readonly WantedBlob[]): Promise<Buffer>[] {
    const bytes = this.#read(blobs);
    return blobs.map((blob) => {
      const plain = bytes.then(({ start, sealed }) => {
        const at = blob.offset - start;
        return openBlob(this.#repository.cipher, sealed.subarray(at, at + blob.length), blob);
      });
      // A failed read is no answer for the next one; whoever waits for it sees the error.
      plain.then(undefined, () => {
        if (this.#blobs.get(blob.id) === plain) this.#blobs.delete(blob.id);
      });
      this.#blobs.set(blob.id, plain, plainLength(blob));
      return plain;
    });
  }

  async #read(blobs: readonly WantedBlob[]): Promise<{ start: number; sealed: Uint8Array }> {
    const start = Math.min(...blobs.map(({ offset }) => offset));
    const end = Math.max(...blobs.map(({ offset, length }) => offset + length));
    const [first] = blobs;
    if (first === undefined) return { start, sealed: new Uint8Array(0) };
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(mountLimits.storageTimeoutMs)]);
    using _permit = await this.#reads.acquire(signal);
    const sealed = await this.#repository.target.read(
      { type: 'data', id: first.packId },
      { offset: start, length: end - start, signal },
    );
    return { start, sealed };
  }

  #locate(id: ObjectId): WantedBlob {
    const location = this.#repository.index.lookup(id, 'data');
    if (location === undefined) throw this.#unknown(id);
    return { id, ...location };
  }

  #unknown(id: ObjectId): HoldfastError {
    return new HoldfastError('repository.damaged', {
      message: `Blob ${shortId(id)} is not in the index of the repository.`,
      context: { blob: id },
    });
  }
}
