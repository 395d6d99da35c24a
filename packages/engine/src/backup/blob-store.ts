import { randomInt } from 'node:crypto';
import { sealedBytes, sha256Together, zstdContext } from '@holdfast/native';
import { BlobIndex } from '@holdfast/repository/blob-index';
import {
  BlobCipher,
  type BlobType,
  blobId,
  type ObjectId,
  objectIdOf,
  repositoryLimits,
} from '@holdfast/repository/format';
import { PackBuilder, type PartialPack } from '@holdfast/repository/packs';
import { limits } from '../limits.ts';
import type { BackupSetup, PackEvent, Stored } from './backup-jobs.ts';
import { GrowingPack } from './growing-pack.ts';

const idSizeBytes = 32;

interface KeptBlob {
  readonly id: Uint8Array;
  readonly plain: Uint8Array;
}

/**
 * Stores blobs in one thread: hash, ask the index whose job it is, compress, seal, pack. Blobs go into their pack in random
 * order as far as several are at hand: who reads the repository without its key shall not recognise a folder that he knows
 * by the sizes of its files in their order.
 *
 * Several packs of data grow at a time, so that their hashes, with those of the next blobs, keep all lanes of the
 * processor busy: the hash of one alone takes as long as everything else together.
 */
export class BlobStore {
  readonly index: BlobIndex;
  readonly #packs: Readonly<Record<BlobType, readonly GrowingPack[]>>;
  readonly #together = sha256Together();
  readonly #emit: (event: PackEvent) => void;
  readonly #randomBelow: (end: number) => number;
  readonly #nowMs: () => number;
  #keptData: KeptBlob[] = [];
  #keptTrees: KeptBlob[] = [];
  #keptTreeBytes = 0;
  #processingMs = 0;
  #stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };

