import { HoldfastError } from '@holdfast/core';
import { type BlobCipher, sealOverheadBytes } from '../format/blob-cipher.ts';
import {
  headerLengthSizeBytes,
  type PackHeader,
  plainEntrySizeBytes,
  sealedHeaderLength,
  visitHeader,
} from '../format/pack-header.ts';

/** Where the header of a pack of that size may begin at the latest: enough to ask for when nothing else is known. */
const shortestTailBytes = plainEntrySizeBytes + sealOverheadBytes + headerLengthSizeBytes;

/** Reads a part of a pack. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

export interface PackTail {
  readonly header: PackHeader;
  /** Where the blobs end and the sealed header begins. */
  readonly blobsEnd: number;
}

/**
 * Reads and opens the header of a pack without the rest of it, in one read where `guessBytes` is enough, else in two.
 * @throws repository.damaged, storage.tampered
 */
export async function readPackTail(
  cipher: BlobCipher,
  pack: { readonly sizeBytes: number; readonly guessBytes: number },
  read: ReadRange,
): Promise<PackTail> {
  const { sizeBytes } = pack;
  const firstBytes = Math.min(sizeBytes, Math.max(pack.guessBytes, shortestTailBytes));
  let tail = await read(sizeBytes - firstBytes, firstBytes);
  const sealedBytes = sealedHeaderLength(tail, sizeBytes);
  const tailBytes = sealedBytes + headerLengthSizeBytes;
  if (tailBytes > firstBytes) tail = await read(sizeBytes - tailBytes, tailBytes);
  const end = tail.byteLength - headerLengthSizeBytes;
  const header = cipher.open(tail.subarray(end - sealedBytes, end), 'The header of a pack');
  const blobsEnd = sizeBytes - tailBytes;
  if (visitHeader(header, () => {}) !== blobsEnd)
    throw new HoldfastError('repository.damaged', {
      message: 'The header of a pack is malformed: its blobs do not fill the pack.',
    });
  return { header, blobsEnd };
}
