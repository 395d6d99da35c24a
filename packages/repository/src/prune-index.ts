import { HoldfastError } from '@holdfast/core';
import type { ObjectInfo } from '@holdfast/storage';
import type { BlobPlace } from './blob.ts';
import { sealOverheadBytes } from './blob-cipher.ts';
import { BlobIndex } from './blob-index.ts';
import type { IndexFilePack } from './index-file.ts';
import { NumberList } from './number-list.ts';
import { type ObjectId, shortId } from './object-id.ts';
import { compressedEntrySizeBytes, headerLengthSizeBytes, plainEntrySizeBytes } from './pack-header.ts';
import type { Repository } from './repository.ts';

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
    for await (const file of this.#repository.readIndexFiles(infos, { signal: o.signal })) {
      if ('problem' in file)
        throw new HoldfastError(file.problem.code, {
          message: `${file.problem.message} Without it nobody can tell which packs are needed; nothing was deleted.`,
          guidance: 'Run `holdfast check`, and `holdfast repair index` to make the index again from the packs.',
          cause: file.problem,
        });
      this.#add(file.id, sizes.get(file.id) ?? 0, file.packs);
      done += 1;
      o.onFile(done, infos.length);
    }
  }

  #add(id: ObjectId, sizeBytes: number, packs: readonly IndexFilePack[]): void {
    const from = this.#listed.length;
    let count = 0;
    for (const pack of packs) {
      this.#addPack(pack);
      count += pack.blobs.length;
    }
    this.#files.set(id, { id, sizeBytes, from, to: this.#listed.length, blobs: count });
  }

  #addPack(pack: IndexFilePack): void {
    // Without blobs it is no pack that anybody could use, or name.
    if (pack.blobs.length === 0) return;
    const known = this.blobs.packNumber(pack.id);
    let end = 0;
    let sizeBytes = 0;
    const blobs = inOrder(pack.blobs) ? pack.blobs : pack.blobs.toSorted((a, b) => a.offset - b.offset);
    let odd = false;
    let number = known ?? -1;
    for (const blob of blobs) {
      odd ||= blob.offset !== end;
      end = blob.offset + blob.length;
      sizeBytes += blob.length + (blob.uncompressedLength === 0 ? plainEntrySizeBytes : compressedEntrySizeBytes);
      const added = this.blobs.addBlob(blob.id, blob.type, { ...blob, packId: pack.id });
      if (number < 0) number = this.blobs.packNumber(pack.id) ?? -1;
      // A pack that several files list brings nothing new, if they agree.
      if (added === 1) odd ||= known !== undefined;
      else if (known === undefined) this.#addCopy(blob, number);
    }
    this.#listed.push(number);
    if (number >= this.#packBytes.length) {
      const larger = new Float64Array(Math.max(1024, number * 2));
      larger.set(this.#packBytes);
      this.#packBytes = larger;
    }
    if (known !== undefined && this.#packBytes[number] !== sizeBytes) odd = true;
    this.#packBytes[number] = sizeBytes;
    if (odd) this.#odd.add(number);
  }

  #addCopy(blob: IndexFilePack['blobs'][number], pack: number): void {
    this.#copies.push(this.blobs.entryOf(blob.id, blob.type));
    this.#copies.push(pack);
    this.#copies.push(blob.offset);
    this.#copies.push(blob.length);
    this.#copies.push(blob.uncompressedLength);
  }
}

function inOrder(blobs: IndexFilePack['blobs']): boolean {
  let end = 0;
  for (const { offset, length } of blobs) {
    if (offset < end) return false;
    end = offset + length;
  }
  return true;
}

/** For messages. */
export function packName(index: BlobIndex, pack: number): string {
  return `Pack ${shortId(index.packId(pack))}`;
}
