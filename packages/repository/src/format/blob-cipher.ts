import * as nodeCrypto from 'node:crypto';
import { createCipheriv, createDecipheriv, randomFillSync, timingSafeEqual } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import type { SealedBytes } from '@holdfast/native';
import { limits } from '../limits.ts';
import type { RepositoryKey } from './repository-key.ts';

/** Node 26 has it, its type definitions do not yet. */
declare module 'node:crypto' {
  function createMac(
    algorithm: 'poly1305',
    key: Uint8Array,
  ): { update(data: Uint8Array): { final(): Buffer }; final(): Buffer };
}

const nonceSizeBytes = 16;
const macSizeBytes = 16;

/** How much longer sealed bytes are than plain ones: 16 bytes of nonce before, 16 of MAC after. */
export const sealOverheadBytes = nonceSizeBytes + macSizeBytes;

/**
 * AES-256-CTR with Poly1305-AES, restic's sealing (`doc/design.rst`, "Keys, Encryption and MAC"):
 * nonce ‖ ciphertext ‖ MAC. One per thread; it needs nothing but the key.
 */
export class BlobCipher {
  readonly #encrypt: Uint8Array;
  /** r ‖ AES-128_k(nonce): only the second half changes. Shared, because such memory has an address that stays. */
  readonly #macKey = new Uint8Array(new SharedArrayBuffer(32));
  readonly #macK: Uint8Array;
  readonly #nonces = new Uint8Array(limits.nonceBatch * nonceSizeBytes);
  readonly #sealedBytes: SealedBytes | undefined;
  #pads: Uint8Array = this.#nonces;
  #nextNonce: number = limits.nonceBatch;

  /** @param sealedBytes a faster way to seal for who seals much, with the same encryption key; through Node if left out */
  constructor(key: RepositoryKey, sealedBytes?: SealedBytes) {
    this.#sealedBytes = sealedBytes;
    this.#encrypt = key.encrypt;
    this.#macK = key.macK;
    this.#macKey.set(key.macR);
  }

  /** Seals `plain` into the first `plain.length + 32` bytes of `target` and gives that length. They must not overlap. */
  sealInto(target: Uint8Array, plain: Uint8Array): number {
    const at = this.#takeNonce();
    const nonce = this.#nonces.subarray(at, at + nonceSizeBytes);
    target.set(nonce);
    const end = nonceSizeBytes + plain.byteLength;
    const body = target.subarray(nonceSizeBytes, end);
    this.#macKey.set(this.#pads.subarray(at, at + nonceSizeBytes), 16);
    if (this.#sealedBytes !== undefined) {
      // Straight to its place: the bytes are neither copied nor left to the garbage collector.
      this.#sealedBytes.decrypt(plain, { nonce, to: body });
      target.set(this.#sealedBytes.mac(body, this.#macKey), end);
      return end + macSizeBytes;
    }
    // CTR is a stream: update gives every byte, final none.
    if (plain.byteLength > 0) body.set(createCipheriv('aes-256-ctr', this.#encrypt, nonce).update(plain));
    target.set(this.#mac(body), end);
    return end + macSizeBytes;
  }

  seal(plain: Uint8Array): Buffer {
    const sealed = Buffer.allocUnsafe(plain.byteLength + sealOverheadBytes);
    this.sealInto(sealed, plain);
    return sealed;
  }

  /** The plain bytes, or undefined when they were not sealed with this key: changed, damaged, or another key's. */
  tryOpen(sealed: Uint8Array): Buffer | undefined {
    const end = sealed.byteLength - macSizeBytes;
    if (end < nonceSizeBytes) return undefined;
    const nonce = sealed.subarray(0, nonceSizeBytes);
    // ECB of the one block; padding off, so it is exactly AES-128_k(nonce).
    this.#macKey.set(ecb(this.#macK, nonce), 16);
    const body = sealed.subarray(nonceSizeBytes, end);
    if (!timingSafeEqual(this.#mac(body), sealed.subarray(end))) return undefined;
    if (body.byteLength === 0) return Buffer.alloc(0);
    return createDecipheriv('aes-256-ctr', this.#encrypt, nonce).update(body);
  }

  /** @throws storage.tampered when the MAC is wrong; `what` names the object in the message. */
  open(sealed: Uint8Array, what: string): Buffer {
    const plain = this.tryOpen(sealed);
    if (plain === undefined)
      throw new HoldfastError('storage.tampered', {
        message: `${what} fails its authentication: it was damaged or changed.`,
      });
    return plain;
  }

  /**
   * The same content sealed with the key of another cipher; undefined when it was not sealed with this one's. The nonce stays: each is
   * random, and used once with either key, so the same bytes come out each time, of the same length.
   */
  reseal(sealed: Uint8Array, other: BlobCipher): Buffer | undefined {
    const plain = this.tryOpen(sealed);
    return plain === undefined ? undefined : other.#sealUnder(sealed.subarray(0, nonceSizeBytes), plain);
  }

  #sealUnder(nonce: Uint8Array, plain: Uint8Array): Buffer {
    this.#macKey.set(ecb(this.#macK, nonce), 16);
    const body = createCipheriv('aes-256-ctr', this.#encrypt, nonce).update(plain);
    return Buffer.concat([nonce, body, this.#mac(body)]);
  }

  #mac(body: Uint8Array): Buffer {
    return nodeCrypto.createMac('poly1305', this.#macKey).update(body).final();
  }

  #takeNonce(): number {
    if (this.#nextNonce === limits.nonceBatch) {
      randomFillSync(this.#nonces);
      this.#pads = ecb(this.#macK, this.#nonces);
      this.#nextNonce = 0;
    }
    const at = this.#nextNonce * nonceSizeBytes;
    this.#nextNonce += 1;
    return at;
  }
}

function ecb(key: Uint8Array, blocks: Uint8Array): Buffer {
  return createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(blocks);
}
