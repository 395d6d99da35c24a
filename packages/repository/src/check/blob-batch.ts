import { createCipheriv } from 'node:crypto';
import { toHoldfastError } from '@holdfast/core';
import {
  type SealedBytes,
  type Sha256Together,
  type StreamPiece,
  sealedBytes,
  sealedBytesByNode,
  type ZstdContext,
  zstdContext,
} from '@holdfast/native';
import { openBlob, plainLength } from '../format/blob.ts';
import type { BlobCipher } from '../format/blob-cipher.ts';
import { unzstd } from '../format/compression.ts';
import { objectIdOf, shortId } from '../format/object-id.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import type { HeaderPlace, OpenPack } from './pack-windows.ts';

interface BatchedBlob {
  readonly pack: OpenPack;
  readonly place: HeaderPlace;
  readonly sealed: Uint8Array;
}

const nonceBytes = 16;
const macBytes = 16;

/**
 * Verifies many blobs at once: nonces are turned into MAC keys by one call, and all blobs are hashed side by side. What
 * is not right is opened again by `openBlob`, which says why, so that there is one judge of what is wrong.
 */
export class BlobBatch {
  readonly #cipher: BlobCipher;
  readonly #sealedBytes: SealedBytes;
  readonly #together: Sha256Together;
  readonly #zstd: ZstdContext | undefined;
  readonly #pads;
  /** r ‖ AES-128_k(nonce): only the second half changes. */
  readonly #oneTimeKey = new Uint8Array(new SharedArrayBuffer(32));
  /** Plain bytes of the batch, one after the other. */
  readonly #plain = new Uint8Array(new SharedArrayBuffer(limits.checkBatchBytes));
  readonly #packed = new Uint8Array(new SharedArrayBuffer(limits.checkBatchBytes));
  #plainBytes = 0;
  #blobs: BatchedBlob[] = [];

  constructor(options: {
    cipher: BlobCipher;
    key: RepositoryKey;
    together: Sha256Together;
    kernels: 'native' | 'node';
  }) {
    const native = options.kernels === 'native';
    this.#cipher = options.cipher;
    this.#sealedBytes = native ? sealedBytes(options.key.encrypt) : sealedBytesByNode(options.key.encrypt);
    this.#zstd = native ? zstdContext() : undefined;
    this.#together = options.together;
    // ECB keeps nothing from one call to the next: exactly AES-128_k of each nonce.
    this.#pads = createCipheriv('aes-128-ecb', options.key.macK, null).setAutoPadding(false);
    this.#oneTimeKey.set(options.key.macR);
  }

  /** False when there is no room: verify what is there first. An empty batch takes any blob. */
  add(pack: OpenPack, place: HeaderPlace, sealed: Uint8Array): boolean {
    const sizeBytes = plainLength(place);
    if (this.#blobs.length > 0 && this.#plainBytes + sizeBytes > this.#plain.byteLength) return false;
    this.#blobs.push({ pack, place, sealed });
    this.#plainBytes += sizeBytes;
    return true;
  }

  /** Verifies the batch and goes on with the hashes of packs. Problems go to the packs. */
  verify(pieces: readonly StreamPiece[]): void {
    const blobs = this.#blobs;
    this.#blobs = [];
    this.#plainBytes = 0;
    const pads = this.#macPads(blobs);
    const opened: BatchedBlob[] = [];
    const plains: Uint8Array[] = [];
    let at = 0;
    for (const [number, blob] of blobs.entries()) {
      const to = this.#plain.subarray(at, at + plainLength(blob.place));
      this.#oneTimeKey.set(pads.subarray(number * nonceBytes, (number + 1) * nonceBytes), 16);
      if (to.byteLength === plainLength(blob.place) && this.#open(blob, to)) {
        opened.push(blob);
        plains.push(to);
        at += to.byteLength;
      } else this.#judge(blob);
    }
    const digests = this.#together.add(pieces, plains);
    for (const [number, blob] of opened.entries()) {
      const digest = digests.subarray(number * 32, (number + 1) * 32);
      if (digest.compare(blob.place.id) !== 0) this.#judge(blob);
    }
  }

  #macPads(blobs: readonly BatchedBlob[]): Buffer {
    const nonces = Buffer.allocUnsafe(blobs.length * nonceBytes);
    for (const [number, { sealed }] of blobs.entries()) nonces.set(sealed.subarray(0, nonceBytes), number * nonceBytes);
    return this.#pads.update(nonces);
  }

  /** Authenticates, decrypts and decompresses into `to`, for the one-time key that is set. False: `#judge` knows why. */
  #open({ place, sealed }: BatchedBlob, to: Uint8Array): boolean {
    const body = sealed.subarray(nonceBytes, sealed.byteLength - macBytes);
    const mac = sealed.subarray(sealed.byteLength - macBytes);
    if (!this.#sealedBytes.authentic(body, { oneTimeKey: this.#oneTimeKey, mac })) return false;
    const nonce = sealed.subarray(0, nonceBytes);
    if (place.uncompressedLength === 0) {
      this.#sealedBytes.decrypt(body, { nonce, to });
      return true;
    }
    if (body.byteLength > this.#packed.byteLength) return false;
    this.#sealedBytes.decrypt(body, { nonce, to: this.#packed });
    const packed = this.#packed.subarray(0, body.byteLength);
    if (this.#zstd !== undefined) return this.#zstd.decompressInto(packed, to);
    const plain = unzstdOrNothing(packed, to.byteLength);
    if (plain?.byteLength !== to.byteLength) return false;
    to.set(plain);
    return true;
  }

  #judge({ pack, place, sealed }: BatchedBlob): void {
    const id = objectIdOf(place.id);
    try {
      openBlob(this.#cipher, sealed, { ...place, id });
    } catch (error) {
      pack.problems.push(`blob ${shortId(id)}: ${toHoldfastError(error).message}`);
    }
  }
}

function unzstdOrNothing(packed: Uint8Array, sizeBytes: number): Buffer | undefined {
  try {
    return unzstd(packed, { maxSizeBytes: sizeBytes, expectedBytes: sizeBytes, what: 'A blob' });
  } catch {
    // Opened once more by the judge, who says why.
    return undefined;
  }
}
