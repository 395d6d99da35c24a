import { HoldfastError, isHoldfastError } from '@holdfast/core';
import type { BlobToCopy } from '../copy/copy-blobs.ts';
import { isRecord } from '../format/json-record.ts';
import { type ObjectId, shortId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import { BlobOpener } from '../packs/blob-opener.ts';
import { type PackRead, planPackReads } from '../packs/pack-reads.ts';
import type { Repository } from '../repository.ts';
import type { Bitmap } from './bitmap.ts';
import type { BlobIndex } from './blob-index.ts';
import { NumberList } from './number-list.ts';

export interface UsedBlobsOptions {
  readonly repository: Repository;
  readonly index: BlobIndex;
  /** One bit for each entry of the index. What is set already counts as followed: so does everything below it. */
  readonly used: Bitmap;
  readonly onTrees?: ((trees: number) => void) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Marks everything that the roots need. Folders are followed level by level, each level in the order of the packs, so that
 * trees are read in long pieces and opened many at once; memory is four bytes for each tree of a level.
 * @throws repository.damaged when something needed is missing or makes no sense; storage.tampered
 */
export async function markUsed(
  roots: Iterable<{ readonly tree: ObjectId; readonly from: string }>,
  options: UsedBlobsOptions,
): Promise<void> {
  const { repository, index, used, signal } = options;
  const opener = new BlobOpener(repository.masterKey);
  const memory = new Uint8Array(new SharedArrayBuffer(limits.pruneTreeReadBytes));
  let level = new NumberList();
  let trees = 0;
  const mark = (id: unknown, type: 'data' | 'tree', from: string): void => {
    if (typeof id !== 'string' || id.length !== 64)
      throw new HoldfastError('repository.damaged', { message: `${from} refers to something that is no id.` });
    const entry = index.entryOf(id as ObjectId, type);
    if (entry < 0 || !index.isStored(entry)) throw missing(id, type, from);
    if (!used.set(entry)) return;
    if (type === 'tree') level.push(entry);
  };
  for (const { tree, from } of roots) mark(tree, 'tree', from);
  while (level.length > 0) {
    const entries = level.values();
    level = new NumberList();
    for (const read of treeReads(index, entries)) {
      signal.throwIfAborted();
      const { packId, offset, length, blobs } = read;
      const into = length <= memory.byteLength ? memory.subarray(0, length) : undefined;
      const bytes = await repository.target.read({ type: 'data', id: packId }, { offset, length, into, signal });
      const sealed = blobs.map((blob) => ({
        ...blob,
        sealed: bytes.subarray(blob.offset - offset, blob.offset - offset + blob.length),
      }));
      opener.open(sealed, (number, plain) => {
        const tree = blobs[number];
        if (!(plain instanceof Uint8Array)) throw unreadable(tree?.id ?? '', plain);
        follow(plain, `Tree ${tree?.id}`, mark);
      });
      trees += blobs.length;
      options.onTrees?.(trees);
    }
  }
}

/** The reads that bring these trees, pack by pack. */
function* treeReads(index: BlobIndex, entries: Uint32Array): Generator<PackRead<BlobToCopy>> {
  const sorted = entries.sort((a, b) => index.packNumberOf(a) - index.packNumberOf(b));
  for (let from = 0; from < sorted.length; ) {
    const pack = index.packNumberOf(sorted[from] ?? 0);
    let to = from + 1;
    while (to < sorted.length && index.packNumberOf(sorted[to] ?? 0) === pack) to += 1;
    const packId = index.packId(pack);
    const blobs = Array.from(sorted.subarray(from, to), (entry) => ({
      ...index.blobAt(entry),
      ...index.placeOf(entry),
      packId,
    }));
    yield* planPackReads(blobs, { gapBytes: limits.pruneTreeGapBytes, maxBytes: limits.pruneTreeReadBytes });
    from = to;
  }
}

/**
 * What a tree refers to. Names are not looked at, so bytes need not be UTF-8: every byte above 127 stands for itself, and
 * none of them means anything in JSON.
 */
function follow(plain: Buffer, from: string, mark: (id: unknown, type: 'data' | 'tree', from: string) => void): void {
  let tree: unknown;
  try {
    tree = JSON.parse(plain.toString('latin1'));
  } catch (cause) {
    throw new HoldfastError('repository.damaged', { message: `${from} is not JSON.`, cause });
  }
  const nodes = isRecord(tree) ? (tree['nodes'] ?? []) : undefined;
  if (!Array.isArray(nodes))
    throw new HoldfastError('repository.damaged', { message: `${from} has no list of nodes.` });
  for (const node of nodes as unknown[]) {
    if (!isRecord(node))
      throw new HoldfastError('repository.damaged', { message: `${from} has an entry that is none.` });
    const { content, subtree } = node;
    if (subtree !== undefined && subtree !== null) mark(subtree, 'tree', from);
    if (content === undefined || content === null) continue;
    if (!Array.isArray(content))
      throw new HoldfastError('repository.damaged', { message: `${from} has an entry whose content is no list.` });
    for (const id of content as unknown[]) mark(id, 'data', from);
  }
}

const guidance =
  'Nothing was deleted. Run `holdfast check`; `holdfast repair` brings back what is still there. Prune again afterwards.';

function missing(id: string, type: 'data' | 'tree', from: string): HoldfastError {
  return new HoldfastError('repository.damaged', {
    message: `${from} needs ${type === 'tree' ? 'tree' : 'blob'} ${id}, which is not in the index.`,
    guidance,
    context: { blob: id },
  });
}

function unreadable(id: string, error: Error): HoldfastError {
  return new HoldfastError(isHoldfastError(error) ? error.code : 'repository.damaged', {
    message: `Tree ${shortId(id)} is needed and cannot be read: ${error.message}`,
    guidance,
    context: { blob: id },
    cause: error,
  });
}
