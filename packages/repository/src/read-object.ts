import { HoldfastError } from '@holdfast/core';
import { encodeConfig } from './format/config.ts';
import { type ObjectId, shortId } from './format/object-id.ts';
import { encodeRepositoryKey } from './format/repository-key.ts';
import { decodeFile, refuseLarge, requireHash } from './format/unpacked-file.ts';
import { limits } from './limits.ts';
import type { Repository, WaitOptions } from './repository.ts';

/** Kinds of small files, each of which holds one piece of JSON. */
export type JsonObjectType = 'snapshot' | 'index' | 'key' | 'lock';

const maxSizeBytes: Readonly<Record<JsonObjectType, number>> = {
  snapshot: limits.snapshotMaxSizeBytes,
  index: limits.indexMaxSizeBytes,
  key: limits.keyFileMaxSizeBytes,
  lock: limits.lockFileMaxSizeBytes,
};

/**
 * The JSON of a file as whoever wrote it wrote it, opened and verified but not understood: for a look at what is there.
 * @throws request.missing, storage.tampered, repository.damaged
 */
export async function readObjectText(
  repository: Repository,
  { type, id }: { readonly type: JsonObjectType; readonly id: ObjectId },
  { signal }: WaitOptions = {},
): Promise<string> {
  const what = `${type} ${shortId(id)}`;
  const info = await repository.target.stat({ type, id }, { signal });
  if (info === undefined)
    throw new HoldfastError('request.missing', { message: `The repository has no ${type} ${id}.` });
  refuseLarge(info, maxSizeBytes[type], what);
  const bytes = await repository.target.read({ type, id }, { signal });
  if (type !== 'key') return decodeFile(repository.cipher, bytes, { id, what }).toString();
  requireHash(bytes, { id, what });
  return Buffer.from(bytes).toString();
}

/** The repository's configuration as JSON. */
export function configText(repository: Repository): string {
  return encodeConfig(repository.config).toString();
}

/** The master key as JSON: whoever has it needs no password, for ever. */
export function masterKeyText(repository: Repository): string {
  return encodeRepositoryKey(repository.masterKey).toString();
}
