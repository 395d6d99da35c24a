import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual, type webcrypto } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { hpke } from './hpke.ts';

const secretBytes = 20;
const keyBytes = 32;

/** What the server has of a kit: enough to seal to it, and to say that it was the server who sealed. */
export interface KitSeal {
  /** Hexadecimal digits; printed, so that a person can tell kits from each other. */
  readonly id: string;
  /** X25519, base64url. */
  readonly publicKey: string;
}

/** What the words alone open. */
export interface KitKeys extends KitSeal {
  readonly privateKey: webcrypto.CryptoKey;
  /** Base64url. The server has it too, in its vault: what is sealed with it can't come from somebody who only saw the public key. */
  readonly authKey: string;
}

/** 160 bits: more than can be tried, and few enough to type. */
export function newKitSecret(): Uint8Array {
  return randomBytes(secretBytes);
}

/** The keys of a kit, by HKDF-SHA-256 (RFC 5869) from its secret; nothing of them has to be kept. */
export async function kitKeys(secret: Uint8Array): Promise<KitKeys> {
  const derive = (label: string): ArrayBuffer =>
    hkdfSync('sha256', secret, new Uint8Array(0), `holdfast-recovery-kit-1 ${label}`, keyBytes);
  const pair: unknown = await hpke.kem.deriveKeyPair(derive('seal'));
  if (!isKeyPair(pair)) throw new HoldfastError('internal.unexpected');
  const { privateKey, publicKey } = pair;
  const bytes = Buffer.from(await hpke.kem.serializePublicKey(publicKey));
  return {
    id: kitId(bytes.toString('base64url')),
    publicKey: bytes.toString('base64url'),
    privateKey,
    authKey: Buffer.from(derive('authenticate')).toString('base64url'),
  };
}

/** The library's types are those of browsers, which this program does not have. */
function isKeyPair(value: unknown): value is webcrypto.CryptoKeyPair {
  return typeof value === 'object' && value !== null && 'privateKey' in value && 'publicKey' in value;
}

/** 64 bits of the public key's SHA-256. */
export function kitId(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('hex').slice(0, 16);
}

/** Shows that one has the words of a kit. It says nothing else to who has the key already. */
export function kitProof({ id, authKey }: Pick<KitKeys, 'id' | 'authKey'>): string {
  return createHmac('sha256', Buffer.from(authKey, 'base64url'))
    .update(`holdfast-recovery-kit-1 proof ${id}`)
    .digest('base64url');
}

export function isKitProof(proof: string, kit: Pick<KitKeys, 'id' | 'authKey'>): boolean {
  const [given, right] = [Buffer.from(proof), Buffer.from(kitProof(kit))];
  return given.length === right.length && timingSafeEqual(given, right);
}
