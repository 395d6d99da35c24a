import { hash } from 'node:crypto';
import { toHoldfastError } from '@holdfast/core';
import { openBlob } from './blob.ts';
import type { BlobCipher } from './blob-cipher.ts';
import { type ObjectId, objectIdOf, shortId } from './object-id.ts';
import { openPackHeader, type PackHeader, visitHeader } from './pack-header.ts';

/** What tells two headers apart, small enough to be kept for every pack. */
export function headerDigest(header: PackHeader): string {
  return hash('sha256', header, 'base64');
}

/**
 * Everything that can be wrong with a pack: its name, its header, whether the index tells the same, each blob.
 * Gives one message per problem. Runs in any thread.
 */
export function verifyPack(
  cipher: BlobCipher,
  pack: { id: ObjectId; bytes: Uint8Array; indexDigest: string },
): string[] {
  const { bytes } = pack;
  const problems: string[] = [];
  if (objectIdOf(hash('sha256', bytes, 'buffer')) !== pack.id)
    problems.push('its content is not what its name says: it was damaged or changed');
  let header: PackHeader;
  try {
    header = openPackHeader(cipher, bytes);
  } catch (error) {
    problems.push(toHoldfastError(error).message);
    return problems;
  }
  if (headerDigest(header) !== pack.indexDigest) problems.push('its header and the index disagree about its blobs');
  visitHeader(header, (_type, idView, place) => {
    const id = objectIdOf(idView);
    try {
      openBlob(cipher, bytes.subarray(place.offset, place.offset + place.length), { id, ...place });
    } catch (error) {
      problems.push(`blob ${shortId(id)}: ${toHoldfastError(error).message}`);
    }
  });
  return problems;
}
