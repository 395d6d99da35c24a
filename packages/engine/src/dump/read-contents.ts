import { HoldfastError, Semaphore } from '@holdfast/core';
import {
  type BlobLocation,
  type Node,
  type ObjectId,
  openBlob,
  plainLength,
  planPackReads,
  type Repository,
  shortId,
} from '@holdfast/repository';
import { dumpLimits } from './dump-limits.ts';

export interface DumpEntry {
  /** As it stands in an archive: without a slash in front. */
  readonly path: Buffer;
  readonly node: Node;
}

/** An entry, and then, for a file, exactly `sizeBytes` of data. */
export type ContentPiece =
  | { readonly kind: 'entry'; readonly entry: DumpEntry; readonly sizeBytes: number }
  | { readonly kind: 'data'; readonly bytes: Buffer };

interface WantedBlob extends BlobLocation {
  readonly id: ObjectId;
}

type PlannedPiece = Extract<ContentPiece, { kind: 'entry' }> | { readonly kind: 'blob'; readonly blob: WantedBlob };

/**
 * Entries in their order with their data, read ahead of whoever takes them: several reads at once, small files that are
 * neighbours in a pack by one, and never more than a few batches in memory.
 * @throws repository.damaged when a blob is missing, storage.tampered
 */
export async function* readContents(
  repository: Repository,
  entries: AsyncIterable<DumpEntry> | Iterable<DumpEntry>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<ContentPiece> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const reads = new Semaphore(Math.min(dumpLimits.parallelReads, repository.target.capabilities.maxParallelRequests));
  const batches = planBatches(repository, entries);
  const running: { readonly pieces: readonly PlannedPiece[]; readonly plain: Promise<Map<ObjectId, Buffer>> }[] = [];
  try {
    for (let over = false; ; ) {
      while (!over && running.length < dumpLimits.batchesInFlight) {
        const next = await batches.next();
        if (next.done) {
          over = true;
          break;
        }
        const plain = load(repository, next.value, { reads, signal });
        // A batch that fails is heard of when its turn comes.
        plain.then(undefined, () => undefined);
        running.push({ pieces: next.value, plain });
      }
      const batch = running.shift();
      if (batch === undefined) return;
      const plain = await batch.plain;
      for (const piece of batch.pieces) {
        options.signal?.throwIfAborted();
        if (piece.kind === 'entry') yield piece;
        else yield { kind: 'data', bytes: plain.get(piece.blob.id) ?? Buffer.alloc(0) };
      }
    }
  } finally {
    // Whoever stops early wants no more reads.
    ended.abort();
  }
}

/** Cuts the stream of entries and blobs into batches of bounded size; a large file is spread over many. */
async function* planBatches(
  repository: Repository,
  entries: AsyncIterable<DumpEntry> | Iterable<DumpEntry>,
): AsyncGenerator<readonly PlannedPiece[]> {
  let pieces: PlannedPiece[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    const blobs = (entry.node.type === 'file' ? (entry.node.content ?? []) : []).map((id) => locate(repository, id));
    pieces.push({ kind: 'entry', entry, sizeBytes: blobs.reduce((sum, blob) => sum + plainLength(blob), 0) });
    for (const blob of blobs) {
      pieces.push({ kind: 'blob', blob });
      bytes += plainLength(blob);
      if (bytes < dumpLimits.batchBytes && pieces.length < dumpLimits.batchPieces) continue;
      yield pieces;
      pieces = [];
      bytes = 0;
    }
    if (pieces.length < dumpLimits.batchPieces) continue;
    yield pieces;
    pieces = [];
    bytes = 0;
  }
  if (pieces.length > 0) yield pieces;
}

function locate(repository: Repository, id: ObjectId): WantedBlob {
  const location = repository.index.lookup(id, 'data');
  if (location !== undefined) return { id, ...location };
  throw new HoldfastError('repository.damaged', {
    message: `Blob ${shortId(id)} is not in the index of the repository.`,
    context: { blob: id },
  });
}

async function load(
  repository: Repository,
  pieces: readonly PlannedPiece[],
  o: { readonly reads: Semaphore; readonly signal: AbortSignal },
): Promise<Map<ObjectId, Buffer>> {
  const wanted = new Map<ObjectId, WantedBlob>();
  for (const piece of pieces) if (piece.kind === 'blob') wanted.set(piece.blob.id, piece.blob);
  const plain = new Map<ObjectId, Buffer>();
  const reads = planPackReads(wanted.values(), { gapBytes: dumpLimits.gapBytes, maxBytes: dumpLimits.batchBytes });
  await Promise.all(
    reads.map(async ({ packId, offset, length, blobs }) => {
      using _permit = await o.reads.acquire(o.signal);
      const sealed = await repository.target.read({ type: 'data', id: packId }, { offset, length, signal: o.signal });
      for (const blob of blobs) {
        const at = blob.offset - offset;
        plain.set(blob.id, openBlob(repository.cipher, sealed.subarray(at, at + blob.length), blob));
      }
    }),
  );
  return plain;
}
