import { type Clock, HoldfastError, hasCode, systemClock } from '@holdfast/core';
import type { ObjectInfo, Target } from '@holdfast/storage';
import { isDamage } from './damage.ts';
import { deleteObject } from './delete-object.ts';
import { BlobCipher } from './format/blob-cipher.ts';
import { decodeConfig, encodeConfig, newConfig } from './format/config.ts';
import { encodeKeyFile, type KeyOptions, openKeyFile } from './format/key-file.ts';
import { type ObjectId, parseObjectId, shortId } from './format/object-id.ts';
import { newRepositoryKey, type RepositoryKey } from './format/repository-key.ts';
import { refuseLarge, requireHash } from './format/unpacked-file.ts';
import { limits } from './limits.ts';
import { Repository, type WaitOptions } from './repository.ts';

/**
 * Makes a repository where there is none. What an interrupted attempt with the same password left behind is completed.
 * @throws repository.exists
 */
export async function initRepository(
  target: Target,
  options: {
    password: string;
    keyOptions?: KeyOptions;
    clock?: Clock;
    /** That of another repository, so that restic cuts files alike in both. */
    chunkerPolynomial?: string | undefined;
  } & WaitOptions,
): Promise<Repository> {
  const { signal, password } = options;
  const exists = new HoldfastError('repository.exists', {
    message: `There is a repository at ${target.location} already.`,
  });
  if (await target.stat({ type: 'config', id: '' }, { signal })) throw exists;
  // The key first: from the moment the configuration is there, the repository counts as complete.
  const { key, keyId, made } = (await keyOfInterrupted(target, password, signal)) ?? (await makeKey(target, options));
  const config = newConfig(options.chunkerPolynomial);
  try {
    await target.create({ type: 'config', id: '' }, [new BlobCipher(key).seal(encodeConfig(config))], { signal });
  } catch (error) {
    // Somebody else was faster; the configuration is theirs, and our key fits nothing.
    if (hasCode(error, 'storage.exists')) {
      // Unless they took ours for one that an interrupted attempt had left: then it is the only key there is.
      const sealed = await target.read({ type: 'config', id: '' }, { signal });
      const isOfUse = new BlobCipher(key).tryOpen(sealed) !== undefined;
      if (made && !isOfUse) await deleteObject(target, { type: 'key', id: keyId }, { signal });
      throw exists;
    }
    throw error;
  }
  return new Repository({ target, config, key, keyId, clock: options.clock ?? systemClock });
}

async function makeKey(
  target: Target,
  options: { password: string; keyOptions?: KeyOptions } & WaitOptions,
): Promise<FoundKey & { made: true }> {
  const key = newRepositoryKey();
  const file = await encodeKeyFile(key, options.password, options.keyOptions);
  await target.create({ type: 'key', id: file.id }, [file.bytes], { signal: options.signal });
  return { key, keyId: file.id, made: true };
}

interface FoundKey {
  readonly key: RepositoryKey;
  readonly keyId: ObjectId;
}

/**
 * A key without a configuration is what a crash between the two leaves behind. With the same password the key goes on being
 * used; with another one it is not ours to judge, and a second key file would belong to another master key.
 */
async function keyOfInterrupted(
  target: Target,
  password: string,
  signal: AbortSignal | undefined,
): Promise<(FoundKey & { made: false }) | undefined> {
  let isEmpty = true;
  for await (const page of target.list('key', { signal, pageSize: 1 })) if (page.length > 0) isEmpty = false;
  if (isEmpty) return undefined;
  try {
    return { ...(await findKey(target, await keysToTry(target, { signal }), { password, signal })), made: false };
  } catch (error) {
    if (!hasCode(error, 'repository.password')) throw error;
    throw new HoldfastError('repository.exists', {
      message: `At ${target.location} there are keys but no configuration: an initialisation with another password was interrupted, or the configuration is lost.`,
      guidance: 'If it never held a backup, empty the place and try again. Otherwise restore the file `config`.',
      cause: error,
    });
  }
}

/**
 * Opens a repository. A password that is still to be found out is asked for when there is a repository. `keyHint` is the id, or
 * its beginning, of the key file to try first: it saves deriving keys in vain.
 * @throws repository.missing, repository.password, repository.version, storage.tampered
 */
