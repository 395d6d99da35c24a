import { hash } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { zstdContext } from '@holdfast/native';
import { limits } from '../limits.ts';
import { type BlobCipher, sealOverheadBytes } from './blob-cipher.ts';
import { unzstd } from './compression.ts';
import { type ObjectId, objectIdOf, shortId } from './object-id.ts';

/** Data of files, or trees. The two never share a pack. */
export type BlobType = 'data' | 'tree';

/** Where a blob lies inside its pack. */
export interface BlobPlace {
  readonly offset: number;
  /** Sealed length. */
  readonly length: number;
  /** 0 when the blob is not compressed. */
  readonly uncompressedLength: number;
}

/** A blob as the header of its pack, or an index file, lists it. */
export interface PackedBlob extends BlobPlace {
  readonly type: BlobType;
  readonly id: ObjectId;
}

/** A blob and the pack that holds it. */
export interface BlobLocation extends BlobPlace {
  readonly packId: ObjectId;
}

/** The id of plain bytes. */
export function blobId(plain: Uint8Array): Buffer {
  return hash('sha256', plain, 'buffer');
}

/** Length of the plain bytes of a blob. */
export function plainLength(place: BlobPlace): number {
  return place.uncompressedLength === 0 ? place.length - sealOverheadBytes : place.uncompressedLength;
}

/** The content of a zstd frame of exactly that size, or undefined if it is not that. */
export type Decompress = (packed: Uint8Array, plainSizeBytes: number) => Buffer | undefined;

/**
 * Opens and decompresses one blob. Its authentication proves that a holder of the key made it, not that it is what its
 * id says: the caller must compare the hash, for instance of several blobs side by side, or use `openBlob`.
 * @throws storage.tampered when anything but the hash is wrong.
 */
export function unsealBlob(
  cipher: BlobCipher,
  sealed: Uint8Array,
  blob: { id: ObjectId } & BlobPlace,
  decompress?: Decompress,
): Buffer {
  const what = `Blob ${shortId(blob.id)}`;
  const packed = cipher.open(sealed, what);
  if (blob.uncompressedLength === 0) return packed;
  if (blob.uncompressedLength > limits.blobMaxPlainSizeBytes)
    throw new HoldfastError('internal.limit', {
      message: `${what} claims to have ${blob.uncompressedLength} bytes, more than the limit of ${limits.blobMaxPlainSizeBytes}.`,
    });
  const plain =
    decompress?.(packed, blob.uncompressedLength) ??
    unzstd(packed, { maxSizeBytes: blob.uncompressedLength, expectedBytes: blob.uncompressedLength, what });
  if (plain.byteLength !== plainLength(blob)) throw wrongBlob(blob.id);
  return plain;
}

/** The error for a blob whose hash is not its id. */
export function wrongBlob(id: ObjectId): HoldfastError {
  return new HoldfastError('storage.tampered', {
    message: `Blob ${shortId(id)} is not what its name says, though it was sealed with the right key.`,
    context: { blob: id },
  });
}

/**
 * Opens, decompresses and verifies one blob. Needs only the key, so it runs in any thread.
 * @throws storage.tampered when anything about it is wrong.
 */
export function openBlob(cipher: BlobCipher, sealed: Uint8Array, blob: { id: ObjectId } & BlobPlace): Buffer {
  const zstd = zstdContext();
  const plain = unsealBlob(cipher, sealed, blob, zstd && ((packed, size) => zstd.decompress(packed, size)));
  if (objectIdOf(blobId(plain)) !== blob.id) throw wrongBlob(blob.id);
  return plain;
}
