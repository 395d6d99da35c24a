import { createHmac } from 'node:crypto';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { type ObjectName, type ObjectType, printableName } from '@holdfast/storage';
import { isDamage } from '../damage.ts';
import type { BlobType, PackedBlob } from '../format/blob.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import { encodeConfig, newConfig } from '../format/config.ts';
import { encodePackEntry, indexBeginning, indexEnd } from '../format/index-file.ts';
import { type ObjectId, objectIdOf, shortId } from '../format/object-id.ts';
import { encodeRepositoryKey, type RepositoryKey } from '../format/repository-key.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { encodeFile } from '../format/unpacked-file.ts';
import { limits } from '../limits.ts';
import { planPackReads } from '../packs/pack-reads.ts';
import type { Repository } from '../repository.ts';

export interface ViewObject {
  readonly id: ObjectId;
  readonly sizeBytes: number;
}

/** What of one pack can be seen: the entries from `first` on, up to `end`, one behind the other. */
interface ViewPack {
  readonly packId: ObjectId;
  readonly first: number;
  readonly end: number;
  readonly sizeBytes: number;
}

interface ViewOptions {
  readonly repository: Repository;
  readonly snapshot: Snapshot;
  /** Numbers of the entries of the loaded index that can be seen; all stored. */
  readonly entries: Iterable<number>;
  /** Of the view alone. */
  readonly key: RepositoryKey;
  /** Told of blobs that are not what they should be, whose reader gets bytes that do not open either. */
  readonly onDamage: (problem: HoldfastError) => void;
}

/**
 * One snapshot as a repository of its own, under a key of its own: who has that key restores from it with everything that a restore
 * knows, and gets nothing else out of the repository that it is made from. A blob is opened, which proves that it is sound, and sealed
 * again as it comes, compressed as it is, so it keeps its length and its id. Packs have only the blobs that can be seen, without gaps, and
 * other names: neither tells what lies beside them. The same entries and key make the same packs again, byte for byte, so
 * that reading goes on where a process was lost.
 */
export class SnapshotView {
  readonly #repository: Repository;
  readonly #onDamage: ViewOptions['onDamage'];
  readonly #cipher: BlobCipher;
  /** Numbers of entries, by pack and place there. */
  readonly #entries: Uint32Array;
  /** Where each begins in its pack of the view. */
  readonly #offsets: Uint32Array;
  readonly #packs = new Map<ObjectId, ViewPack>();
  /** What is no pack, by type. */
  readonly #files = new Map<ObjectType, Map<string, Buffer>>();

  constructor(options: ViewOptions) {
    const { repository, key, snapshot } = options;
    this.#repository = repository;
    this.#onDamage = options.onDamage;
    this.#cipher = new BlobCipher(key);
    const { index } = repository;
    this.#entries = Uint32Array.from(options.entries).sort(
      (a, b) => index.packNumberOf(a) - index.packNumberOf(b) || index.placeOf(a).offset - index.placeOf(b).offset,
    );
    this.#offsets = new Uint32Array(this.#entries.length);
    this.#arrangePacks(encodeRepositoryKey(key));
    const config = this.#cipher.seal(encodeConfig(newConfig()));
    this.#files.set('config', new Map([['', config]]));
    const { id, bytes } = encodeFile(this.#cipher, encodeSnapshot(snapshot));
    this.#files.set('snapshot', new Map([[id, bytes]]));
    this.#files.set('index', this.#encodeIndexes());
  }

  get blobCount(): number {
    return this.#entries.length;
  }

