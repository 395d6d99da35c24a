import { toHoldfastError } from '@holdfast/core';
import { zstdContext } from '@holdfast/native';
import type { ObjectInfo, Target } from '@holdfast/storage';
import { isDamage } from '../damage.ts';
import type { BlobCipher } from '../format/blob-cipher.ts';
import { type ObjectId, parseObjectId, shortId } from '../format/object-id.ts';
import { decodeFile, refuseLarge } from '../format/unpacked-file.ts';
import { limits } from '../limits.ts';
import type { FileProblem } from '../repository.ts';
import { IndexListing } from './index-listing.ts';

/** `listing` is valid until the next file is asked for. */
export interface ListedFile {
  readonly id: ObjectId;
  readonly listing: IndexListing;
}

/** Reads index files in the order of the list, several ahead, in memory that is used again and again. */
export async function* readListings(
  context: { readonly target: Target; readonly cipher: BlobCipher },
  infos: readonly ObjectInfo[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ListedFile | FileProblem> {
  const { target, cipher } = context;
  const listing = new IndexListing();
  const decompress = reusedDecompress();
  const ahead = Math.min(limits.parallelFileReads, target.capabilities.maxParallelRequests, infos.length);
  const memory = Array.from({ length: ahead }, () => new Uint8Array(0));
  // Never rejects: a rejection of what is read ahead would go unheard when the caller stops early.
  const read = async (info: ObjectInfo, place: number): Promise<Uint8Array | { readonly failure: unknown }> => {
    try {
      refuseLarge(info, limits.indexMaxSizeBytes, `Index ${shortId(info.id)}`);
      let into = memory[place % ahead] ?? new Uint8Array(0);
      if (into.byteLength < info.sizeBytes) memory[place % ahead] = into = new Uint8Array(info.sizeBytes);
      return await target.read({ type: 'index', id: info.id }, { into, signal });
    } catch (failure) {
      return { failure };
    }
  };
  const running: ReturnType<typeof read>[] = [];
  let started = 0;
  for (const [number, info] of infos.entries()) {
    // The memory of a file that was listed is free for the one that comes `ahead` files later.
    for (; started < Math.min(infos.length, number + ahead); started += 1) {
      const next = infos[started];
      if (next !== undefined) running.push(read(next, started));
    }
    const id = parseObjectId(info.id, 'The list of objects of type index');
    const what = `Index ${shortId(id)}`;
    try {
      const bytes = await running.shift();
      if (bytes === undefined) return;
      if ('failure' in bytes) throw bytes.failure;
      listing.read(decodeFile(cipher, bytes, { id, what, decompress }), what);
    } catch (error) {
      if (!isDamage(error)) throw toHoldfastError(error);
      yield { id, problem: error };
      continue;
    }
    yield { id, listing };
  }
}

/** What it gives is valid until the next call. */
function reusedDecompress(): (packed: Uint8Array, plainSizeBytes: number) => Buffer | undefined {
  const zstd = zstdContext();
  let memory = Buffer.alloc(0);
  return (packed, plainSizeBytes) => {
    if (memory.byteLength < plainSizeBytes) memory = Buffer.allocUnsafeSlow(plainSizeBytes);
    const plain = memory.subarray(0, plainSizeBytes);
    return zstd?.decompressInto(packed, plain) ? plain : undefined;
  };
}
