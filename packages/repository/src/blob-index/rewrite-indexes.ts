import { indexBeginning, indexEnd } from '../format/index-file.ts';
import type { ObjectId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import type { PruneIndex } from '../prune/prune-index.ts';
import type { Repository } from '../repository.ts';
import { Bitmap } from './bitmap.ts';

type KnownFile = ReturnType<PruneIndex['files']> extends Generator<infer File> ? File : never;

/** The index files that must be written anew without some packs, and small ones that are merged while at it. */
export function obsoleteIndexes(index: PruneIndex, isDropped: (pack: number) => boolean): KnownFile[] {
  const obsolete: KnownFile[] = [];
  const small: KnownFile[] = [];
  for (const file of index.files()) {
    if (file.packs.some(isDropped) || file.packs.length === 0) obsolete.push(file);
    else if (file.blobs < limits.pruneSmallIndexBlobs) small.push(file);
  }
  return small.length >= limits.pruneSmallIndexes ? [...obsolete, ...small] : obsolete;
}

/**
 * Writes what obsolete index files list, but for dropped packs, into new ones; durable when it resolves. A pack that is listed
 * elsewhere is left out, unless index files contradict each other about it. The obsolete files are read again rather than
 * remembered: they are much larger than the index in memory. What they say about a pack goes on as it stands there.
 */
export async function rewriteIndexes(
  repository: Repository,
  index: PruneIndex,
  o: {
    readonly obsolete: readonly KnownFile[];
    readonly isDropped: (pack: number) => boolean;
    readonly signal: AbortSignal;
  },
): Promise<ObjectId[]> {
  const { signal } = o;
  const obsolete = new Set(o.obsolete.map(({ id }) => id));
  const listed = new Bitmap(index.blobs.packCount);
  for (const file of index.files()) if (!obsolete.has(file.id)) for (const pack of file.packs) listed.set(pack);
  const written: ObjectId[] = [];
  const next = new IndexText();
  const flush = async (): Promise<void> => {
    if (next.blobs > 0) written.push(await repository.saveIndexText(next.take(), { signal }));
  };
  for await (const file of repository.listIndexFiles(o.obsolete, { signal })) {
    if ('problem' in file) throw file.problem;
    for (const pack of file.listing.packs) {
      const number = index.blobs.packNumber(pack.id);
      if (number === undefined || o.isDropped(number)) continue;
      if (!listed.set(number) && !index.isOdd(number)) continue;
      const blobs = pack.end - pack.first;
      if (next.blobs + blobs > limits.indexMaxBlobs) await flush();
      next.add(pack.text, blobs);
    }
  }
  await flush();
  return written;
}

/** An index file that grows, in memory that is used again for the next one. */
class IndexText {
  #bytes = Buffer.alloc(0);
  #length = 0;
  blobs = 0;

  add(entry: Uint8Array, blobs: number): void {
    this.#append(Buffer.from(this.#length === 0 ? indexBeginning : ','));
    this.#append(entry);
    this.blobs += blobs;
  }

  /** Valid until something is added. */
  take(): Uint8Array {
    this.#append(Buffer.from(indexEnd));
    const text = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.blobs = 0;
    return text;
  }

  #append(bytes: Uint8Array): void {
    const end = this.#length + bytes.byteLength;
    if (end > this.#bytes.byteLength) this.#bytes = Buffer.concat([this.#bytes.subarray(0, this.#length)], end * 2);
    this.#bytes.set(bytes, this.#length);
    this.#length = end;
  }
}