export async function openRepository(
  target: Target,
  options: (
    | { password: string | (() => Promise<string>); keyHint?: string | undefined }
    | { masterKey: RepositoryKey }
  ) & {
    clock?: Clock;
  } & WaitOptions,
): Promise<Repository> {
  const { signal } = options;
  const keys = 'masterKey' in options ? [] : keysToTry(target, options);
  // Both at once; that there is no repository is the first thing to say.
  const [sealed] = await Promise.allSettled([readConfig(target, signal), keys]);
  if (sealed.status === 'rejected') throw sealed.reason;
  const opens = (candidate: RepositoryKey): boolean => new BlobCipher(candidate).tryOpen(sealed.value) !== undefined;
  const { key, keyId } =
    'masterKey' in options
      ? { key: options.masterKey, keyId: undefined }
      : await findKey(target, await keys, {
          password: typeof options.password === 'string' ? options.password : await options.password(),
          opens,
          signal,
        });
  const plain = new BlobCipher(key).tryOpen(sealed.value);
  if (plain === undefined) {
    if ('masterKey' in options)
      throw new HoldfastError('repository.password', {
        message: `The key does not fit the repository at ${target.location}.`,
      });
    throw new HoldfastError('storage.tampered', {
      message: 'The configuration of the repository fails its authentication: it was damaged or changed.',
    });
  }
  return new Repository({ target, config: decodeConfig(plain), key, keyId, clock: options.clock ?? systemClock });
}

async function readConfig(target: Target, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const info = await target.stat({ type: 'config', id: '' }, { signal });
  if (info === undefined)
    throw new HoldfastError('repository.missing', { message: `There is no repository at ${target.location}.` });
  refuseLarge(info, limits.configMaxSizeBytes, 'The configuration of the repository');
  return target.read({ type: 'config', id: '' }, { signal });
}

/**
 * Tries the password on the key files, up to a bound: each try costs time by design. A key of another master key is passed
 * over where one `opens` the configuration: two initialisations at once, one of which died before it could take its key
 * back, leave such a one, with the same password.
 */
async function findKey(
  target: Target,
  keys: readonly ObjectInfo[],
  options: { password: string; opens?: (key: RepositoryKey) => boolean } & WaitOptions,
): Promise<FoundKey> {
  let tries = 0;
  let foreign: FoundKey | undefined;
  let problem: HoldfastError | undefined;
  for (const info of keys) {
    if (tries === limits.keyTries)
      throw new HoldfastError('repository.password', {
        message: `The password fits none of the first ${limits.keyTries} keys of the repository at ${target.location}.`,
        guidance: 'Check the password file. With more keys than that, --key-hint names the one to try first.',
      });
    tries += 1;
    const keyId = parseObjectId(info.id, 'The list of keys');
    const what = `Key ${shortId(keyId)}`;
    try {
      refuseLarge(info, limits.keyFileMaxSizeBytes, what);
      const bytes = await target.read({ type: 'key', id: keyId }, { signal: options.signal });
      requireHash(bytes, { id: keyId, what });
      const key = await openKeyFile(bytes, options.password, what);
      if (key === undefined) continue;
      if (options.opens?.(key) ?? true) return { key, keyId };
      foreign ??= { key, keyId };
    } catch (error) {
      // One bad key file must not lock out the owner of a good one.
      if (!isDamage(error)) throw error;
      problem ??= error;
    }
  }
  // None opens it: then it is the configuration that is wrong.
  if (foreign !== undefined) return foreign;
  // With an unusable key file nobody can tell whether the password was wrong.
  if (problem !== undefined) throw problem;
  throw new HoldfastError('repository.password', {
    message: `The password fits no key of the repository at ${target.location}.`,
  });
}

/** The keys in the order of trying: those that the hint names, then the others, one more than will be tried. */
async function keysToTry(
  target: Target,
  { keyHint, signal }: { keyHint?: string | undefined } & WaitOptions,
): Promise<ObjectInfo[]> {
  const hinted: ObjectInfo[] = [];
  const others: ObjectInfo[] = [];
  for await (const page of target.list('key', { signal }))
    for (const info of page) {
      if (keyHint && info.id.startsWith(keyHint)) hinted.push(info);
      else if (others.length <= limits.keyTries) others.push(info);
    }
  return [...hinted.slice(0, limits.keyTries), ...others];
}
