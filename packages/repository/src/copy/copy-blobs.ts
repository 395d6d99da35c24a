import { HoldfastError } from '@holdfast/core';
import type { BlobIndex } from '../blob-index/blob-index.ts';
import type { BlobType } from '../format/blob.ts';
import type { ObjectId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import type { BlobWriter } from '../packs/blob-writer.ts';
import { type BlobToRead, type PackRead, planPackReads } from '../packs/pack-reads.ts';
import type { Repository } from '../repository.ts';
import type { CopyPool } from './copy-pool.ts';

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

/**
 * Reads blobs from one repository and adds them to the writer of another, several reads at once; each blob is verified and
 * sealed again in a thread. Resolves when all are added, not yet durable. `onCopied` is told of every read that is done.
 */
export async function copyBlobs(
  reads: Iterable<PackRead<BlobToCopy>>,
  o: {
    readonly source: Repository;
    readonly pool: CopyPool;
    readonly writer: BlobWriter;
    readonly onCopied: (read: PackRead<BlobToCopy>) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([o.signal, failed.signal]);
  const waiting = reads[Symbol.iterator]();
  const reader = async (): Promise<void> => {
    // Used again for every read: what threads share would wait long for the garbage collector.
    let into = new Uint8Array(new SharedArrayBuffer(limits.copyReadMaxBytes));
    let memory = new SharedArrayBuffer(limits.copyReadMaxBytes);
    for (let next = waiting.next(); !next.done; next = waiting.next()) {
      signal.throwIfAborted();
      const { packId, offset, length, blobs } = next.value;
      if (length > into.byteLength) into = new Uint8Array(new SharedArrayBuffer(length));
      const bytes = await o.source.target.read({ type: 'data', id: packId }, { offset, length, into, signal });
      // Packs hold one type each, but for those of very old programs.
      for (const [type, ofType] of Map.groupBy(blobs, (blob) => blob.type)) {
        const partial = await o.pool.seal({ type, bytes, offset, blobs: ofType, memory }, signal);
        await o.writer.addPartial(partial);
        memory = partial.bytes.buffer;
      }
      o.onCopied(next.value);
    }
  };
  const readers = Math.min(o.source.target.capabilities.maxParallelRequests, limits.parallelCopyReads);
  try {
    await Promise.all(Array.from({ length: readers }, reader));
  } catch (error) {
    // One reader's failure ends the others.
    failed.abort(error);
    throw error;
  }
}
