import { HoldfastError } from '@holdfast/core';
import type { BlobIndex } from '../blob-index/blob-index.ts';
import type { BlobType } from '../format/blob.ts';
import type { ObjectId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import { type BlobToRead, type PackRead, planPackReads } from '../packs/pack-reads.ts';

/** A blob of the source and its place there. */
export interface BlobToCopy extends BlobToRead {
  readonly id: ObjectId;
  readonly type: BlobType;
}

/** The reads that bring the blobs of these entries of an index, pack by pack, so that only one pack's blobs are in memory. */
export function* readsOf(index: BlobIndex, entries: Uint32Array): Generator<PackRead<BlobToCopy>> {
  const sorted = entries.toSorted((a, b) => index.packNumberOf(a) - index.packNumberOf(b));
  for (let from = 0; from < sorted.length; ) {
    const pack = index.packNumberOf(sorted[from] ?? 0);
    let to = from + 1;
    while (to < sorted.length && index.packNumberOf(sorted[to] ?? 0) === pack) to += 1;
    const blobs = Array.from(sorted.subarray(from, to), (entry): BlobToCopy => {
      const place = index.location(entry);
      if (place === undefined)
        throw new HoldfastError('internal.unexpected', { message: 'A blob to copy has no place in its repository.' });
      return { ...index.blobAt(entry), ...place };
    });
    yield* planPackReads(blobs, { maxBytes: limits.copyReadMaxBytes });
    from = to;
  }
}
