import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import type { DataDirectory } from './data-directory.ts';

/** What a sealed secret belongs to. It is authenticated with it, so that a row can't be moved to another place. */
export type SecretPlace =
  | { readonly tenant: string; readonly repositoryId: string }
  | {
      readonly tenant: string;
      readonly kind:
        | 'second-factor'
        | 'approval'
        | 'answer'
        | 'recovery-kit'
        | 'notification'
        | 'oauth'
        | 'oauth-key'
        | 'identity-provider';
      readonly id: string;
    };

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const algorithm = 'aes-256-gcm';
/** Of the sealed form, so that it can change one day. */
const version = 'v1';

/** Repository passwords and other secrets that the server has to know again, sealed under a master key that is in a file beside the database, not in it. */
export class Vault {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  static async open(data: DataDirectory): Promise<Vault> {
    const text = await data.readOrMake('vault-key', () => `${randomBytes(keyBytes).toString('base64')}\n`);
    const key = Buffer.from(text.trim(), 'base64');
    if (key.length !== keyBytes) {
      throw new HoldfastError('usage.configuration', {
        message: `${data.file('vault-key')} does not hold a key of ${keyBytes} bytes.`,
        guidance: 'Put the right file back from your backup: without it no repository password can be read.',
      });
    }
    return new Vault(key);
  }

  /** Tells whether two servers have the same key, and nothing of the key: it has 256 random bits. */
  get fingerprint(): string {
    return createHash('sha256').update('holdfast-vault-fingerprint').update(this.#key).digest('base64url');
  }

  /**
   * HMAC-SHA-256 under a key that is derived for that purpose alone (HKDF, RFC 5869), in hexadecimal: for secrets that are too short
   * for a plain hash, so that whoever has only the database can't try them all.
   */
  mac(
    purpose: 'recovery-token' | 'user-code' | 'cookie' | 'set-up' | 'snapshot-view' | 'support-pseudonyms',
    text: string,
  ): string {
    const key = Buffer.from(hkdfSync('sha256', this.#key, '', `holdfast-vault-mac:${purpose}`, keyBytes));
    return createHmac('sha256', key).update(text, 'utf8').digest('hex');
  }

  /** AES-256-GCM with a random nonce: `v1.` and the base64 of nonce, tag and ciphertext. */
  seal(secret: string, place: SecretPlace): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.#key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(placeBytes(place));
    const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return `${version}.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')}`;
  }

  /** Throws `vault.tampered` when the sealed text, its place or the master key is not the one that it was sealed with. */
  open(sealed: string, place: SecretPlace): string {
    const [sealedVersion, text] = sealed.split('.', 2);
    const bytes = Buffer.from(text ?? '', 'base64');
    if (sealedVersion !== version || bytes.length < nonceBytes + tagBytes) throw tampered(place);
    const decipher = createDecipheriv(algorithm, this.#key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(placeBytes(place));
    decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
    try {
      const body = bytes.subarray(nonceBytes + tagBytes);
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
    } catch (error) {
      throw tampered(place, error);
    }
  }
}

function placeBytes(place: SecretPlace): Buffer {
  const { tenant } = place;
  const rest = 'repositoryId' in place ? [tenant, place.repositoryId] : [tenant, place.kind, place.id];
  return Buffer.from(JSON.stringify(['holdfast-vault', version, ...rest]), 'utf8');
}

function tampered(place: SecretPlace, cause?: unknown): HoldfastError {
  const what = 'repositoryId' in place ? `password of repository ${place.repositoryId}` : `${place.kind} ${place.id}`;
  return new HoldfastError('vault.tampered', {
    message: `The sealed ${what} does not open with this server's vault key.`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A repository password: 256 random bits, in letters that survive a shell and a telephone line. */
export function newRepositoryPassword(): string {
  return randomBytes(32).toString('base64url');
}
