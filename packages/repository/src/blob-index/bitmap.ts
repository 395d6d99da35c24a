/** One bit for each of so many things. */
export class Bitmap {
  #bits: Uint8Array;
  /** How many are set. */
  count = 0;

  constructor(size: number) {
    this.#bits = new Uint8Array(Math.ceil(size / 8));
  }

  /** True when the bit was not set yet. */
  set(at: number): boolean {
    if (this.has(at)) return false;
    this.#bits[at >>> 3] = (this.#bits[at >>> 3] ?? 0) | (1 << (at & 7));
    this.count += 1;
    return true;
  }

  /** Room for more things; all that is set stays set. */
  grow(size: number): void {
    const bits = new Uint8Array(Math.ceil(size / 8));
    bits.set(this.#bits);
    this.#bits = bits;
  }

  has(at: number): boolean {
    return ((this.#bits[at >>> 3] ?? 0) & (1 << (at & 7))) !== 0;
  }
}
