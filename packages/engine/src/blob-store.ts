import {
  BlobCipher,
  BlobIndex,
  type BlobType,
  blobId,
  type FinishedPack,
  type ObjectId,
  objectIdOf,
  PackBuilder,
  type PartialPack,
} from '@holdfast/repository';
import type { BackupSetup, Stored } from './backup-jobs.ts';

/** Stores blobs in one thread: hash, ask the index whose job it is, compress, seal, pack. */
export class BlobStore {
  readonly index: BlobIndex;
  readonly #builders: { readonly data: PackBuilder; readonly tree: PackBuilder };
  readonly #emit: (pack: FinishedPack) => void;
  #stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };

  constructor(setup: BackupSetup, emit: (pack: FinishedPack) => void) {
    this.index = BlobIndex.attach(setup.index);
    const cipher = new BlobCipher(setup.key);
    const size = setup.packSizeBytes === undefined ? {} : { targetSizeBytes: setup.packSizeBytes };
    this.#builders = {
      data: new PackBuilder({ cipher, type: 'data', ...size }),
      tree: new PackBuilder({ cipher, type: 'tree', ...size }),
    };
    this.#emit = emit;
  }

  /** The blob's id; when this returns it is stored, in a pack that is being built, or another thread has it in hand. */
  store(type: BlobType, plain: Uint8Array): ObjectId {
    const id = blobId(plain);
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

  reuse(memory: SharedArrayBuffer): void {
    this.#builders.data.reuse(memory);
  }

  /** What is in no pack yet. */
  flush(): PartialPack[] {
    return [this.#builders.data.finishPartial(), this.#builders.tree.finishPartial()].filter(
      (partial) => partial !== undefined,
    );
  }

  #finish(builder: PackBuilder): void {
    const pack = builder.finish();
    if (pack !== undefined) this.#emit(pack);
  }
}
