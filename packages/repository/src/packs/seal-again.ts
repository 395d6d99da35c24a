import { randomInt } from 'node:crypto';
import { HoldfastError } from '@holdfast/core';
import { zstdContext } from '@holdfast/native';
import { type BlobPlace, type BlobType, blobId, unsealBlob, wrongBlob } from '../format/blob.ts';
import type { BlobCipher } from '../format/blob-cipher.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import { PackBuilder, type PartialPack } from './pack-builder.ts';

export interface SealRequest {
  readonly type: BlobType;
  /** A range of a pack of the source, and where it begins there. */
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly blobs: readonly ({ readonly id: ObjectId } & BlobPlace)[];
  /** Where the sealed blobs are put, if there is room. The caller may use it again when it has done with them. */
  readonly memory: SharedArrayBuffer;
}

/**
 * Opens and verifies blobs with one repository's key and seals them with another's. What is compressed stays as it is
 * compressed; what is not is compressed where that helps (repositories of version 1). Their order becomes random, because
 * sizes in the order of a folder would tell somebody without the key which folder it is. Runs in any thread.
 * @throws storage.tampered for the first blob that is not what its id says
 */
export function sealAgain(
  ciphers: { readonly source: BlobCipher; readonly target: BlobCipher },
  { type, bytes, offset, blobs, memory }: SealRequest,
): PartialPack {
  const builder = new PackBuilder({
    cipher: ciphers.target,
    type,
    targetSizeBytes: limits.copyReadMaxBytes,
    buffer: memory,
  });
  const zstd = zstdContext();
  for (const blob of inRandomOrder(blobs)) {
    const from = blob.offset - offset;
    let packed: Uint8Array | undefined;
    const plain = unsealBlob(ciphers.source, bytes.subarray(from, from + blob.length), blob, (frame, size) => {
      packed = frame;
      return zstd?.decompress(frame, size);
    });
    const id = blobId(plain);
    if (objectIdOf(id) !== blob.id) throw wrongBlob(blob.id);
    if (packed === undefined) builder.add(id, plain);
    else builder.addSealed({ id, uncompressedLength: blob.uncompressedLength }, ciphers.target.seal(packed));
  }
  const partial = builder.finishPartial();
  if (partial === undefined)
    throw new HoldfastError('internal.unexpected', { message: 'There was no blob to copy in a read.' });
  return partial;
}

/** Sorted by numbers that nobody can guess. */
function inRandomOrder<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, key: randomInt(2 ** 47) }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
