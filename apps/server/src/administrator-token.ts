import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DataDirectory } from './data-directory.ts';

/** Makes and hashes the bearer tokens of the product: a prefix that scanners of leaked secrets can find, and 256 random bits. */
export function newToken(prefix: 'hfa' | 'hfj'): string {
  return `${prefix}_${randomBytes(32).toString('base64url')}`;
}

/** SHA-256 is enough for a secret of 256 random bits: there is nothing to guess. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** The administrator token: in a file of mode 0600 that the CLI reads; in memory only as a hash. */
export class AdministratorToken {
  readonly #hash: Buffer;

  private constructor(hash: Buffer) {
    this.#hash = hash;
  }

  static async open(data: DataDirectory): Promise<AdministratorToken> {
    const text = await data.readOrMake('admin-token', () => `${newToken('hfa')}\n`);
    return new AdministratorToken(hashToken(text.trim()));
  }

  /** Takes the same time for every wrong token. */
  matches(token: string): boolean {
    return timingSafeEqual(hashToken(token), this.#hash);
  }
}
