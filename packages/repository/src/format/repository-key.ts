import { randomBytes, timingSafeEqual } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';

/**
 * The master key of a repository: it opens everything. Plain bytes that a worker thread can be given.
 * Never log it.
 */
export interface RepositoryKey {
  /** AES-256-CTR. 32 bytes. */
  readonly encrypt: Uint8Array;
  /** AES-128 of the Poly1305 nonce. 16 bytes. */
  readonly macK: Uint8Array;
  /** Poly1305's r; the MAC masks it (RFC 8439, 2.5.1). 16 bytes. */
  readonly macR: Uint8Array;
}

export function newRepositoryKey(): RepositoryKey {
  // Each part has a buffer of its own, so that handing it to a worker copies nothing else.
  return {
    encrypt: new Uint8Array(randomBytes(32)),
    macK: new Uint8Array(randomBytes(16)),
    macR: new Uint8Array(randomBytes(16)),
  };
}

/** For what comes over a thread's boundary. */
export function isRepositoryKey(value: unknown): value is RepositoryKey {
  const part = (name: string, sizeBytes: number): boolean => {
    const bytes: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    return bytes instanceof Uint8Array && bytes.byteLength === sizeBytes;
  };
  return part('encrypt', 32) && part('macK', 16) && part('macR', 16);
}

/** Compared in constant time. */
export function isSameKey(a: RepositoryKey, b: RepositoryKey): boolean {
  return timingSafeEqual(encodeRepositoryKey(a), encodeRepositoryKey(b));
}

/** 64 bytes of scrypt become a key in this order: encryption, k, r. */
export function repositoryKeyFromBytes(bytes: Uint8Array): RepositoryKey {
  if (bytes.byteLength !== 64)
    throw new HoldfastError('internal.unexpected', { message: 'A repository key is made from 64 bytes.' });
  return { encrypt: bytes.slice(0, 32), macK: bytes.slice(32, 48), macR: bytes.slice(48, 64) };
}

/** The JSON form inside a key file. */
export function encodeRepositoryKey(key: RepositoryKey): Buffer {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  return Buffer.from(
    JSON.stringify({ mac: { k: base64(key.macK), r: base64(key.macR) }, encrypt: base64(key.encrypt) }),
  );
}

/** @throws repository.damaged for anything that is not a complete, non-zero key. */
export function decodeRepositoryKey(json: Uint8Array): RepositoryKey {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(json).toString('utf8'));
  } catch (cause) {
    // The cause quotes the text it could not parse, which is the key: it must not travel on.
    throw new HoldfastError('repository.damaged', {
      message: 'The master key inside a key file is not JSON.',
      context: { error: cause instanceof Error ? cause.name : 'unknown' },
    });
  }
  const part = (holder: unknown, name: string, sizeBytes: number): Uint8Array => {
    const text: unknown = typeof holder === 'object' && holder !== null ? Reflect.get(holder, name) : undefined;
    const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : Buffer.alloc(0);
    if (bytes.byteLength !== sizeBytes || bytes.every((byte) => byte === 0))
      throw new HoldfastError('repository.damaged', { message: 'The master key inside a key file is incomplete.' });
    return new Uint8Array(bytes);
  };
  const mac: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'mac') : undefined;
  return { encrypt: part(value, 'encrypt', 32), macK: part(mac, 'k', 16), macR: part(mac, 'r', 16) };
}
