import { type Cipheriv, createCipheriv, createHash } from 'node:crypto';

const blockBytes = 64 * 1024;
const zeros = Buffer.alloc(blockBytes);

/** Bytes and numbers that depend on the seed only, on every machine: the key stream of AES-128-CTR. Not for secrets. */
export class SeededRandom {
  readonly #cipher: Cipheriv;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16, 32));
  }

  /** Incompressible bytes. */
  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let filled = 0; filled < count; ) {
      if (this.#at === this.#block.length) this.#refill();
      const copied = this.#block.copy(bytes, filled, this.#at);
      filled += copied;
      this.#at += copied;
    }
    return bytes;
  }

  /** At least 0, below 1. */
  fraction(): number {
    if (this.#at + 4 > this.#block.length) this.#refill();
    const value = this.#block.readUInt32LE(this.#at);
    this.#at += 4;
    return value / 0x1_0000_0000;
  }

  /** A whole number of at least 0 and below `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  #refill(): void {
    this.#block = this.#cipher.update(zeros);
    this.#at = 0;
  }
}
