import { HoldfastError } from '@holdfast/core';
import type { ObjectInfo } from '@holdfast/storage';
import { BlobIndex } from '../blob-index/blob-index.ts';
import type { IndexListing, ListedPack } from '../blob-index/index-listing.ts';
import { NumberList } from '../blob-index/number-list.ts';
import type { BlobPlace } from '../format/blob.ts';
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
  readonly #copies = new NumberList();
  /** Bytes that each pack must have by what is listed: blobs, and their entries in its header. */
  #packBytes = new Float64Array(0);
  /** Packs of which some file lists other blobs than another one, or lists them with gaps. */
  readonly #odd = new Set<number>();

  private constructor(repository: Repository, infos: readonly ObjectInfo[]) {
    this.#repository = repository;
    this.blobs = BlobIndex.forFiles(infos, repository.config);
  }

  /** Reads all index files. An unreadable one is an error: what it names would count as useless. */
  static async load(
    repository: Repository,
    o: { readonly onFile: (done: number, total: number) => void; readonly signal: AbortSignal },
  ): Promise<PruneIndex> {
    const infos = await repository.list('index', { signal: o.signal });
    const index = new PruneIndex(repository, infos);
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

  /** True when index files contradict each other about the pack, or one contradicts itself. */
  isOdd(pack: number): boolean {
    return this.#odd.has(pack);
  }

  /** Size of the whole file of a pack, as its blobs say; undefined for an odd one. */
  packSizeBytes(pack: number): number | undefined {
    if (this.isOdd(pack)) return undefined;
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
    const sizes = new Map(infos.map(({ id, sizeBytes }) => [id, sizeBytes]));
    let done = 0;
    for await (const file of this.#repository.listIndexFiles(infos, { signal: o.signal })) {
      const { id } = file;
      if ('problem' in file)
        throw new HoldfastError(file.problem.code, {
          message: `${file.problem.message} Without it nobody can tell which packs are needed; nothing was deleted.`,
          guidance: 'Run `holdfast check`, and `holdfast repair index` to make the index again from the packs.',
          cause: file.problem,
        });
      const { listing } = file;
      const from = this.#listed.length;
      for (const pack of listing.packs) this.#addPack(listing, pack);
      const sizeBytes = sizes.get(id) ?? 0;
      this.#files.set(id, { id, sizeBytes, from, to: this.#listed.length, blobs: listing.blobCount });
      done += 1;
      o.onFile(done, infos.length);
    }
  }

  #addPack(listing: IndexListing, pack: ListedPack): void {
    const blobCount = pack.end - pack.first;
    const isListed = this.blobs.packNumber(pack.id) !== undefined;
    const copies: number[] = [];
    const number = this.blobs.addListed(listing, pack, (blob) => copies.push(blob));
    let blobsBytes = 0;
    let sizeBytes = 0;
    for (let blob = pack.first; blob < pack.end; blob += 1) {
      const length = listing.lengthOf(blob);
      const isCompressed = listing.uncompressedLengthOf(blob) !== 0;
      blobsBytes += length;
      sizeBytes += length + (isCompressed ? compressedEntrySizeBytes : plainEntrySizeBytes);
    }
    this.#listed.push(number);
    if (number >= this.#packBytes.length) {
      const larger = new Float64Array(Math.max(1024, number * 2));
      larger.set(this.#packBytes);
      this.#packBytes = larger;
    }
    // As far as their sum can tell, its blobs fill it from the beginning.
    const isContiguous = blobsBytes === pack.endBytes;
    // Files that list the same pack must agree, so that the second one brings nothing new.
    const agrees = !isListed || (copies.length === blobCount && this.#packBytes[number] === sizeBytes);
    if (!isContiguous || !agrees) this.#odd.add(number);
    this.#packBytes[number] = sizeBytes;
    if (!isListed) for (const blob of copies) this.#addCopy(listing, blob, number);
  }

  #addCopy(listing: IndexListing, blob: number, pack: number): void {
    const entry = this.blobs.entryOf(listing.idOf(blob), listing.isTree(blob) ? 'tree' : 'data');
    const place = [listing.offsetOf(blob), listing.lengthOf(blob), listing.uncompressedLengthOf(blob)];
    for (const word of [entry, pack, ...place]) this.#copies.push(word);
  }
}

/** For messages. */
export function packName(index: BlobIndex, pack: number): string {
  return `Pack ${shortId(index.packId(pack))}`;
}
