import { createCipheriv } from 'node:crypto';
import { toHoldfastError } from '@holdfast/core';
import { type SealedBytes, sealedBytes, sha256Each, zstdContext } from '@holdfast/native';
import { type BlobPlace, openBlob, wrongBlob } from '../format/blob.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import { unzstd } from '../format/compression.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';

const nonceBytes = 16;
const macBytes = 16;
const digestBytes = 32;
const nothing = Buffer.alloc(0);

/** A sealed blob with what it must be. */
export interface SealedBlob extends BlobPlace {
  readonly id: ObjectId;
  /** Given up: it is decrypted in its place. */
  readonly sealed: Uint8Array;
}

interface Opened {
  readonly plain: Buffer;
  /** Decrypted, and compressed if the blob is. */
  readonly body: Buffer;
}

/** Receives the plain bytes of a blob, or what is wrong with it; and what was sealed, which is still compressed if the blob is. */
export type OnOpened = (number: number, plain: Buffer | Error, body: Buffer) => void;

/**
 * Opens and verifies many blobs in memory that is used again and again: nonces become MAC keys by one call, hashes are
 * computed side by side, nothing is left to the garbage collector. What fails is opened again by `openBlob`, which says
 * why, so that there is one judge of what is wrong. One per thread.
 */
export class BlobOpener {
  readonly #cipher: BlobCipher;
  readonly #sealedBytes: SealedBytes;
  readonly #zstd = zstdContext();
  readonly #pads;
  /** r ‖ AES-128_k(nonce): only the second half changes. */
  readonly #oneTimeKey = new Uint8Array(new SharedArrayBuffer(digestBytes));
  /** Plain bytes of what was compressed, one after the other; as large as was needed, up to the bound. */
  #plain: Buffer = Buffer.alloc(0);
  readonly #batchBytes: number;

  /** @param batchBytes of plain bytes of compressed blobs that are hashed side by side; a larger one is opened alone */
  constructor(key: RepositoryKey, batchBytes: number = limits.openBatchBytes) {
    this.#batchBytes = batchBytes;
    this.#cipher = new BlobCipher(key);
    this.#sealedBytes = sealedBytes(key.encrypt);
    // ECB keeps nothing from one call to the next: exactly AES-128_k of each nonce.
    this.#pads = createCipheriv('aes-128-ecb', key.macK, null).setAutoPadding(false);
    this.#oneTimeKey.set(key.macR);
  }

  /** Gives the plain bytes of each blob, or what is wrong with it, in any order. The bytes are valid during the call. */
  open(blobs: readonly SealedBlob[], onBlob: OnOpened): void {
    for (let first = 0; first < blobs.length; ) {
      const batch: SealedBlob[] = [];
      let sizeBytes = 0;
      for (let blob = blobs[first]; blob !== undefined; blob = blobs[first + batch.length]) {
        const plainBytes = blob.uncompressedLength;
        if (sizeBytes > 0 && sizeBytes + plainBytes > this.#batchBytes) break;
        sizeBytes += plainBytes;
        batch.push(blob);
      }
      this.#openBatch(batch, sizeBytes, (number, plain, body) => onBlob(first + number, plain, body));
      first += batch.length;
    }
  }

  #openBatch(batch: readonly SealedBlob[], sizeBytes: number, onBlob: OnOpened) {
    const wrong: number[] = [];
    const opened: (Opened & { readonly number: number })[] = [];
    // A place that claims more than a blob may have gets no memory; the judge says so.
    const memory = sizeBytes <= limits.blobMaxPlainSizeBytes ? this.#memory(sizeBytes) : Buffer.alloc(0);
    const nonces = Buffer.alloc(batch.length * nonceBytes);
    for (const [number, { sealed }] of batch.entries()) nonces.set(sealed.subarray(0, nonceBytes), number * nonceBytes);
    const pads = this.#pads.update(nonces);
    let at = 0;
    for (const [number, blob] of batch.entries()) {
      this.#oneTimeKey.set(pads.subarray(number * nonceBytes, (number + 1) * nonceBytes), 16);
      const good = this.#openInto(blob, memory.subarray(at, at + blob.uncompressedLength));
      if (good === undefined) wrong.push(number);
      else {
        opened.push({ number, ...good });
        at += blob.uncompressedLength;
      }
    }
    const hashes = sha256Each(opened.map(({ plain }) => plain));
    for (const [at, { number, plain, body }] of opened.entries()) {
      const id = objectIdOf(hashes.subarray(at * digestBytes, (at + 1) * digestBytes));
      const wanted = batch[number]?.id ?? id;
      onBlob(number, id === wanted ? plain : wrongBlob(wanted), body);
    }
    for (const number of wrong) {
      const blob = batch[number];
      if (blob !== undefined) onBlob(number, this.#judge(blob), nothing);
    }
  }

  #memory(sizeBytes: number): Buffer {
    if (sizeBytes > this.#plain.byteLength) {
      // A single blob beyond the bound has memory of its own, that is not kept.
      if (sizeBytes > this.#batchBytes) return Buffer.from(new SharedArrayBuffer(sizeBytes));
      this.#plain = Buffer.from(new SharedArrayBuffer(Math.min(this.#batchBytes, sizeBytes * 2)));
    }
    return this.#plain;
  }

  /**
   * Authenticates and decrypts for the one-time key that is set, and decompresses into `memory`. Undefined when something
   * is wrong, which `openBlob` knows; the sealed bytes are as they were then.
   */
  #openInto({ sealed, uncompressedLength }: SealedBlob, memory: Buffer): Opened | undefined {
    if (sealed.byteLength < nonceBytes + macBytes || memory.byteLength !== uncompressedLength) return undefined;
    const body = Buffer.from(sealed.buffer, sealed.byteOffset + nonceBytes, sealed.byteLength - nonceBytes - macBytes);
    const mac = sealed.subarray(sealed.byteLength - macBytes);
    if (!this.#sealedBytes.authentic(body, { oneTimeKey: this.#oneTimeKey, mac })) return undefined;
    const nonce = sealed.subarray(0, nonceBytes);
    // Counter mode may write each byte where it was read (EVP_EncryptInit(3), in == out).
    if (body.byteLength > 0) this.#sealedBytes.decrypt(body, { nonce, to: body });
    if (uncompressedLength === 0) return { plain: body, body };
    if (this.#decompress(body, memory)) return { plain: memory, body };
    // Doing it again undoes it.
    if (body.byteLength > 0) this.#sealedBytes.decrypt(body, { nonce, to: body });
    return undefined;
  }

  #decompress(packed: Buffer, memory: Buffer): boolean {
    if (this.#zstd !== undefined) return this.#zstd.decompressInto(packed, memory);
    try {
      const expected = { maxSizeBytes: memory.byteLength, expectedBytes: memory.byteLength, what: 'A blob' };
      const plain = unzstd(packed, expected);
      memory.set(plain);
      return plain.byteLength === memory.byteLength;
    } catch {
      // Opened once more by the judge, who says why.
      return false;
    }
  }

  #judge(blob: SealedBlob): Buffer | Error {
    try {
      return openBlob(this.#cipher, blob.sealed, blob);
    } catch (error) {
      return toHoldfastError(error);
    }
  }
}
