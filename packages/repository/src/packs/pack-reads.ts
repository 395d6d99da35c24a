import type { BlobPlace } from '../format/blob.ts';
import type { ObjectId } from '../format/object-id.ts';
import { limits } from '../limits.ts';

/** A blob to read: where it is, and whatever the caller wants to know again when it has been read. */
export interface BlobToRead extends BlobPlace {
  readonly packId: ObjectId;
}

/** One ranged read, and the blobs it brings in the order of their offsets. A blob's bytes start at `offset - read.offset`. */
export interface PackRead<Blob extends BlobToRead> {
  readonly packId: ObjectId;
  readonly offset: number;
  readonly length: number;
  readonly blobs: readonly Blob[];
}

export interface PackReadOptions {
  /** Unwanted bytes up to this many are read rather than skipped by a second request. */
  readonly gapBytes?: number;
  /** The longest read; a larger blob still is one read. */
  readonly maxBytes?: number;
}

/** Groups blobs by pack and joins neighbours, so that a restore makes few requests. Packs in the order of first need. */
export function planPackReads<Blob extends BlobToRead>(
  blobs: Iterable<Blob>,
  options: PackReadOptions = {},
): PackRead<Blob>[] {
  const gapBytes = options.gapBytes ?? limits.readGapBytes;
  const maxBytes = options.maxBytes ?? limits.readMaxBytes;
  const reads: PackRead<Blob>[] = [];
  for (const [packId, wanted] of Map.groupBy(blobs, (blob) => blob.packId)) {
    wanted.sort((a, b) => a.offset - b.offset);
    let start = 0;
    let end = 0;
    let group: Blob[] = [];
    for (const blob of wanted) {
      const blobEnd = blob.offset + blob.length;
      if (group.length > 0 && (blob.offset > end + gapBytes || Math.max(end, blobEnd) - start > maxBytes)) {
        reads.push({ packId, offset: start, length: end - start, blobs: group });
        group = [];
      }
      if (group.length === 0) {
        start = blob.offset;
        end = blobEnd;
      }
      end = Math.max(end, blobEnd);
      group.push(blob);
    }
    if (group.length > 0) reads.push({ packId, offset: start, length: end - start, blobs: group });
  }
  return reads;
}