  /** By ascending id. */
  list(type: Exclude<ObjectType, 'config'>): ViewObject[] {
    const objects =
      type === 'data'
        ? [...this.#packs].map(([id, { sizeBytes }]) => ({ id, sizeBytes }))
        : [...(this.#files.get(type) ?? [])].map(([id, { byteLength }]) => ({
            id: id as ObjectId,
            sizeBytes: byteLength,
          }));
    return objects.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Undefined for what cannot be seen, whether or not there is such a thing in the repository. */
  sizeOf({ type, id }: ObjectName): number | undefined {
    return type === 'data' ? this.#packs.get(id as ObjectId)?.sizeBytes : this.#files.get(type)?.get(id)?.byteLength;
  }

  /** Exactly the bytes of that range, piece by piece. @throws storage.missing, storage.range, and what reading throws */
  async *pieces(
    name: ObjectName,
    { offset, length, signal }: { readonly offset: number; readonly length: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const sizeBytes = this.sizeOf(name);
    if (sizeBytes === undefined)
      throw new HoldfastError('storage.missing', { message: `There is no ${printableName(name)} here.` });
    if (offset + length > sizeBytes)
      throw new HoldfastError('storage.range', { message: `${printableName(name)} has ${sizeBytes} bytes.` });
    const pack = name.type === 'data' ? this.#packs.get(name.id as ObjectId) : undefined;
    if (pack !== undefined) yield* this.#packPieces(pack, { from: offset, to: offset + length, signal });
    else {
      const bytes = this.#files.get(name.type)?.get(name.id);
      if (bytes !== undefined) yield bytes.subarray(offset, offset + length);
    }
  }

  async *#packPieces(
    pack: ViewPack,
    { from, to, signal }: { readonly from: number; readonly to: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const { index, target } = this.#repository;
    const { packId } = pack;
    for (let at = this.#entryAt(pack, from); at < pack.end && this.#offsetOf(at) < to; ) {
      const wanted: { packId: ObjectId; at: number; offset: number; length: number; uncompressedLength: number }[] = [];
      let bytes = 0;
      for (; at < pack.end && this.#offsetOf(at) < to && bytes < limits.viewPieceBytes; at += 1) {
        const place = index.placeOf(this.#entryOf(at));
        wanted.push({ packId, at, ...place });
        bytes += place.length;
      }
      // In the order of the pack, which is that of the view.
      for (const read of planPackReads(wanted)) {
        const sealed = await this.#read(target, read, signal);
        const parts = read.blobs.map((blob) => {
          const start = blob.offset - read.offset;
          const part = this.#reseal(sealed?.subarray(start, start + blob.length), blob);
          const begins = this.#offsetOf(blob.at);
          return part.subarray(Math.max(0, from - begins), Math.min(blob.length, to - begins));
        });
        yield Buffer.concat(parts);
      }
    }
  }

  /** Undefined when the pack is gone or too short: that costs the reader the files in it, and not all others. */
  async #read(
    target: Repository['target'],
    { packId, offset, length }: { readonly packId: ObjectId; readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    try {
      return await target.read({ type: 'data', id: packId }, { offset, length, signal });
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#onDamage(toHoldfastError(error));
      return undefined;
    }
  }

  /** What does not open stays something that does not: zeros have no right MAC. */
  #reseal(
    sealed: Uint8Array | undefined,
    { at, length }: { readonly at: number; readonly length: number },
  ): Uint8Array {
    const again = sealed && this.#repository.cipher.reseal(sealed, this.#cipher);
    if (again) return again;
    if (sealed) {
      const { id } = this.#repository.index.blobAt(this.#entryOf(at));
      this.#onDamage(
        new HoldfastError('storage.tampered', {
          message: `Blob ${shortId(id)} fails its authentication: it was damaged or changed.`,
          context: { blob: id },
        }),
      );
    }
    return new Uint8Array(length);
  }

  /** The entry in which that byte of the pack is. */
  #entryAt(pack: ViewPack, byte: number): number {
    let [low, high] = [pack.first, pack.end - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#offsetOf(middle) <= byte) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #entryOf(at: number): number {
    return this.#entries[at] ?? 0;
  }

  #offsetOf(at: number): number {
    return this.#offsets[at] ?? 0;
  }

  #arrangePacks(key: Uint8Array): void {
    const { index } = this.#repository;
    const entries = this.#entries;
    for (let first = 0; first < entries.length; ) {
      const number = index.packNumberOf(this.#entryOf(first));
      const packId = index.packId(number);
      // Of what is in it as well: with other contents it is another pack, and not the same with other bytes.
      const name = createHmac('sha256', key).update(`holdfast-view-pack:${packId}`);
      let end = first;
      let sizeBytes = 0;
      for (; end < entries.length && index.packNumberOf(this.#entryOf(end)) === number; end += 1) {
        const { offset, length } = index.placeOf(this.#entryOf(end));
        name.update(`:${offset}`);
        this.#offsets[end] = sizeBytes;
        sizeBytes += length;
      }
      this.#packs.set(objectIdOf(name.digest()), { packId, first, end, sizeBytes });
      first = end;
    }
  }

  /** Index files of at most so many blobs; a pack is never split over files. */
  #encodeIndexes(): Map<string, Buffer> {
    const files = new Map<string, Buffer>();
    let packs: Buffer[] = [];
    let blobs = 0;
    const flush = (): void => {
      const text = [indexBeginning, ...packs.flatMap((pack, at) => (at === 0 ? [pack] : [',', pack])), indexEnd];
      const file = encodeFile(this.#cipher, Buffer.concat(text.map((part) => Buffer.from(part))));
      files.set(file.id, file.bytes);
      packs = [];
      blobs = 0;
    };
    for (const [id, pack] of this.#packs) {
      const count = pack.end - pack.first;
      if (blobs > 0 && blobs + count > limits.indexMaxBlobs) flush();
      packs.push(encodePackEntry({ id, blobs: [...this.#packedBlobs(pack)] }));
      blobs += count;
    }
    flush();
    return files;
  }

  *#packedBlobs({ first, end }: ViewPack): Generator<PackedBlob> {
    const { index } = this.#repository;
    for (let at = first; at < end; at += 1) {
      const entry = this.#entryOf(at);
      const { length, uncompressedLength } = index.placeOf(entry);
      const type: BlobType = index.isTree(entry) ? 'tree' : 'data';
      yield { id: index.blobAt(entry).id, type, offset: this.#offsetOf(at), length, uncompressedLength };
    }
  }
}
