import { HoldfastError } from '@holdfast/core';
import { type BlobIndex, type Node, type ObjectId, plainLength, shortId } from '@holdfast/repository';
import type { MountBlobs } from './mount-blobs.ts';
import { mountLimits } from './mount-limits.ts';

/** A file of a snapshot that is open in the mount. */
export class OpenFile {
  readonly #content: readonly ObjectId[];
  /** Where each blob ends in the file. */
  readonly #ends: Float64Array;
  readonly #blobs: MountBlobs;
  /** Where a reader that goes from front to back reads next. */
  #expected = 0;

  /** @throws repository.damaged when a blob is not in the index */
  constructor(node: Node, o: { readonly index: BlobIndex; readonly blobs: MountBlobs }) {
    this.#content = node.content ?? [];
    this.#blobs = o.blobs;
    this.#ends = new Float64Array(this.#content.length);
    let end = 0;
    for (const [at, id] of this.#content.entries()) {
      const place = o.index.lookup(id, 'data');
      if (place === undefined)
        throw new HoldfastError('repository.damaged', {
          message: `Blob ${shortId(id)} is not in the index of the repository.`,
          context: { blob: id },
        });
      end += plainLength(place);
      this.#ends[at] = end;
    }
  }

  /** What is there, in pieces; fewer bytes only at the end of the file. */
  async read(range: { readonly offset: number; readonly size: number }): Promise<Buffer[]> {
    const pieces: Buffer[] = [];
    let { offset } = range;
    const end = Math.min(offset + range.size, this.#ends.at(-1) ?? 0);
    const isSequential = range.offset === this.#expected;
    this.#expected = Math.max(offset, end);
    let at = this.#blobAt(offset);
    if (isSequential) this.#readAhead(this.#blobAt(end));
    while (offset < end) {
      const id = this.#content[at];
      if (id === undefined) break;
      const start = at === 0 ? 0 : (this.#ends[at - 1] ?? 0);
      const plain = await this.#blobs.get(id);
      const piece = plain.subarray(offset - start, end - start);
      pieces.push(piece);
      offset += piece.length;
      at += 1;
    }
    return pieces;
  }

  #readAhead(from: number): void {
    const ids: ObjectId[] = [];
    const start = from === 0 ? 0 : (this.#ends[from - 1] ?? 0);
    for (let at = from; at < this.#content.length; at += 1) {
      if ((this.#ends[at] ?? 0) - start > mountLimits.readAheadBytes && ids.length > 0) break;
      const id = this.#content[at];
      if (id !== undefined) ids.push(id);
    }
    this.#blobs.readAhead(ids);
  }

  /** The number of the first blob that ends after the offset. */
  #blobAt(offset: number): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] ?? 0) > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
