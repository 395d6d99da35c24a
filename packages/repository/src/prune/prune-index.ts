import { HoldfastError } from '@holdfast/core';
import type { ObjectInfo } from '@holdfast/storage';
import { BlobIndex } from '../blob-index/blob-index.ts';
import type { IndexVisitor } from '../blob-index/index-scanner.ts';
import { NumberList } from '../blob-index/number-list.ts';
import type { BlobLocation, BlobPlace, BlobType } from '../format/blob.ts';
import { sealOverheadBytes } from '../format/blob-cipher.ts';
import { type ObjectId, shortId } from '../format/object-id.ts';
import { compressedEntrySizeBytes, headerLengthSizeBytes, plainEntrySizeBytes } from '../format/pack-header.ts';
import type { Repository } from '../repository.ts';

/** Words of a further copy of a blob: entry, pack, offset, length, uncompressed length. */
const copyWords = 5;

/** An index file and the packs that it lists. */
interface KnownFile {
  readonly id: ObjectId;
  readonly sizeBytes: number;
  /** Its part of `#listed`. */
  readonly from: number;
  readonly to: number;
  readonly blobs: number;
}

/**
 * All that index files say, in memory that grows with blobs by 52 bytes and a slot of the table each, and by 20 bytes for
 * every further copy of a blob. Each blob is found at one copy; the others are listed.
 */
export class PruneIndex {
  readonly blobs: BlobIndex;
  readonly #repository: Repository;
  readonly #files = new Map<string, KnownFile>();
  /** Packs of all files, one file after the other. */
  readonly #listed = new NumberList();
  #listedBefore = 0;
  readonly #copies = new NumberList();
  /** Bytes that each pack must have by what is listed: blobs, and their entries in its header. */
  #packBytes = new Float64Array(0);
  /** Packs of which some file lists other blobs than another one, or lists them with gaps. */
  readonly #odd = new Set<number>();

  private constructor(repository: Repository, expectedBlobs: number) {
    this.#repository = repository;
    this.blobs = BlobIndex.create({ expectedBlobs });
  }

  /** Reads all index files. An unreadable one is an error: what it names would count as useless. */
  static async load(
    repository: Repository,
    o: { readonly onFile: (done: number, total: number) => void; readonly signal: AbortSignal },
  ): Promise<PruneIndex> {
    const infos = await repository.list('index', { signal: o.signal });
    const totalBytes = infos.reduce((sum, info) => sum + info.sizeBytes, 0);
    const index = new PruneIndex(repository, Math.ceil(totalBytes / 55));
    await index.#read(infos, o);
    return index;
  }

