import { idBytes, type ObjectId, objectIdOf } from '../format/object-id.ts';
import { lockMutex, unlockMutex } from './shared-mutex.ts';
import { SharedTable } from './shared-table.ts';

/** Words of a pack: id, end of its last blob. */
const idWords = 8;
const packWords = 9;

/** The packs of an index, numbered from 0; in shared memory, for all threads. */
export class PackNumbers {
  readonly #control: Int32Array;
  readonly #countAt: number;
  readonly #mutexAt: number;
  readonly #packs: SharedTable;
  /** Number of each pack that this thread has seen. */
  readonly #numbers = new Map<ObjectId, number>();

  constructor(
    packs: SharedArrayBuffer,
    control: { readonly words: Int32Array; readonly countAt: number; readonly mutexAt: number },
  ) {
    this.#packs = new SharedTable(packs);
    this.#control = control.words;
    this.#countAt = control.countAt;
    this.#mutexAt = control.mutexAt;
  }

  static reserve(maxPacks: number): SharedArrayBuffer {
    return SharedTable.reserve(maxPacks * packWords);
  }

  get count(): number {
    return Atomics.load(this.#control, this.#countAt);
  }

  get sizeBytes(): number {
    return this.#packs.sizeBytes;
  }

  /** Undefined for a pack that no thread has added. */
  numberOf(id: ObjectId): number | undefined {
    // Learns what other threads have added since.
    for (const count = this.count; this.#numbers.size < count; )
      this.#numbers.set(this.idOf(this.#numbers.size), this.#numbers.size);
    return this.#numbers.get(id);
  }

  idOf(number: number): ObjectId {
    return objectIdOf(this.#packs.bytes(number * packWords, idWords));
  }

  /** Gives the number of a pack; the same to every thread. */
  add(id: ObjectId): number {
    const known = this.numberOf(id);
    if (known !== undefined) return known;
    lockMutex(this.#control, this.#mutexAt);
    try {
      const added = this.numberOf(id);
      if (added !== undefined) return added;
      const number = this.count;
      const at = number * packWords;
      this.#packs.ensure(at + packWords);
      this.#packs.bytes(at, idWords).set(idBytes(id));
      Atomics.store(this.#control, this.#countAt, number + 1);
      return number;
    } finally {
      unlockMutex(this.#control, this.#mutexAt);
    }
  }

  endOf(number: number): number {
    return this.#packs.get(number * packWords + idWords);
  }

  /** At least this. */
  raiseEnd(number: number, end: number): void {
    const at = number * packWords + idWords;
    for (let now = this.#packs.load(at); now < end; now = this.#packs.load(at)) this.#packs.swap(at, now, end);
  }
}
