import { HoldfastError } from '@holdfast/core';
import { impliedPack, type PackForIndex } from '../blob-index/indexed-packs.ts';
import { isDamage } from '../damage.ts';
import { openBlob, type PackedBlob, plainLength } from '../format/blob.ts';
import { idBytes, type ObjectId, shortId } from '../format/object-id.ts';
import { decodeHeader } from '../format/pack-header.ts';
import { limits } from '../limits.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import { readPackTail } from '../packs/pack-tail.ts';
import type { Repository } from '../repository.ts';

export interface RepairPacksOptions {
  /** Is given each pack as it is before anything is changed, and must have kept it when it resolves. */
  readonly keepCopy?: ((id: ObjectId, bytes: Uint8Array) => Promise<void>) | undefined;
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LostBlob {
  readonly packId: ObjectId;
  readonly id: ObjectId;
  readonly type: PackedBlob['type'];
  /** Plain bytes. */
  readonly sizeBytes: number;
  readonly message: string;
  /** Another pack has it, too, by the index, so nothing is lost if that one is whole. */
  readonly elsewhere: boolean;
}

export interface RepairedPacks {
  readonly savedBlobs: number;
  readonly savedBytes: number;
  /** At most 10,000; `lostCount` counts all. */
  readonly lost: readonly LostBlob[];
  readonly lostCount: number;
  /** Packs of which neither header nor index tells what was in them. They stay where they are. */
  readonly unknownPacks: readonly ObjectId[];
  readonly removedPacks: readonly ObjectId[];
  readonly writtenPacks: readonly ObjectId[];
}

/**
 * Saves every blob that is whole from damaged packs, then removes these packs from the index and from the storage. The order:
 * new packs, index files that name them, index files without the damaged packs, and only then old index files and packs go.
 * Hold the exclusive lock.
 * @throws request.missing when neither the storage nor the index knows a pack, before anything is changed
 */
export async function repairPacks(
  repository: Repository,
  ids: readonly ObjectId[],
  options: RepairPacksOptions = {},
): Promise<RepairedPacks> {
  repository.requireWritable();
  const { signal, keepCopy, onProgress } = options;
  const listed = await readListed(repository, new Set(ids), signal);
  const present = new Map<ObjectId, number>();
  for (const id of new Set(ids)) {
    const info = await repository.target.stat({ type: 'data', id }, { signal });
    if (info !== undefined) present.set(id, info.sizeBytes);
    else if (!listed.packs.has(id))
      throw new HoldfastError('request.missing', {
        message: `There is no pack ${id}, and no index file names one.`,
        guidance: 'Nothing was changed. `holdfast check --read-data` names the damaged packs.',
      });
  }
  const result = { savedBlobs: 0, savedBytes: 0, lostCount: 0, lost: [] as LostBlob[], unknown: [] as ObjectId[] };
  const lose = (blob: LostBlob): void => {
    result.lostCount += 1;
    if (result.lost.length < limits.checkMaxProblems) result.lost.push(blob);
  };
  await using writer = new BlobWriter({ repository, signal });
  const saved = new Set<string>();
  let done = 0;
  for (const id of new Set(ids)) {
    const bytes = present.has(id) ? await repository.target.read({ type: 'data', id }, { signal }) : new Uint8Array(0);
    if (present.has(id)) await keepCopy?.(id, bytes);
    const blobs = await blobsOf(repository, bytes, listed.packs.get(id) ?? []);
    if (blobs.length === 0) result.unknown.push(id);
    for (const blob of blobs) {
      const key = `${blob.type} ${blob.id}`;
      if (saved.has(key)) continue;
      const sealed = bytes.subarray(blob.offset, blob.offset + blob.length);
      const message = present.has(id) ? problemOf(repository, sealed, blob) : 'Its pack is missing.';
      if (message !== undefined) {
        const elsewhere = listed.elsewhere.has(key);
        lose({ packId: id, id: blob.id, type: blob.type, sizeBytes: plainLength(blob), message, elsewhere });
        continue;
      }
      saved.add(key);
      await writer.addSealed(blob, sealed);
      result.savedBlobs += 1;
      result.savedBytes += blob.length;
    }
    done += 1;
    onProgress?.({ done, total: ids.length });
  }
  const written = await writer.settle();
  const unknown = new Set(result.unknown);
  const removedPacks = [...present.keys()].filter((id) => !unknown.has(id));
  const indexes = await repository.saveIndex(listed.others, { signal });
  for (const id of listed.indexes) if (!indexes.includes(id)) await repository.delete('index', id, { signal });
  for (const id of removedPacks) await repository.delete('data', id, { signal });
  return {
    savedBlobs: result.savedBlobs,
    savedBytes: result.savedBytes,
    // A second copy among the damaged packs may have been whole.
    lost: result.lost.filter(({ type, id }) => !saved.has(`${type} ${id}`)),
    lostCount: result.lostCount - result.lost.filter(({ type, id }) => saved.has(`${type} ${id}`)).length,
    unknownPacks: result.unknown,
    removedPacks,
    writtenPacks: written.packs,
  };
}

/** Undefined for a blob that is whole. */
function problemOf(repository: Repository, sealed: Uint8Array, blob: PackedBlob): string | undefined {
  try {
    openBlob(repository.cipher, sealed, blob);
    return undefined;
  } catch (error) {
    if (!isDamage(error)) throw error;
    return error.message;
  }
}

interface Listed {
  /** What index files say about the damaged packs. */
  readonly packs: ReadonlyMap<ObjectId, readonly PackedBlob[]>;
  /** Blobs of those packs that other packs have, too. */
  readonly elsewhere: ReadonlySet<string>;
  /** Index files that name damaged packs, and the other packs in them. */
  readonly indexes: readonly ObjectId[];
  readonly others: readonly PackForIndex[];
}

/** @throws repository.damaged when an index file is not right: it has to be repaired first */
async function readListed(
  repository: Repository,
  damaged: ReadonlySet<ObjectId>,
  signal: AbortSignal | undefined,
): Promise<Listed> {
  const packs = new Map<ObjectId, readonly PackedBlob[]>();
  const wanted = new Set<string>();
  const elsewhere = new Set<string>();
  const indexes: ObjectId[] = [];
  const others: PackForIndex[] = [];
  const infos = await repository.list('index', { signal });
  // Twice, rather than keeping every blob of the repository: first the damaged packs, then who else has their blobs.
  for await (const file of repository.readIndexFiles(infos, { signal })) {
    if ('problem' in file) throw indexFirst(file.problem.message, file.problem);
    if (!file.packs.some(({ id }) => damaged.has(id))) continue;
    indexes.push(file.id);
    for (const pack of file.packs) {
      const { blobs, header, contiguous } = impliedPack(pack);
      if (damaged.has(pack.id)) {
        packs.set(pack.id, [...(packs.get(pack.id) ?? []), ...blobs]);
        for (const { type, id } of blobs) wanted.add(`${type} ${id}`);
      } else if (contiguous) others.push({ id: idBytes(pack.id), header, blobCount: blobs.length });
      else throw indexFirst(`Index ${shortId(file.id)} lists the blobs of pack ${shortId(pack.id)} with gaps.`);
    }
  }
  for await (const file of repository.readIndexFiles(wanted.size === 0 ? [] : infos, { signal })) {
    if ('problem' in file) continue;
    for (const pack of file.packs) {
      if (damaged.has(pack.id)) continue;
      for (const { type, id } of pack.blobs) if (wanted.has(`${type} ${id}`)) elsewhere.add(`${type} ${id}`);
    }
  }
  return { packs, elsewhere, indexes, others };
}

function indexFirst(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('repository.damaged', {
    message,
    guidance: 'Nothing was changed. Run `holdfast repair index` first.',
    cause,
  });
}

/** By its own header and by the index: one of the two may be what is damaged. */
async function blobsOf(
  repository: Repository,
  bytes: Uint8Array,
  listed: readonly PackedBlob[],
): Promise<readonly PackedBlob[]> {
  const blobs = new Map(listed.map((blob) => [`${blob.type} ${blob.id} ${blob.offset}`, blob]));
  try {
    const pack = { sizeBytes: bytes.byteLength, guessBytes: 0 };
    const { header } = await readPackTail(repository.cipher, pack, async (offset, length) =>
      bytes.subarray(offset, offset + length),
    );
    for (const blob of decodeHeader(header)) blobs.set(`${blob.type} ${blob.id} ${blob.offset}`, blob);
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  return [...blobs.values()].sort((a, b) => a.offset - b.offset);
}
