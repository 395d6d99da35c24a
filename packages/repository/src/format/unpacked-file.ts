import { hash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';
import type { Decompress } from './blob.ts';
import type { BlobCipher } from './blob-cipher.ts';
import { unzstd, zstd, zstdContentSize } from './compression.ts';
import { type ObjectId, objectIdOf } from './object-id.ts';

/** Version 2 marks compressed files by this first byte; `{` and `[` mean plain JSON, as all of version 1. */
const compressedMarker = 2;

/** An index is mostly ids, in which there is nothing to find: level 3 takes twice as long and gives 12 % more bytes (measured). */
const compressionLevel = 1;

export interface EncodedFile {
  /** SHA-256 of `bytes`: its name. */
  readonly id: ObjectId;
  readonly bytes: Buffer;
}

/**
 * Seals an index, snapshot or lock file. What is tiny, as locks are, stays as it is: zstd gains nothing on it, and
 * version 1 repositories, where locks are all that is written, know no compression.
 */
export function encodeFile(cipher: BlobCipher, plain: Uint8Array): EncodedFile {
  if (plain.byteLength <= limits.neverCompressedBytes) return named(cipher.seal(plain));
  return named(cipher.seal(Buffer.concat([Buffer.of(compressedMarker), zstd(plain, compressionLevel)])));
}

function named(bytes: Buffer): EncodedFile {
  return { id: objectIdOf(hash('sha256', bytes, 'buffer')), bytes };
}

/**
 * Opens an index, snapshot or lock file. `id` is its name, which must be its hash. For readers of many large ones:
 * `digest` is their SHA-256 if it was computed before, and what `decompress` cannot do is done without it.
 * @throws storage.tampered, repository.damaged
 */
export function decodeFile(
  cipher: BlobCipher,
  bytes: Uint8Array,
  options: { id: ObjectId; what: string; digest?: Uint8Array; decompress?: Decompress },
): Buffer {
  requireHash(bytes, options);
  const plain = cipher.open(bytes, options.what);
  const marker = plain[0];
  if (marker === 0x7b || marker === 0x5b) return plain;
  if (marker === compressedMarker) {
    const packed = plain.subarray(1);
    const maxSizeBytes = maxPlainSizeBytes(plain.byteLength);
    const sizeBytes = zstdContentSize(packed);
    const decompressed =
      sizeBytes !== undefined && sizeBytes <= maxSizeBytes ? options.decompress?.(packed, sizeBytes) : undefined;
    return decompressed ?? unzstd(packed, { maxSizeBytes, what: options.what });
  }
  throw new HoldfastError('repository.damaged', { message: `${options.what} is neither JSON nor compressed.` });
}

/** A few bytes of zstd can claim to be gigabytes; what programs write is hardly ever smaller than a twentieth of itself. */
function maxPlainSizeBytes(packedBytes: number): number {
  return Math.min(
    limits.unpackedMaxPlainSizeBytes,
    limits.unpackedAlwaysPlainSizeBytes + limits.unpackedMaxRatio * packedBytes,
  );
}

/** @throws storage.tampered when the bytes are not what the name says. */
export function requireHash(bytes: Uint8Array, options: { id: ObjectId; what: string; digest?: Uint8Array }): void {
  if (objectIdOf(options.digest ?? hash('sha256', bytes, 'buffer')) !== options.id)
    throw new HoldfastError('storage.tampered', {
      message: `${options.what} is not what its name says: it was damaged or changed.`,
      context: { object: options.id },
    });
}

/** @throws internal.limit for a file that no honest program can have made. */
export function refuseLarge(info: { readonly sizeBytes: number }, maxSizeBytes: number, what: string): void {
  if (info.sizeBytes > maxSizeBytes)
    throw new HoldfastError('internal.limit', {
      message: `${what} has ${info.sizeBytes} bytes; at most ${maxSizeBytes} can be right.`,
    });
}
