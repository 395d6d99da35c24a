/** 32-bit numbers that are added at the end: four bytes each, where an array of JavaScript would take eight or more. */
export class NumberList {
  #words: Uint32Array;
  #length = 0;

  constructor(expected = 1024) {
    this.#words = new Uint32Array(Math.max(16, expected));
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[this.#length] = value;
    this.#length += 1;
  }

  get(at: number): number {
    return this.#words[at] ?? 0;
  }

  set(at: number, value: number): void {
    this.#words[at] = value;
  }

  /** A view; valid until the next `push`. */
  values(from = 0, to: number = this.#length): Uint32Array {
    return this.#words.subarray(from, to);
  }
}
