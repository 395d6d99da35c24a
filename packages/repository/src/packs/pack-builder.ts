import { hash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import type { BlobType } from '../format/blob.ts';
import { type BlobCipher, sealOverheadBytes } from '../format/blob-cipher.ts';
import { type Compress, type Compression, compressIfSmaller, defaultCompression } from '../format/compression.ts';
import {
  compressedEntrySizeBytes,
  headerLengthSizeBytes,
  type PackHeader,
  writeHeaderEntry,
} from '../format/pack-header.ts';
import { limits } from '../limits.ts';

/** A whole pack, ready to be stored. Everything in it can be posted to another thread; `bytes` is shared, never copied. */
export interface FinishedPack {
  readonly type: BlobType;
  /** SHA-256 of `bytes`: the name of the pack. */
  readonly id: Uint8Array;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** For the index. */
  readonly header: PackHeader;
  readonly blobCount: number;
}

/**
 * A whole pack whose hash, its name, is still to be computed: several are hashed faster side by side. Without the bytes
 * that were taken before.
 */
export type UnnamedPack = Omit<FinishedPack, 'id'>;

/** Sealed blobs that are not a pack yet: another builder can take them in, from any thread. */
export interface PartialPack {
  readonly type: BlobType;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly header: PackHeader;
  readonly blobCount: number;
}

export interface PackBuilderOptions {
  readonly cipher: BlobCipher;
  readonly type: BlobType;
  /** The builder is `full` from this size on. 4 to 128 MiB for restic's readers. */
  readonly targetSizeBytes?: number;
  /** 'off' is for data: trees are compressed in any case, as restic does. */
  readonly compression?: Compression | undefined;
  /** A faster zstd than Node's one-shot function, if the caller has one. */
  readonly compress?: Compress | undefined;
  /** Memory to build in, for instance that of a pack that has been stored. */
  readonly buffer?: SharedArrayBuffer;
}

/** What adding a blob did. */
export interface AddedBlob {
  /** Sealed length. */
  readonly length: number;
  /** 0 when stored uncompressed. */
  readonly uncompressedLength: number;
}

/**
 * Seals blobs one after the other into one buffer that threads share. Needs no repository: cipher and type suffice.
 * After `finish` or `finishPartial` it is empty and builds the next pack in new memory.
 */
export class PackBuilder {
  readonly type: BlobType;
  readonly #cipher: BlobCipher;
  readonly #targetSizeBytes: number;
  readonly #compression: Compression;
  readonly #compress: Compress | undefined;
  /** What was sealed and not taken. */
  #bytes: Uint8Array<SharedArrayBuffer>;
  #length = 0;
  #takenLength = 0;
  #header = new Uint8Array(256 * compressedEntrySizeBytes);
  #headerLength = 0;
  #blobCount = 0;

  constructor(options: PackBuilderOptions) {
    this.type = options.type;
    this.#cipher = options.cipher;
    this.#targetSizeBytes = Math.min(options.targetSizeBytes ?? limits.packTargetSizeBytes, limits.packMaxSizeBytes);
    const { type, compression = defaultCompression } = options;
    this.#compression = type === 'tree' && compression === 'off' ? defaultCompression : compression;
    this.#compress = options.compress;
    this.#bytes = new Uint8Array(options.buffer ?? new SharedArrayBuffer(0));
  }

  get blobCount(): number {
    return this.#blobCount;
  }

  /** The sealed blobs that were not taken yet; valid until the next blob is added. */
  get sealed(): Uint8Array<SharedArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The caller has put what is `sealed` elsewhere: its memory is used again, what comes later goes behind it. */
  take(): void {
    this.#takenLength += this.#length;
    this.#length = 0;
  }

  /** What the pack would have if it were finished now, with what was taken. */
  get sizeBytes(): number {
    return this.#takenLength + this.#length + this.#headerLength + sealOverheadBytes + headerLengthSizeBytes;
  }

  /** Time to `finish`. */
  get full(): boolean {
    return (
      this.sizeBytes >= this.#targetSizeBytes ||
      this.#headerLength + compressedEntrySizeBytes + sealOverheadBytes > limits.packHeaderMaxSizeBytes
    );
  }

  /**
   * Whether that many sealed bytes fit in beside what is there. They may not although the pack is not `full`, where its
   * target is near the largest size that a pack may have: `finish` before.
   * @param headerBytes of their entries; those of one blob if left out
   */
  hasRoomFor(sealedLength: number, headerBytes: number = compressedEntrySizeBytes): boolean {
    return (
      this.sizeBytes + sealedLength + headerBytes <= limits.packMaxSizeBytes &&
      this.#headerLength + headerBytes + sealOverheadBytes <= limits.packHeaderMaxSizeBytes
    );
  }

  /**
   * Compresses (where it helps), seals and appends a blob. The caller has checked that the id is the hash.
   * @throws internal.limit when the pack would exceed 128 MiB: finish before, or the blob alone is too large.
   */
  add(id: Uint8Array, plain: Uint8Array): AddedBlob {
    // restic takes an uncompressed length of 0 for "not compressed", and never writes empty blobs.
    if (plain.byteLength === 0)
      throw new HoldfastError('internal.unexpected', { message: 'An empty blob is never stored.' });
    const packed = compressIfSmaller(plain, this.#compression, this.#compress);
    const body = packed ?? plain;
    const length = body.byteLength + sealOverheadBytes;
    this.#reserve(length);
    this.#cipher.sealInto(this.#bytes.subarray(this.#length, this.#length + length), body);
    const uncompressedLength = packed === undefined ? 0 : plain.byteLength;
    this.#headerLength += writeHeaderEntry(this.#header, this.#headerLength, {
      type: this.type,
      id,
      length,
      uncompressedLength,
    });
    this.#length += length;
    this.#blobCount += 1;
    return { length, uncompressedLength };
  }

  /**
   * Appends a blob that is sealed with the same key already; the caller has verified it.
   * @throws internal.limit as `add`
   */
  addSealed(blob: { id: Uint8Array; uncompressedLength: number }, sealed: Uint8Array): void {
    const length = sealed.byteLength;
    this.#reserve(length);
    this.#bytes.set(sealed, this.#length);
    this.#headerLength += writeHeaderEntry(this.#header, this.#headerLength, { type: this.type, ...blob, length });
    this.#length += length;
    this.#blobCount += 1;
  }

  /** Takes in sealed blobs of another builder of the same type: at the end of a run small rests become one pack. */
  absorb(partial: PartialPack): void {
    if (partial.type !== this.type)
      throw new HoldfastError('internal.unexpected', { message: 'Packs of two types cannot be merged.' });
    this.#reserve(partial.bytes.byteLength, partial.header.byteLength);
    this.#bytes.set(partial.bytes, this.#length);
    this.#header.set(partial.header, this.#headerLength);
    this.#length += partial.bytes.byteLength;
    this.#headerLength += partial.header.byteLength;
    this.#blobCount += partial.blobCount;
  }

  /** The pack, or undefined if nothing was added. */
  finish(): FinishedPack | undefined {
    const pack = this.finishUnnamed();
    // A copy of its own: a slice of Node's pool would be cloned with the whole pool.
    return pack && { ...pack, id: new Uint8Array(hash('sha256', pack.bytes, 'buffer')) };
  }

  /** The pack without its name, which is the SHA-256 of its bytes, and without what was taken. */
  finishUnnamed(): UnnamedPack | undefined {
    if (this.#blobCount === 0) return undefined;
    const header = this.#header.slice(0, this.#headerLength);
    const sealedLength = header.byteLength + sealOverheadBytes;
    const sizeBytes = this.#length + sealedLength + headerLengthSizeBytes;
    this.#grow(sizeBytes);
    this.#cipher.sealInto(this.#bytes.subarray(this.#length), header);
    new DataView(this.#bytes.buffer).setUint32(this.#length + sealedLength, sealedLength, true);
    const bytes = this.#bytes.subarray(0, sizeBytes);
    const pack: UnnamedPack = {
      type: this.type,
      bytes,
      header,
      blobCount: this.#blobCount,
    };
    this.#reset();
    return pack;
  }

  /** The sealed blobs without a header, for `absorb`, and without what was taken; undefined if nothing was added. */
  finishPartial(): PartialPack | undefined {
    if (this.#blobCount === 0) return undefined;
    const partial: PartialPack = {
      type: this.type,
      bytes: this.#bytes.subarray(0, this.#length),
      header: this.#header.slice(0, this.#headerLength),
      blobCount: this.#blobCount,
    };
    this.#reset();
    return partial;
  }

  /** Gives the builder memory to use again; only before the first blob. */
  reuse(buffer: SharedArrayBuffer): void {
    if (this.#blobCount === 0 && buffer.byteLength > this.#bytes.byteLength) this.#bytes = new Uint8Array(buffer);
  }

  #reset(): void {
    this.#bytes = new Uint8Array(new SharedArrayBuffer(0));
    this.#length = 0;
    this.#takenLength = 0;
    this.#headerLength = 0;
    this.#blobCount = 0;
  }

  #reserve(bodyBytes: number, headerBytes: number = compressedEntrySizeBytes): void {
    const sizeBytes = this.sizeBytes + bodyBytes + headerBytes;
    if (!this.hasRoomFor(bodyBytes, headerBytes))
      throw new HoldfastError('internal.limit', {
        message: `A pack would get ${sizeBytes} bytes with ${this.#blobCount + 1} blobs; packs end at ${limits.packMaxSizeBytes} bytes.`,
      });
    const headerLength = this.#headerLength + headerBytes;
    if (headerLength > this.#header.byteLength) {
      const larger = new Uint8Array(Math.max(headerLength, this.#header.byteLength * 2));
      larger.set(this.#header.subarray(0, this.#headerLength));
      this.#header = larger;
    }
    this.#grow(sizeBytes - this.#takenLength);
  }

  #grow(sizeBytes: number): void {
    if (sizeBytes <= this.#bytes.byteLength) return;
    // Room for the target and one large blob, so that the normal pack is allocated once and never moved. What is never
    // written takes no memory.
    const roomy = Math.ceil(this.#targetSizeBytes * 1.25) + limits.sampleAboveBytes;
    const larger = new Uint8Array(new SharedArrayBuffer(Math.max(roomy, Math.ceil(sizeBytes * 1.25))));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
