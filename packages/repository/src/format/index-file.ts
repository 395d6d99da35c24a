import { HoldfastError } from '@holdfast/core';
import type { PackedBlob } from './blob.ts';
import { sealOverheadBytes } from './blob-cipher.ts';
import { isRecord } from './json-record.ts';
import { idSizeBytes, isObjectId, type ObjectId, objectIdOf } from './object-id.ts';
import { type PackHeader, visitHeader } from './pack-header.ts';

/** A durable pack and what it holds. */
export interface IndexedPack {
  readonly id: Uint8Array;
  readonly header: PackHeader;
}

/** No blob takes fewer bytes of an index file. */
export const shortestBlobEntryBytes = '{"id":"","type":"data","offset":0,"length":32}'.length + 2 * idSizeBytes;

/** Plain bytes of an index file. Call it with at most 50,000 blobs; packs are never split over files. */
export function encodeIndex(packs: readonly IndexedPack[]): Buffer {
  // Pack by pack: text of all of it, 8 MB, would be made three times over.
  const pieces = packs.map(({ id, header }, at) => {
    const blobs: string[] = [];
    visitHeader(header, (type, blob, place) => blobs.push(blobEntry({ id: objectIdOf(blob), type, ...place })));
    return Buffer.from(`${at === 0 ? indexBeginning : ','}${packEntry(objectIdOf(id), blobs)}`);
  });
  return Buffer.concat([...pieces, Buffer.from(packs.length === 0 ? indexBeginning + indexEnd : indexEnd)]);
}

/** What an index file says about one pack. */
export function encodePackEntry({ id, blobs }: IndexFilePack): Buffer {
  return Buffer.from(packEntry(id, blobs.map(blobEntry)));
}

/** An index file is this, what it says about each pack with commas between, and the end. */
export const indexBeginning = '{"packs":[';
export const indexEnd = ']}';

function packEntry(id: ObjectId, blobs: readonly string[]): string {
  return `{"id":"${id}","blobs":[${blobs.join(',')}]}`;
}

function blobEntry({ id, type, offset, length, uncompressedLength }: PackedBlob): string {
  const uncompressed = uncompressedLength === 0 ? '' : `,"uncompressed_length":${uncompressedLength}`;
  return `{"id":"${id}","type":"${type}","offset":${offset},"length":${length}${uncompressed}}`;
}

/** One pack of an index file as it stands there: offsets need not be contiguous, or in order. */
export interface IndexFilePack {
  readonly id: ObjectId;
  readonly blobs: readonly PackedBlob[];
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