  /** @param options.randomBelow gives a whole number from 0 on below its argument, unpredictable to others */
  constructor(
    setup: Pick<BackupSetup, 'key' | 'index' | 'packSizeBytes' | 'compression' | 'staging'>,
    emit: (event: PackEvent) => void,
    options: { readonly randomBelow?: (end: number) => number; readonly nowMs?: () => number } = {},
  ) {
    this.index = BlobIndex.attach(setup.index);
    const cipher = new BlobCipher(setup.key, sealedBytes(setup.key.encrypt));
    const zstd = zstdContext();
    const compress = zstd && ((plain: Uint8Array, level: number): Uint8Array => zstd.compress(plain, level));
    const size = setup.packSizeBytes === undefined ? {} : { targetSizeBytes: setup.packSizeBytes };
    this.#nowMs = options.nowMs ?? (() => performance.now());
    const growing = (type: BlobType, firstSizeBytes: number): GrowingPack =>
      new GrowingPack({
        builder: new PackBuilder({ cipher, type, compress, compression: setup.compression, ...size }),
        together: this.#together,
        place: setup.staging,
        nowMs: this.#nowMs,
        onOpened: (opened) => emit({ opened }),
        firstSizeBytes,
      });
    const count = setup.staging.growingPacks;
    const fullBytes = setup.packSizeBytes ?? repositoryLimits.packTargetSizeBytes;
    const firstBytes = (at: number): number => Math.max(limits.packMinSizeBytes, (fullBytes * (at + 1)) / count);
    this.#packs = {
      data: Array.from({ length: count }, (_, at) => growing('data', firstBytes(at))),
      tree: [growing('tree', fullBytes)],
    };
    this.#emit = emit;
    this.#randomBelow = options.randomBelow ?? randomInt;
  }

  /**
   * Stores blobs of data at once. Their ids, in the same order; when this returns each is stored, in a pack that is being
   * built, or another thread has it in hand.
   */
  storeData(plains: readonly Uint8Array[]): ObjectId[] {
    return this.processing(() => {
      const { ids, fresh } = this.#identify(plains);
      this.#seal('data', fresh);
      return ids;
    });
  }

  /** Like `storeData`, but the bytes of new blobs are looked at again until `sealKept`: leave them as they are. */
  keepData(plains: readonly Uint8Array[]): ObjectId[] {
    return this.processing(() => {
      const { ids, fresh } = this.#identify(plains);
      for (const blob of fresh) this.#keptData.push(blob);
      return ids;
    });
  }

  /** Seals what `keepData` has kept: from then on its memory may be used again. */
  sealKept(): void {
    const kept = this.#keptData;
    this.#keptData = [];
    this.processing(() => this.#seal('data', kept));
  }

  /** Stores a tree; its bytes belong to the store from now on. */
  storeTree(json: Uint8Array): ObjectId {
    return this.processing(() => {
      const id = blobId(json);
      if (this.index.claim(id, 'tree') === 'new') {
        this.#keptTrees.push({ id, plain: json });
        this.#keptTreeBytes += json.byteLength;
        if (this.#keptTreeBytes >= limits.keptTreesSizeBytes) this.#sealTrees();
      }
      return objectIdOf(id);
    });
  }

  /** Work on content, in whose time nothing is read. */
  processing<Result>(work: () => Result): Result {
    const begunMs = performance.now();
    try {
      return work();
    } finally {
      this.#processingMs += performance.now() - begunMs;
    }
  }

  /** What that took since the last call. */
  takeProcessingMs(): number {
    const ms = this.#processingMs;
    this.#processingMs = 0;
    return ms;
  }

  /** What was new and sealed since the last call. */
  takeStored(): Stored {
    // After every job: a pack that has grown for long is stored as it is, so that a backup that is cut off was not in vain.
    const oldest = this.#nowMs() - limits.packMaxAgeMs;
    if (this.#allPacks().some((pack) => pack.begunMs < oldest)) {
      for (const pack of this.#allPacks()) if (pack.begunMs < oldest) pack.finish();
      this.#advance([]);
    }
    const stored = this.#stored;
    this.#stored = { dataBlobs: 0, treeBlobs: 0, bytes: 0, packedBytes: 0 };
    return stored;
  }

  /** The end: larger packs are stored as they are; gives what is in the others. */
  flush(): PartialPack[] {
    this.sealKept();
    this.#sealTrees();
    for (const pack of this.#allPacks()) if (pack.sizeBytes >= limits.packMinSizeBytes) pack.finish();
    this.#advance([]);
    return this.#allPacks()
      .map((pack) => pack.takePartial())
      .filter((partial) => partial !== undefined);
  }

  #allPacks(): GrowingPack[] {
    return [...this.#packs.data, ...this.#packs.tree];
  }

  /** The ids, and the blobs that nobody has stored yet: they are ours now. */
  #identify(plains: readonly Uint8Array[]): { ids: ObjectId[]; fresh: KeptBlob[] } {
    const hashes = this.#advance(plains);
    const fresh: KeptBlob[] = [];
    const ids = plains.map((plain, at) => {
      const id = hashes.subarray(at * idSizeBytes, (at + 1) * idSizeBytes);
      if (this.index.claim(id, 'data') === 'new') fresh.push({ id, plain });
      return objectIdOf(id);
    });
    return { ids, fresh };
  }

  /** The hashes of whole messages, and beside them of what the packs have grown, which is written to their files. */
  #advance(plains: readonly Uint8Array[]): Buffer {
    const grown = this.#allPacks().filter((pack) => pack.pending.byteLength > 0);
    const hashes = this.#together.add(
      grown.map((pack) => ({ stream: pack.stream, bytes: pack.pending })),
      plains,
    );
    for (const pack of grown) {
      const finished = pack.write();
      if (finished !== undefined) this.#emit({ pack: finished });
    }
    return hashes;
  }

  #sealTrees(): void {
    const kept = this.#keptTrees;
    this.#keptTrees = [];
    this.#keptTreeBytes = 0;
    this.#seal('tree', kept);
  }

  #seal(type: BlobType, blobs: KeptBlob[]): void {
    shuffle(blobs, this.#randomBelow);
    for (const { id, plain } of blobs) {
      const length = this.#packFor(type, plain).add(id, plain);
      this.#stored[type === 'data' ? 'dataBlobs' : 'treeBlobs'] += 1;
      this.#stored.bytes += plain.byteLength;
      this.#stored.packedBytes += length;
    }
  }

  /** The one whose hash is least behind: so they all take part in the next step for as long. */
  #packFor(type: BlobType, plain: Uint8Array): GrowingPack {
    const packs = this.#packs[type];
    for (;;) {
      if (packs.every((pack) => pack.finished)) this.#advance([]);
      const pack = packs
        .filter((one) => !one.finished)
        .reduce((a, b) => (b.pending.byteLength < a.pending.byteLength ? b : a));
      if (pack.hasRoomFor(plain)) return pack;
      pack.finish();
    }
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
