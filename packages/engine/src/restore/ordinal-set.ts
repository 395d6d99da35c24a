/** A set of whole numbers from 0 on that lie closely together: one bit each. */
export class OrdinalSet {
  #bits = new Uint8Array(0);

  add(ordinal: number): void {
    const at = ordinal >>> 3;
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(Math.max(1024, at * 2));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (ordinal & 7));
  }

  has(ordinal: number): boolean {
    return ((this.#bits[ordinal >>> 3] ?? 0) & (1 << (ordinal & 7))) !== 0;
  }
}
