import { HoldfastError } from '@holdfast/core';
import { type ObjectId, shortId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import type { PruneIndex } from '../prune/prune-index.ts';
import type { Repository } from '../repository.ts';
import { Bitmap } from './bitmap.ts';
import { impliedPack, type PackForIndex } from './indexed-packs.ts';

type KnownFile = ReturnType<PruneIndex['files']> extends Generator<infer File> ? File : never;

/** The index files that must be written anew without some packs, and small ones that are merged while at it. */
export function obsoleteIndexes(index: PruneIndex, isDropped: (pack: number) => boolean): KnownFile[] {
  const obsolete: KnownFile[] = [];
  const small: KnownFile[] = [];
  for (const file of index.files()) {
    if (file.packs.some(isDropped) || file.packs.length === 0) obsolete.push(file);
    else if (file.blobs < limits.pruneSmallIndexBlobs) small.push(file);
  }
  return small.length >= limits.pruneSmallIndexes ? [...obsolete, ...small] : obsolete;
}

/**
 * Writes what obsolete index files list, but for dropped packs, into new ones, each pack once; durable when it resolves. The
 * obsolete files are read again rather than remembered: they are much larger than the index in memory.
 */
export async function rewriteIndexes(
  repository: Repository,
  index: PruneIndex,
  o: {
    readonly obsolete: readonly KnownFile[];
    readonly isDropped: (pack: number) => boolean;
    readonly signal: AbortSignal;
  },
): Promise<ObjectId[]> {
  const { signal } = o;
  const obsolete = new Set(o.obsolete.map(({ id }) => id));
  const listed = new Bitmap(index.blobs.packCount);
  for (const file of index.files()) if (!obsolete.has(file.id)) for (const pack of file.packs) listed.set(pack);
  const written: ObjectId[] = [];
  let group: PackForIndex[] = [];
  let blobs = 0;
  const flush = async (): Promise<void> => {
    written.push(...(await repository.saveIndex(group, { signal })));
    group = [];
    blobs = 0;
  };
  for await (const file of repository.readIndexFiles(o.obsolete, { signal })) {
    if ('problem' in file) throw file.problem;
    for (const pack of file.packs) {
      const number = index.blobs.packNumber(pack.id);
      if (number === undefined || o.isDropped(number) || !listed.set(number)) continue;
      const { header, contiguous } = impliedPack(pack);
      if (!contiguous)
        throw new HoldfastError('repository.damaged', {
          message: `Index ${shortId(file.id)} lists the blobs of pack ${shortId(pack.id)} with gaps.`,
          guidance: 'Nothing was deleted. Run `holdfast repair index`, and prune again.',
        });
      if (blobs + pack.blobs.length > limits.indexMaxBlobs) await flush();
      group.push({ id: Buffer.from(pack.id, 'hex'), header, blobCount: pack.blobs.length });
      blobs += pack.blobs.length;
    }
  }
  await flush();
  return written;
}
