import { HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';
import type { BlobPlace, BlobType, PackedBlob } from './blob.ts';
import { type BlobCipher, sealOverheadBytes } from './blob-cipher.ts';
import { idSizeBytes, objectIdOf } from './object-id.ts';

/**
 * The header of a pack, opened: one entry after the other, in the order of the blobs. The smallest form of "what is
 * in this pack", so it is what threads exchange and what goes into the index. Entries, little endian:
 * type 0 or 1, length, id (37 bytes), or, compressed, type 2 or 3, length, uncompressed length, id (41 bytes).
 */
export type PackHeader = Uint8Array;

export const plainEntrySizeBytes = 1 + 4 + idSizeBytes;
export const compressedEntrySizeBytes = plainEntrySizeBytes + 4;
/** After the sealed header stands its length. */
export const headerLengthSizeBytes = 4;
/** The shortest file that can be a pack: one entry. */
const packMinSizeBytes = plainEntrySizeBytes + sealOverheadBytes + headerLengthSizeBytes;

/** Writes one entry and gives its size. `at` must have 41 bytes left after it. */
export function writeHeaderEntry(
  header: Uint8Array,
  at: number,
  blob: { type: BlobType; id: Uint8Array; length: number; uncompressedLength: number },
): number {
  const compressed = blob.uncompressedLength !== 0;
  header[at] = (blob.type === 'tree' ? 1 : 0) + (compressed ? 2 : 0);
  writeUint32(header, at + 1, blob.length);
  if (compressed) writeUint32(header, at + 5, blob.uncompressedLength);
  header.set(blob.id, at + (compressed ? 9 : 5));
  return compressed ? compressedEntrySizeBytes : plainEntrySizeBytes;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  );
}

/** Receives one entry; `id` is a view of the header. */
export type HeaderVisitor = (type: BlobType, id: Uint8Array, place: BlobPlace) => void;

/**
 * Goes through a header without making an object per id. Gives where the last blob ends.
 * @throws repository.damaged when it is malformed.
 */
export function visitHeader(header: PackHeader, visit: HeaderVisitor): number {
  let at = 0;
  let offset = 0;
  while (at < header.byteLength) {
    const kind = header[at] ?? 0;
    const compressed = kind >= 2;
    const sizeBytes = compressed ? compressedEntrySizeBytes : plainEntrySizeBytes;
    if (kind > 3) throw malformed(`unknown blob type ${kind}`);
    if (at + sizeBytes > header.byteLength) throw malformed('it ends within an entry');
    const length = readUint32(header, at + 1);
    const uncompressedLength = compressed ? readUint32(header, at + 5) : 0;
    if (length < sealOverheadBytes) throw malformed('a blob is shorter than its sealing');
    if (compressed && uncompressedLength === 0) throw malformed('a compressed blob is empty');
    const idAt = at + sizeBytes - idSizeBytes;
    visit((kind & 1) === 1 ? 'tree' : 'data', header.subarray(idAt, idAt + idSizeBytes), {
      offset,
      length,
      uncompressedLength,
    });
    offset += length;
    at += sizeBytes;
  }
  return offset;
}

/** The entries as objects. @throws repository.damaged */
export function decodeHeader(header: PackHeader): PackedBlob[] {
  const blobs: PackedBlob[] = [];
  visitHeader(header, (type, id, place) => blobs.push({ type, id: objectIdOf(id), ...place }));
  return blobs;
}

/** The header that a pack of these blobs, in this order and without gaps, has. */
export function encodeHeader(
  blobs: readonly { type: BlobType; id: Uint8Array; length: number; uncompressedLength: number }[],
): PackHeader {
  const header = new Uint8Array(blobs.length * compressedEntrySizeBytes);
  let at = 0;
  for (const blob of blobs) at += writeHeaderEntry(header, at, blob);
  return header.subarray(0, at);
}

/**
 * The length of the sealed header, from the last four bytes of a pack.
 * @throws repository.damaged when a pack of that size cannot have such a header.
 */
export function sealedHeaderLength(tail: Uint8Array, packSizeBytes: number): number {
  if (tail.byteLength < headerLengthSizeBytes || packSizeBytes < packMinSizeBytes)
    throw malformed('the pack is too short');
  const length = readUint32(tail, tail.byteLength - headerLengthSizeBytes);
  if (length < sealOverheadBytes + plainEntrySizeBytes) throw malformed('its length field is too small');
  if (length > packSizeBytes - headerLengthSizeBytes) throw malformed('its length field exceeds the pack');
  if (length > limits.packHeaderMaxSizeBytes) throw malformed('its length field exceeds 16 MiB');
  return length;
}

/**
 * Opens the header of a whole pack and checks that its blobs fill the pack exactly.
 * @throws repository.damaged, storage.tampered
 */
export function openPackHeader(cipher: BlobCipher, pack: Uint8Array): PackHeader {
  const length = sealedHeaderLength(pack, pack.byteLength);
  const end = pack.byteLength - headerLengthSizeBytes;
  const header = cipher.open(pack.subarray(end - length, end), 'The header of a pack');
  if (visitHeader(header, () => {}) !== end - length) throw malformed('its blobs do not fill the pack');
  return header;
}

function malformed(detail: string): HoldfastError {
  return new HoldfastError('repository.damaged', { message: `The header of a pack is malformed: ${detail}.` });
}
