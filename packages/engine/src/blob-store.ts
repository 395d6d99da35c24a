import { sha256Each, zstdContext } from '@holdfast/native';
import {
  BlobCipher,
  BlobIndex,
  type BlobType,
  blobId,
  type ObjectId,
  objectIdOf,
  PackBuilder,
  type PartialPack,
  type UnnamedPack,
} from '@holdfast/repository';
import type { BackupSetup, Stored } from './backup-jobs.ts';
import { limits } from './limits.ts';

const idSizeBytes = 32;

/** Stores blobs in one thread: hash, ask the index whose job it is, compress, seal, pack. */
export class BlobStore {
  readonly index: BlobIndex;
  readonly #builders: { readonly data: PackBuilder; readonly tree: PackBuilder };
  readonly #emit: (pack: UnnamedPack) => void;
  readonly #spare: SharedArrayBuffer[] = [];
  #stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };

  constructor(setup: BackupSetup, emit: (pack: UnnamedPack) => void) {
    this.index = BlobIndex.attach(setup.index);
    const cipher = new BlobCipher(setup.key);
    const zstd = zstdContext();
    const compress = zstd && ((plain: Uint8Array, level: number): Uint8Array => zstd.compress(plain, level));
    const size = setup.packSizeBytes === undefined ? {} : { targetSizeBytes: setup.packSizeBytes };
    this.#builders = {
      data: new PackBuilder({ cipher, type: 'data', compress, ...size }),
      tree: new PackBuilder({ cipher, type: 'tree', compress, ...size }),
    };
    this.#emit = emit;
  }

  /** The blob's id; when this returns it is stored, in a pack that is being built, or another thread has it in hand. */
  store(type: BlobType, plain: Uint8Array): ObjectId {
    return this.#keep(type, blobId(plain), plain);
  }

  /** Several blobs of data, whose hashes are computed side by side. The ids are in the same order. */
  storeData(plains: readonly Uint8Array[]): ObjectId[] {
    const ids = sha256Each(plains);
    return plains.map((plain, at) => this.#keep('data', ids.subarray(at * idSizeBytes, (at + 1) * idSizeBytes), plain));
  }

  #keep(type: BlobType, id: Uint8Array, plain: Uint8Array): ObjectId {
    if (this.index.claim(id, type) === 'new') {
      const builder = this.#builders[type];
      const { length } = builder.add(id, plain);
      this.#stored[type === 'data' ? 'dataBlobs' : 'treeBlobs'] += 1;
      this.#stored.bytes += plain.byteLength;
      this.#stored.packedBytes += length;
      if (builder.full) this.#finish(builder);
    }
    return objectIdOf(id);
  }

  /** What was new since the last call. */
  takeStored(): Stored {
    const stored = this.#stored;
    this.#stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };
    return stored;
  }

  /** Memory of a pack that is stored. Without it every pack would leave 20 MiB to the garbage collectors of all threads. */
  reuse(memory: SharedArrayBuffer): void {
    if (this.#spare.length < limits.spareBuffersPerThread) this.#spare.push(memory);
  }

  /** What is in no pack yet. */
  flush(): PartialPack[] {
    return [this.#builders.data.finishPartial(), this.#builders.tree.finishPartial()].filter(
      (partial) => partial !== undefined,
    );
  }

  #finish(builder: PackBuilder): void {
    const pack = builder.finishUnnamed();
    if (pack !== undefined) this.#emit(pack);
    const memory = this.#spare.pop();
    if (memory !== undefined) builder.reuse(memory);
  }
}
