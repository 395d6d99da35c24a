import type { BlobIndex, BlobType, ObjectId } from '@holdfast/repository';

/** A set of blobs: a bit for each that the index knows, and the names of the few that it does not. */
export class BlobSet {
  readonly #index: BlobIndex;
  readonly #bits: Uint8Array;
  readonly #unknown = new Set<string>();

  constructor(index: BlobIndex) {
    this.#index = index;
    this.#bits = new Uint8Array(Math.ceil(index.blobCount / 8));
  }

  /** Blobs that the index does not know, as `type id`. */
  get unknown(): ReadonlySet<string> {
    return this.#unknown;
  }

  /** True when it was not in the set. */
  add(type: BlobType, id: ObjectId): boolean {
    const entry = this.#index.entryOf(id, type);
    if (entry < 0) {
      const name = `${type} ${id}`;
      if (this.#unknown.has(name)) return false;
      this.#unknown.add(name);
      return true;
    }
    if (this.hasEntry(entry)) return false;
    this.#bits[entry >> 3] = (this.#bits[entry >> 3] ?? 0) | (1 << (entry & 7));
    return true;
  }

  hasEntry(entry: number): boolean {
    return ((this.#bits[entry >> 3] ?? 0) & (1 << (entry & 7))) !== 0;
  }

  /** Numbers of the entries in the index. */
  *entries(): Generator<number> {
    for (const [at, bits] of this.#bits.entries())
      for (let bit = 0; bits >> bit !== 0; bit += 1) if (((bits >> bit) & 1) !== 0) yield at * 8 + bit;
  }
}
