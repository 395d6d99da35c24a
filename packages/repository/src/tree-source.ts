import { HoldfastError } from '@holdfast/core';
import type { Target } from '@holdfast/storage';
import type { BlobIndex } from './blob-index/blob-index.ts';
import { ByteLru } from './byte-lru.ts';
import { type BlobLocation, type BlobPlace, openBlob } from './format/blob.ts';
import type { BlobCipher } from './format/blob-cipher.ts';
import { type ObjectId, shortId } from './format/object-id.ts';
import { limits } from './limits.ts';

interface Window {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/**
 * Tree blobs, read in windows: neighbours in a pack are neighbours in the folder, and a storage far away answers for half
 * a megabyte as fast as for one tree. Keeps sealed windows and opened trees, both bounded by bytes.
 */
export class TreeSource {
  readonly #target: Target;
  readonly #cipher: BlobCipher;
  readonly #windows: ByteLru<Promise<Window>>;
  readonly #trees: ByteLru<Buffer>;

  /** `readOnceBytes`: each tree is asked for once, so opened ones are not kept, and so many sealed bytes. */
  constructor(options: { target: Target; cipher: BlobCipher; readOnceBytes?: number }) {
    const { readOnceBytes } = options;
    this.#target = options.target;
    this.#cipher = options.cipher;
    this.#windows = new ByteLru(readOnceBytes ?? limits.treeWindowCacheBytes);
    this.#trees = new ByteLru(readOnceBytes === undefined ? limits.treeCacheBytes : 0);
  }

  /** The plain bytes of a tree. @throws repository.damaged when the index does not know it, storage.tampered */
  async load(index: BlobIndex, id: ObjectId, signal?: AbortSignal): Promise<Buffer> {
    const known = this.#trees.get(id);
    if (known !== undefined) return known;
    const location = locate(index, id);
    const sealed = await this.#read(index, location, signal);
    const plain = openBlob(this.#cipher, sealed, { id, ...location });
    this.#trees.set(id, plain, plain.byteLength);
    return plain;
  }

  /** A tree as it is stored, for another thread to open and verify. @throws repository.damaged when the index does not know it */
  async readSealed(
    index: BlobIndex,
    id: ObjectId,
    signal?: AbortSignal,
  ): Promise<{ readonly place: BlobPlace; readonly bytes: Uint8Array }> {
    const location = locate(index, id);
    const { offset, length, uncompressedLength } = location;
    return { place: { offset, length, uncompressedLength }, bytes: await this.#read(index, location, signal) };
  }

  async #read(index: BlobIndex, location: BlobLocation, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { packId, offset, length } = location;
    const number = Math.floor(offset / limits.treeWindowBytes);
    const key = `${packId}:${number}`;
    let promise = this.#windows.get(key);
    if (promise === undefined) {
      const start = number * limits.treeWindowBytes;
      const end = Math.min(start + limits.treeWindowBytes, index.packEnd(packId));
      promise = this.#readRange(packId, start, end, signal);
      this.#windows.set(key, promise, limits.treeWindowBytes);
      // A failed read is not an answer for the next one; whoever awaits it sees the error.
      promise.then(undefined, () => this.#windows.delete(key));
    }
    let window: Window;
    try {
      window = await promise;
    } catch (error) {
      // Somebody else's signal may have ended the shared read.
      signal?.throwIfAborted();
      if (!(error instanceof HoldfastError) || error.code !== 'run.cancelled') throw error;
      window = await this.#readRange(packId, offset, offset + length, signal);
    }
    const from = offset - window.start;
    if (from + length <= window.bytes.byteLength) return window.bytes.subarray(from, from + length);
    // It reaches over the end of its window: the rest is a read of its own.
    const head = window.bytes.subarray(from);
    const rest = await this.#readRange(packId, offset + head.byteLength, offset + length, signal);
    return Buffer.concat([head, rest.bytes]);
  }

  async #readRange(packId: ObjectId, start: number, end: number, signal?: AbortSignal): Promise<Window> {
    const bytes = await this.#target.read({ type: 'data', id: packId }, { offset: start, length: end - start, signal });
    return { start, bytes };
  }
}

function locate(index: BlobIndex, id: ObjectId): BlobLocation {
  const location = index.lookup(id, 'tree');
  if (location === undefined)
    throw new HoldfastError('repository.damaged', {
      message: `Tree ${shortId(id)} is not in the index of the repository.`,
      context: { tree: id },
    });
  return location;
}
