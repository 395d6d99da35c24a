/** Random numbers that a seed repeats: mulberry32, 32 bits of state. For tests; never for keys. */
export class SeededRandom {
  #state: number;

  /** Only the lowest 32 bits of the seed count. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, not including, the limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError for an empty list */
  pick<T>(items: readonly T[]): T {
    const at = this.below(items.length);
    for (const item of items.slice(at, at + 1)) return item;
    throw new RangeError('nothing to pick from');
  }

  /** A generator of its own, so that what one part draws does not shift what others get. */
  fork(): SeededRandom {
    return new SeededRandom(this.below(2 ** 32));
  }
}
