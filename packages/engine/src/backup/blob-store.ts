import { randomInt } from 'node:crypto';
import { type Sha256Stream, type Sha256Together, sealedBytes, sha256Together, zstdContext } from '@holdfast/native';
import {
  BlobCipher,
  BlobIndex,
  type BlobType,
  blobId,
  type ObjectId,
  objectIdOf,
  PackBuilder,
  type PartialPack,
} from '@holdfast/repository';
import { limits } from '../limits.ts';
import type { BackupSetup, PackEvent, Stored } from './backup-jobs.ts';
import { PackMemory } from './pack-memory.ts';

const idSizeBytes = 32;

interface KeptBlob {
  readonly id: Uint8Array;
  readonly plain: Uint8Array;
}

/** A pack that grows, and the hash of it, which follows. */
interface GrowingPack {
  readonly builder: PackBuilder;
  stream: Sha256Stream;
  hashedBytes: number;
  /** The buffer that it grows in. */
  memory: number;
}

/**
 * Stores blobs in one thread: hash, ask the index whose job it is, compress, seal, pack. Blobs go into their pack in random
 * order as far as several are at hand: who reads the repository without its key shall not recognise a folder that he knows
 * by the sizes of its files in their order.
 */
export class BlobStore {
  readonly index: BlobIndex;
  readonly #packs: Readonly<Record<BlobType, GrowingPack>>;
  readonly #together: Sha256Together;
  readonly #emit: (event: PackEvent) => void;
  readonly #randomBelow: (end: number) => number;
  readonly #memory: PackMemory;
  #keptData: KeptBlob[] = [];
  #keptTrees: KeptBlob[] = [];
  #keptTreeBytes = 0;
  #stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };

  /** @param randomBelow gives a whole number from 0 on below its argument, unpredictable to others */
  constructor(
    setup: Pick<BackupSetup, 'key' | 'index' | 'packSizeBytes' | 'packMemory'>,
    emit: (event: PackEvent) => void,
    randomBelow: (end: number) => number = randomInt,
  ) {
    this.index = BlobIndex.attach(setup.index);
    this.#together = sha256Together();
    const cipher = new BlobCipher(setup.key, sealedBytes(setup.key.encrypt));
    const zstd = zstdContext();
    const compress = zstd && ((plain: Uint8Array, level: number): Uint8Array => zstd.compress(plain, level));
    const size = setup.packSizeBytes === undefined ? {} : { targetSizeBytes: setup.packSizeBytes };
    const growing = (type: BlobType): GrowingPack => ({
      builder: new PackBuilder({ cipher, type, compress, ...size }),
      stream: this.#together.begin(),
      hashedBytes: 0,
      memory: -1,
    });
    this.#packs = { data: growing('data'), tree: growing('tree') };
    this.#memory = new PackMemory(setup.packMemory);
    this.#emit = emit;
    this.#randomBelow = randomBelow;
  }

  /**
   * Stores blobs of data at once. Their ids, in the same order; when this returns each is stored, in a pack that is being
   * built, or another thread has it in hand.
   */
  storeData(plains: readonly Uint8Array[]): ObjectId[] {
    const { ids, fresh } = this.#identify(plains);
    this.#seal('data', fresh);
    return ids;
  }

  /** Like `storeData`, but the bytes of new blobs are looked at again until `sealKept`: leave them as they are. */
  keepData(plains: readonly Uint8Array[]): ObjectId[] {
    const { ids, fresh } = this.#identify(plains);
    for (const blob of fresh) this.#keptData.push(blob);
    return ids;
  }

  /** Seals what `keepData` has kept: from then on its memory may be used again. */
  sealKept(): void {
    const kept = this.#keptData;
    this.#keptData = [];
    this.#seal('data', kept);
  }

  /** Stores a tree; its bytes belong to the store from now on. */
  storeTree(json: Uint8Array): ObjectId {
    const id = blobId(json);
    if (this.index.claim(id, 'tree') === 'new') {
      this.#keptTrees.push({ id, plain: json });
      this.#keptTreeBytes += json.byteLength;
      if (this.#keptTreeBytes >= limits.keptTreesSizeBytes) this.#sealTrees();
    }
    return objectIdOf(id);
  }

  /** What was new and sealed since the last call. */
  takeStored(): Stored {
    const stored = this.#stored;
    this.#stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };
    return stored;
  }

  /** What is in no pack yet. */
  flush(): PartialPack[] {
    this.sealKept();
    this.#sealTrees();
    return [this.#packs.data.builder.finishPartial(), this.#packs.tree.builder.finishPartial()].filter(
      (partial) => partial !== undefined,
    );
  }

  /** The ids, and the blobs that nobody has stored yet: they are ours now. */
  #identify(plains: readonly Uint8Array[]): { ids: ObjectId[]; fresh: KeptBlob[] } {
    const pack = this.#packs.data;
    const bytes = pack.builder.sealedFrom(pack.hashedBytes);
    pack.hashedBytes += bytes.byteLength;
    // The hash of the pack goes on in a lane that would be idle otherwise.
    const hashes = this.#together.add(bytes.byteLength === 0 ? [] : [{ stream: pack.stream, bytes }], plains);
    const fresh: KeptBlob[] = [];
    const ids = plains.map((plain, at) => {
      const id = hashes.subarray(at * idSizeBytes, (at + 1) * idSizeBytes);
      if (this.index.claim(id, 'data') === 'new') fresh.push({ id, plain });
      return objectIdOf(id);
    });
    return { ids, fresh };
  }

  #sealTrees(): void {
    const kept = this.#keptTrees;
    this.#keptTrees = [];
    this.#keptTreeBytes = 0;
    this.#seal('tree', kept);
  }

  #seal(type: BlobType, blobs: KeptBlob[]): void {
    const pack = this.#packs[type];
    shuffle(blobs, this.#randomBelow);
    for (const { id, plain } of blobs) {
      if (pack.memory < 0) {
        pack.memory = this.#memory.take();
        pack.builder.reuse(this.#memory.buffer(pack.memory));
      }
      const { length } = pack.builder.add(id, plain);
      this.#stored[type === 'data' ? 'dataBlobs' : 'treeBlobs'] += 1;
      this.#stored.bytes += plain.byteLength;
      this.#stored.packedBytes += length;
      if (pack.builder.full) this.#finish(pack);
    }
  }

  #finish(pack: GrowingPack): void {
    const finished = pack.builder.finishUnnamed();
    if (finished === undefined) return;
    this.#together.add([{ stream: pack.stream, bytes: finished.bytes.subarray(pack.hashedBytes) }], []);
    this.#emit({ pack: { ...finished, id: new Uint8Array(pack.stream.digest()) }, memory: pack.memory });
    pack.memory = -1;
    pack.stream = this.#together.begin();
    pack.hashedBytes = 0;
  }
}

/** Fisher and Yates: every order is equally likely. */
function shuffle<Item>(items: Item[], randomBelow: (end: number) => number): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = randomBelow(last + 1);
    const [a, b] = [items[last], items[other]];
    if (a === undefined || b === undefined) throw new RangeError('the order is not within the list');
    items[last] = b;
    items[other] = a;
  }
}
