import { type Brand, HoldfastError } from '@holdfast/core';

/** The SHA-256 of an object: 64 lowercase hexadecimal digits. Of blobs the hash of the plain bytes, of files of the stored ones. */
export type ObjectId = Brand<string, 'ObjectId'>;

/** Bytes of an id. Hot paths use the bytes, everything else the text. */
export const idSizeBytes = 32;

const pattern = /^[0-9a-f]{64}$/;

export function isObjectId(text: unknown): text is ObjectId {
  return typeof text === 'string' && pattern.test(text);
}

/** @throws repository.damaged when the text is no id; `where` names the place it was read from. */
export function parseObjectId(text: unknown, where: string): ObjectId {
  if (isObjectId(text)) return text;
  throw new HoldfastError('repository.damaged', { message: `${where} holds something that is no object id.` });
}

export function objectIdOf(bytes: Uint8Array): ObjectId {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  if (isObjectId(text)) return text;
  throw new HoldfastError('internal.unexpected', { message: `An object id has 32 bytes, not ${bytes.byteLength}.` });
}

export function idBytes(id: ObjectId): Buffer {
  return Buffer.from(id, 'hex');
}

/** The first eight digits, as restic shows ids to people. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}
