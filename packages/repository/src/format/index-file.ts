import { HoldfastError } from '@holdfast/core';
import type { BlobType } from './blob.ts';
import { sealOverheadBytes } from './blob-cipher.ts';
import { isRecord } from './json-record.ts';
import { isObjectId, type ObjectId, objectIdOf } from './object-id.ts';
import { type PackHeader, visitHeader } from './pack-header.ts';

/** A durable pack and what it holds. */
export interface IndexedPack {
  readonly id: Uint8Array;
  readonly header: PackHeader;
}

/** Plain bytes of an index file. Call it with at most 50,000 blobs; packs are never split over files. */
export function encodeIndex(packs: readonly IndexedPack[]): Buffer {
  const packTexts = packs.map((pack) => {
    const blobs: string[] = [];
    visitHeader(pack.header, (type, id, place) => {
      const uncompressed = place.uncompressedLength === 0 ? '' : `,"uncompressed_length":${place.uncompressedLength}`;
      blobs.push(
        `{"id":"${objectIdOf(id)}","type":"${type}","offset":${place.offset},"length":${place.length}${uncompressed}}`,
      );
    });
    return `{"id":"${objectIdOf(pack.id)}","blobs":[${blobs.join(',')}]}`;
  });
  return Buffer.from(`{"packs":[${packTexts.join(',')}]}`);
}

/** One pack of an index file as it stands there: offsets need not be contiguous, or in order. */
export interface IndexFilePack {
  readonly id: ObjectId;
  readonly blobs: readonly {
    readonly id: ObjectId;
    readonly type: BlobType;
    readonly offset: number;
    readonly length: number;
    readonly uncompressedLength: number;
  }[];
}

/**
 * Reads an index file. `supersedes`, of restic before 0.19, is ignored: the files it names are gone, or agree.
 * @throws repository.damaged when anything in it cannot be.
 */
export function decodeIndex(plain: Uint8Array, where: string): IndexFilePack[] {
  const malformed = (detail: string): HoldfastError =>
    new HoldfastError('repository.damaged', { message: `${where} is malformed: ${detail}.` });
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength).toString('utf8'));
  } catch (cause) {
    throw new HoldfastError('repository.damaged', { message: `${where} is not JSON.`, cause });
  }
  if (!isRecord(value)) throw malformed('it is no object');
  const packs = list(value['packs']);
  if (packs === undefined) throw malformed('it has no list of packs');
  return packs.map((pack) => {
    if (!isRecord(pack) || !isObjectId(pack['id'])) throw malformed('a pack has no id');
    const packId = pack['id'];
    const blobs = list(pack['blobs']);
    if (blobs === undefined) throw malformed(`pack ${packId} has no list of blobs`);
    return {
      id: packId,
      blobs: blobs.map((blob) => {
        if (!isRecord(blob)) throw malformed(`pack ${packId} lists something that is no blob`);
        const { id, type, offset, length, uncompressed_length: uncompressedLength = 0 } = blob;
        if (!isObjectId(id)) throw malformed(`a blob of pack ${packId} has no id`);
        if (type !== 'data' && type !== 'tree') throw malformed(`blob ${id} has an unknown type`);
        if (!isUint32(offset) || !isUint32(length) || !isUint32(uncompressedLength) || length < sealOverheadBytes)
          throw malformed(`blob ${id} has an impossible place`);
        if (offset + length > 0xffffffff) throw malformed(`blob ${id} lies beyond 4 GiB`);
        return { id, type, offset, length, uncompressedLength };
      }),
    };
  });
}

/** Go writes an empty list as null. */
function list(value: unknown): readonly unknown[] | undefined {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : undefined;
}

function isUint32(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}
