import { HoldfastError, isHoldfastError } from '@holdfast/core';
import { isDamage } from '../damage.ts';
import { deleteObject } from '../delete-object.ts';
import {
  describeKeyFile,
  encodeKeyFile,
  type KeyOptions,
  openKeyFile,
  type RecoveryKitSeal,
} from '../format/key-file.ts';
import { type ObjectId, parseObjectId, shortId } from '../format/object-id.ts';
import { isSameKey } from '../format/repository-key.ts';
import { refuseLarge, requireHash } from '../format/unpacked-file.ts';
import { limits } from '../limits.ts';
import type { OnProblem, Repository, WaitOptions } from '../repository.ts';

/** The key files of a repository: each seals the one master key under a password of its own. */

export interface KeyInfo {
  readonly id: ObjectId;
  readonly username: string;
  readonly hostname: string;
  /** RFC 3339. */
  readonly created: string;
  /** It is for a recovery kit. */
  readonly recoveryKit: RecoveryKitSeal | undefined;
  /** The repository was opened with it. */
  readonly current: boolean;
  /** The storage refuses to delete it before this time; undefined where it promises nothing. */
  readonly retainUntil: Date | undefined;
}

/** All keys, the oldest first. With `onProblem` unreadable ones are reported and skipped, otherwise the first one throws. */
export async function listKeys(
  repository: Repository,
  options: { onProblem?: OnProblem | undefined } & WaitOptions = {},
): Promise<KeyInfo[]> {
  const keys: KeyInfo[] = [];
  for (const info of await repository.list('key', options)) {
    const id = parseObjectId(info.id, 'The list of keys');
    try {
      refuseLarge(info, limits.keyFileMaxSizeBytes, `Key ${shortId(id)}`);
      const about = describeKeyFile(await readKeyFile(repository, id, options), `Key ${shortId(id)}`);
      const retainUntil = await repository.target.retention?.get({ type: 'key', id }, options);
      keys.push({ id, ...about, current: id === repository.keyId, retainUntil });
    } catch (error) {
      if (!isDamage(error) || options.onProblem === undefined) throw error;
      options.onProblem(error, id);
    }
  }
  return keys.sort((a, b) => Date.parse(a.created) - Date.parse(b.created));
}

/**
 * Adds a key for one more password; the master key stays what it is. When it resolves, the key is durable and has been read
 * back and opened: one that does not open is removed again, because somebody might rely on it.
 */
export async function addKey(
  repository: Repository,
  options: { readonly password: string; readonly keyOptions?: KeyOptions } & WaitOptions,
): Promise<ObjectId> {
  const { password, signal } = options;
  const { target, masterKey } = repository;
  const { id, bytes } = await encodeKeyFile(masterKey, password, { clock: repository.clock, ...options.keyOptions });
  await target.create({ type: 'key', id }, [bytes], { signal });
  try {
    const opened = await openKeyFile(await readKeyFile(repository, id, { signal }), password, `Key ${shortId(id)}`);
    if (opened === undefined || !isSameKey(opened, masterKey))
      throw new HoldfastError('storage.tampered', { message: `The new key ${shortId(id)} does not open.` });
  } catch (error) {
    if (isDamage(error)) await deleteObject(target, { type: 'key', id }, { signal });
    throw error;
  }
  return id;
}

/**
 * Removes a key by its id or the beginning of it. Hold the exclusive lock.
 * @throws usage.option for the key in use, or the last one; request.missing; storage.immutable
 */
export async function removeKey(repository: Repository, prefix: string, options: WaitOptions = {}): Promise<ObjectId> {
  const infos = await repository.list('key', options);
  const found = infos.filter((info) => info.id.startsWith(prefix));
  const [only] = found;
  if (!/^[0-9a-f]{1,64}$/.test(prefix) || only === undefined)
    throw new HoldfastError('request.missing', {
      message: `No key has an id that begins with ${JSON.stringify(prefix.slice(0, 80))}.`,
      guidance: 'Run `holdfast key list`.',
    });
  if (found.length > 1)
    throw new HoldfastError('usage.option', {
      message: `${found.length} keys have ids that begin with ${prefix}.`,
      guidance: 'Give more digits of the id.',
    });
  const id = parseObjectId(only.id, 'The list of keys');
  if (id === repository.keyId)
    throw new HoldfastError('usage.option', {
      message: `Key ${shortId(id)} is the one that opened the repository: it is not removed.`,
      guidance: 'Open the repository with another password, or change this one with `holdfast key passwd`.',
    });
  if (infos.length === 1)
    throw new HoldfastError('usage.option', {
      message: `Key ${shortId(id)} is the only one: without it nobody could open the repository.`,
    });
  await repository.delete('key', id, options);
  return id;
}

export interface ChangedPassword {
  readonly added: ObjectId;
  readonly removed: ObjectId;
  /** Why the old key, and with it the old password, still opens the repository: the storage does not delete it yet. */
  readonly kept: HoldfastError | undefined;
}

/**
 * Replaces the key that opened the repository by one for a new password, which is durable and proven before the old key is
 * removed. Hold the exclusive lock.
 */
export async function changePassword(
  repository: Repository,
  options: { readonly password: string; readonly keyOptions?: KeyOptions } & WaitOptions,
): Promise<ChangedPassword> {
  const removed = repository.keyId;
  if (removed === undefined)
    throw new HoldfastError('internal.unexpected', {
      message: 'Which key to replace is known only with its password.',
    });
  const added = await addKey(repository, options);
  try {
    await repository.delete('key', removed, { signal: options.signal });
    return { added, removed, kept: undefined };
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    return {
      added,
      removed,
      kept: new HoldfastError(error.code, {
        message: `The new password opens the repository, but the old one still does as well: key ${shortId(removed)} could not be removed (${error.message}).`,
        guidance: `Remove it with \`holdfast key remove ${shortId(removed)}\` and the new password when that is possible.`,
        cause: error,
      }),
    };
  }
}

async function readKeyFile(repository: Repository, id: ObjectId, options: WaitOptions): Promise<Uint8Array> {
  const bytes = await repository.target.read({ type: 'key', id }, { signal: options.signal });
  requireHash(bytes, { id, what: `Key ${shortId(id)}` });
  return bytes;
}
