import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DataDirectory } from './data-directory.ts';

type TokenPrefix = 'hfa' | 'hfb' | 'hfc' | 'hfj' | 'hfm' | 'hfo' | 'hfp' | 'hfr' | 'hfs' | 'hft';

/** Makes the bearer tokens of the product: a prefix that scanners of leaked secrets can find, and 256 random bits. */
export function newToken(prefix: TokenPrefix): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`;
}

/** SHA-256 is enough for a secret of 256 random bits: there is nothing to guess. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** A token in a file of mode 0600, for those who may read it; in memory only as a hash. */
export class BearerToken {
  readonly #hash: Buffer;

  private constructor(hash: Buffer) {
    this.#hash = hash;
  }

  /** The token of that file; it is made if it is not there. */
  static async open(data: DataDirectory, file: string, prefix: TokenPrefix): Promise<BearerToken> {
    const text = await data.readOrMake(file, () => `${newToken(prefix)}\n`);
    return new BearerToken(hashToken(text.trim()));
  }

  /** Takes the same time for every wrong token. */
  matches(token: string): boolean {
    return timingSafeEqual(hashToken(token), this.#hash);
  }
}
