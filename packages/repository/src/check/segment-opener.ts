import { createCipheriv } from 'node:crypto';
import {
  type SealedBytes,
  type Sha256Stream,
  sealedBytes,
  sealedBytesByNode,
  type ZstdContext,
  zstdContext,
} from '@holdfast/native';
import { unzstd } from '../format/compression.ts';
import type { RepositoryKey } from '../format/repository-key.ts';
import { limits } from '../limits.ts';
import type { HashBatch } from './hash-batch.ts';
import { macBytes, nonceBytes, type PackWindow, type Segment } from './pack-windows.ts';

/**
 * Opens the blobs of one pack after the other as its windows come, in memory that is used again, and has them hashed. Only of a
 * compressed blob are all bytes kept until its end. What is not right becomes a suspect: `openBlob` says why, so that there is
 * one judge of what is wrong. One for each pack that is read at the same time.
 */
export class SegmentOpener {
  readonly #batch: HashBatch;
  readonly #sealed: SealedBytes;
  readonly #zstd: ZstdContext | undefined;
  readonly #padCipher;
  /** r ‖ AES-128_k(nonce): only the second half changes. */
  readonly #oneTimeKey = new Uint8Array(new SharedArrayBuffer(32));
  #pads = Buffer.alloc(0);
  /** The hash of a blob that began in an earlier window, where it is not compressed. */
  #stream: Sha256Stream | undefined;
  #packed = new Uint8Array(new SharedArrayBuffer(0));
  #packedBytes = 0;

  constructor(options: { key: RepositoryKey; batch: HashBatch; kernels: 'native' | 'node' }) {
    const { encrypt, macK, macR } = options.key;
    const native = options.kernels === 'native';
    this.#batch = options.batch;
    this.#sealed = native ? sealedBytes(encrypt) : sealedBytesByNode(encrypt);
    this.#zstd = native ? zstdContext() : undefined;
    // ECB keeps nothing from one call to the next: exactly AES-128_k of each nonce.
    this.#padCipher = createCipheriv('aes-128-ecb', macK, null).setAutoPadding(false);
    this.#oneTimeKey.set(macR);
  }

  /** Opens segments of a window from number `first` on, as far as the batch has room; gives the number of the next one. */
  open(window: PackWindow, first: number): number {
    if (first === 0) this.#makePads(window);
    for (const [number, segment] of window.segments.entries())
      if (number >= first && !this.#open(window, segment, number)) return number;
    return window.segments.length;
  }

  /** The nonces of all blobs become MAC keys by one call; that of a blob which began before does no harm. */
  #makePads({ bytes, offset, segments }: PackWindow): void {
    const nonces = Buffer.alloc(segments.length * nonceBytes);
    for (const [number, { place, from }] of segments.entries()) {
      const at = place.offset + from - offset;
      nonces.set(bytes.subarray(at, at + nonceBytes), number * nonceBytes);
    }
    this.#pads = this.#padCipher.update(nonces);
  }

  #open({ pack, bytes, offset }: PackWindow, { place, from, to }: Segment, number: number): boolean {
    const isFirst = from === 0;
    const isLast = to === place.length;
    const compressed = place.uncompressedLength !== 0;
    const start = place.offset - offset;
    const body = bytes.subarray(start + from + (isFirst ? nonceBytes : 0), start + to - (isLast ? macBytes : 0));
    const plainBytes = compressed ? (isLast ? place.uncompressedLength : 0) : body.byteLength;
    // A blob that claims more than a blob may have gets no memory.
    const plain = this.#batch.room(plainBytes <= limits.blobMaxPlainSizeBytes ? plainBytes : 0);
    if (plain === undefined) return false;
    if (isFirst) {
      const nonce = bytes.subarray(start, start + nonceBytes);
      this.#oneTimeKey.set(this.#pads.subarray(number * nonceBytes, (number + 1) * nonceBytes), 16);
      this.#sealed.begin({ nonce, oneTimeKey: this.#oneTimeKey });
      this.#stream = undefined;
      this.#packedBytes = 0;
      if (compressed) this.#reserve(place.length);
    }
    if (compressed) {
      this.#sealed.next(body, this.#packed.subarray(this.#packedBytes));
      this.#packedBytes += body.byteLength;
    } else {
      this.#sealed.next(body, plain);
      if (!(isFirst && isLast)) {
        this.#stream ??= this.#batch.begin();
        this.#batch.addPiece(this.#stream, plain);
      }
    }
    if (!isLast) return true;
    const authentic = this.#sealed.end(bytes.subarray(start + to - macBytes, start + to));
    if (!authentic || plain.byteLength !== plainBytes || (compressed && !this.#decompress(plain)))
      pack.suspects.push(place);
    else if (this.#stream === undefined) this.#batch.addWhole({ pack, place }, plain);
    else this.#batch.addEnded({ pack, place }, this.#stream);
    return true;
  }

  #reserve(sizeBytes: number): void {
    // Of few sizes: each one that is outgrown stays until the garbage collector looks.
    if (sizeBytes > this.#packed.byteLength)
      this.#packed = new Uint8Array(new SharedArrayBuffer(2 ** Math.ceil(Math.log2(sizeBytes))));
  }

  #decompress(plain: Uint8Array): boolean {
    const packed = this.#packed.subarray(0, this.#packedBytes);
    if (this.#zstd !== undefined) return this.#zstd.decompressInto(packed, plain);
    try {
      const unpacked = unzstd(packed, {
        maxSizeBytes: plain.byteLength,
        expectedBytes: plain.byteLength,
        what: 'A blob',
      });
      plain.set(unpacked);
      return unpacked.byteLength === plain.byteLength;
    } catch {
      // Opened once more by the judge, who says why.
      return false;
    }
  }
}