  /** Reads the files that came since. False when one that was read is gone: somebody else has pruned or repaired. */
  async loadNew(signal: AbortSignal): Promise<boolean> {
    const infos = await this.#repository.list('index', { signal });
    const present = new Set(infos.map(({ id }) => id));
    for (const id of this.#files.keys()) if (!present.has(id)) return false;
    await this.#read(
      infos.filter(({ id }) => !this.#files.has(id)),
      { onFile: () => {}, signal },
    );
    return true;
  }

  /** Size of the whole file of a pack, as its blobs say; undefined when index files contradict themselves. */
  packSizeBytes(pack: number): number | undefined {
    if (this.#odd.has(pack)) return undefined;
    return (this.#packBytes[pack] ?? 0) + sealOverheadBytes + headerLengthSizeBytes;
  }

  /** Goes through the further copies. What `visit` returns becomes the copy in the list: to let a blob be found at this one. */
  forEachCopy(
    visit: (copy: { entry: number; pack: number } & BlobPlace) => ({ pack: number } & BlobPlace) | undefined,
  ): void {
    const copies = this.#copies;
    for (let at = 0; at < copies.length; at += copyWords) {
      const changed = visit({
        entry: copies.get(at),
        pack: copies.get(at + 1),
        offset: copies.get(at + 2),
        length: copies.get(at + 3),
        uncompressedLength: copies.get(at + 4),
      });
      if (changed === undefined) continue;
      copies.set(at + 1, changed.pack);
      copies.set(at + 2, changed.offset);
      copies.set(at + 3, changed.length);
      copies.set(at + 4, changed.uncompressedLength);
    }
  }

  /** The files with the packs that they list. */
  *files(): Generator<ObjectInfo & { readonly id: ObjectId; readonly blobs: number; readonly packs: Uint32Array }> {
    for (const { from, to, ...file } of this.#files.values()) yield { ...file, packs: this.#listed.values(from, to) };
  }

  async #read(
    infos: readonly ObjectInfo[],
    o: { readonly onFile: (done: number, total: number) => void; readonly signal: AbortSignal },
  ): Promise<void> {
    let done = 0;
    const sizes = new Map(infos.map(({ id, sizeBytes }) => [id, sizeBytes]));
    const reader = new PackReader(this.blobs, {
      onPack: (pack, facts) => this.#addPack(pack, facts),
      onCopy: (entry, pack, place) => this.#addCopy(entry, pack, place),
    });
    for await (const { id, problem } of this.#repository.visitIndexFiles(infos, reader, { signal: o.signal })) {
      if (problem !== undefined)
        throw new HoldfastError(problem.code, {
          message: `${problem.message} Without it nobody can tell which packs are needed; nothing was deleted.`,
          guidance: 'Run `holdfast check`, and `holdfast repair index` to make the index again from the packs.',
          cause: problem,
        });
      const from = this.#listedBefore;
      const blobs = reader.takeBlobCount();
      this.#listedBefore = this.#listed.length;
      this.#files.set(id, { id, sizeBytes: sizes.get(id) ?? 0, from, to: this.#listed.length, blobs });
      done += 1;
      o.onFile(done, infos.length);
    }
  }

  #addPack(number: number, { known, sizeBytes, contiguous }: PackFactsRead): void {
    this.#listed.push(number);
    if (number >= this.#packBytes.length) {
      const larger = new Float64Array(Math.max(1024, number * 2));
      larger.set(this.#packBytes);
      this.#packBytes = larger;
    }
    // Files that list the same pack must agree.
    if (!contiguous || (known && this.#packBytes[number] !== sizeBytes)) this.#odd.add(number);
    this.#packBytes[number] = sizeBytes;
  }

  #addCopy(entry: number, pack: number, { offset, length, uncompressedLength }: BlobPlace): void {
    for (const word of [entry, pack, offset, length, uncompressedLength]) this.#copies.push(word);
  }
}

interface PackFactsRead {
  /** An earlier file has listed it already. */
  readonly known: boolean;
  /** Of its blobs and their entries in the header. */
  readonly sizeBytes: number;
  /** Its blobs fill it from the beginning, as far as their sum can tell. */
  readonly contiguous: boolean;
}

interface PackListener {
  onPack(pack: number, facts: PackFactsRead): void;
  onCopy(entry: number, pack: number, place: BlobPlace): void;
}

/** Puts blobs into the index as they are visited, and sums up each pack. */
class PackReader implements IndexVisitor {
  readonly #blobs: BlobIndex;
  readonly #to: PackListener;
  #packId: ObjectId | undefined;
  #number = -1;
  #known = false;
  #isOdd = false;
  #sizeBytes = 0;
  #sum = 0;
  #end = 0;
  #count = 0;

  constructor(blobs: BlobIndex, to: PackListener) {
    this.#blobs = blobs;
    this.#to = to;
  }

  readonly onPack = (id: ObjectId): void => {
    this.#finishPack();
    this.#packId = id;
    const number = this.#blobs.packNumber(id);
    this.#known = number !== undefined;
    this.#number = number ?? -1;
    this.#isOdd = false;
    this.#sizeBytes = this.#sum = this.#end = 0;
  };

  readonly onBlob = (id: Uint8Array, type: BlobType, location: BlobLocation): void => {
    const { offset, length, uncompressedLength, packId } = location;
    this.#count += 1;
    this.#sum += length;
    this.#end = Math.max(this.#end, offset + length);
    this.#sizeBytes += length + (uncompressedLength === 0 ? plainEntrySizeBytes : compressedEntrySizeBytes);
    const isNew = this.#blobs.addBlob(id, type, location) === 1;
    if (this.#number < 0) this.#number = this.#blobs.packNumber(packId) ?? -1;
    // A pack that several files list brings nothing new, if they agree.
    if (this.#known) this.#isOdd ||= isNew;
    else if (!isNew) this.#to.onCopy(this.#blobs.entryOf(id, type), this.#number, location);
  };

  /** At the end of a file: how many blobs it lists. */
  takeBlobCount(): number {
    this.#finishPack();
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  /** A pack without blobs is none that anybody could use, or name. */
  #finishPack(): void {
    if (this.#packId !== undefined && this.#number >= 0 && this.#sum > 0)
      this.#to.onPack(this.#number, {
        known: this.#known,
        sizeBytes: this.#sizeBytes,
        contiguous: this.#sum === this.#end && !this.#isOdd,
      });
    this.#packId = undefined;
  }
}

/** For messages. */
export function packName(index: BlobIndex, pack: number): string {
  return `Pack ${shortId(index.packId(pack))}`;
}
