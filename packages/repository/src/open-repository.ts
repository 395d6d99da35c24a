import { type Clock, HoldfastError, hasCode, systemClock } from '@holdfast/core';
import type { Target } from '@holdfast/storage';
import { BlobCipher } from './blob-cipher.ts';
import { decodeConfig, encodeConfig, newConfig } from './config.ts';
import { isDamage } from './damage.ts';
import { encodeKeyFile, type KeyOptions, openKeyFile } from './key-file.ts';
import { limits } from './limits.ts';
import { type ObjectId, parseObjectId, shortId } from './object-id.ts';
import { Repository, type WaitOptions } from './repository.ts';
import { newRepositoryKey, type RepositoryKey } from './repository-key.ts';
import { refuseLarge, requireHash } from './unpacked-file.ts';

/**
 * Makes a repository where there is none. What an interrupted attempt with the same password left behind is completed.
 * @throws repository.exists
 */
export async function initRepository(
  target: Target,
  options: { password: string; keyOptions?: KeyOptions; clock?: Clock } & WaitOptions,
): Promise<Repository> {
  const { signal, password } = options;
  const exists = new HoldfastError('repository.exists', {
    message: `There is a repository at ${target.location} already.`,
  });
  if (await target.stat({ type: 'config', id: '' }, { signal })) throw exists;
  // The key first: from the moment the configuration is there, the repository counts as complete.
  const { key, made } = (await keyOfInterrupted(target, password, signal)) ?? (await makeKey(target, options));
  const config = newConfig();
  try {
    await target.create({ type: 'config', id: '' }, [new BlobCipher(key).seal(encodeConfig(config))], { signal });
  } catch (error) {
    // Somebody else was faster; the configuration is theirs and our key fits nothing.
    if (hasCode(error, 'storage.exists')) {
      if (made !== undefined) await target.delete({ type: 'key', id: made }, { signal });
      throw exists;
    }
    throw error;
  }
  return new Repository({ target, config, key, clock: options.clock ?? systemClock });
}

async function makeKey(
  target: Target,
  options: { password: string; keyOptions?: KeyOptions } & WaitOptions,
): Promise<{ key: RepositoryKey; made: ObjectId | undefined }> {
  const key = newRepositoryKey();
  const file = await encodeKeyFile(key, options.password, options.keyOptions);
  await target.create({ type: 'key', id: file.id }, [file.bytes], { signal: options.signal });
  return { key, made: file.id };
}

/**
 * A key without a configuration is what a crash between the two leaves behind. With the same password the key goes on being
 * used; with another one it is not ours to judge, and a second key file would belong to another master key.
 */
async function keyOfInterrupted(
  target: Target,
  password: string,
  signal: AbortSignal | undefined,
): Promise<{ key: RepositoryKey; made: undefined } | undefined> {
  let isEmpty = true;
  for await (const page of target.list('key', { signal, pageSize: 1 })) if (page.length > 0) isEmpty = false;
  if (isEmpty) return undefined;
  try {
    return { key: await findKey(target, password, signal), made: undefined };
  } catch (error) {
    if (!hasCode(error, 'repository.password')) throw error;
    throw new HoldfastError('repository.exists', {
      message: `At ${target.location} there are keys but no configuration: an initialisation with another password was interrupted, or the configuration is lost.`,
      guidance: 'If it never held a backup, empty the place and try again. Otherwise restore the file `config`.',
      cause: error,
    });
  }
}

/** Opens a repository. @throws repository.missing, repository.password, repository.version, storage.tampered */
export async function openRepository(
  target: Target,
  options: ({ password: string } | { masterKey: RepositoryKey }) & { clock?: Clock } & WaitOptions,
): Promise<Repository> {
  const { signal } = options;
  const info = await target.stat({ type: 'config', id: '' }, { signal });
  if (info === undefined)
    throw new HoldfastError('repository.missing', { message: `There is no repository at ${target.location}.` });
  refuseLarge(info, limits.configMaxSizeBytes, 'The configuration of the repository');
  const sealed = await target.read({ type: 'config', id: '' }, { signal });
  const key = 'masterKey' in options ? options.masterKey : await findKey(target, options.password, signal);
  const plain = new BlobCipher(key).tryOpen(sealed);
  if (plain === undefined) {
    if ('masterKey' in options)
      throw new HoldfastError('repository.password', {
        message: `The key does not fit the repository at ${target.location}.`,
      });
    throw new HoldfastError('storage.tampered', {
      message: 'The configuration of the repository fails its authentication: it was damaged or changed.',
    });
  }
  return new Repository({ target, config: decodeConfig(plain), key, clock: options.clock ?? systemClock });
}

/** Tries the password on the key files, up to a bound: each try costs time by design. */
async function findKey(target: Target, password: string, signal: AbortSignal | undefined): Promise<RepositoryKey> {
  let tries = 0;
  let problem: HoldfastError | undefined;
  for await (const page of target.list('key', { signal })) {
    for (const info of page) {
      if (tries === limits.keyTries)
        throw new HoldfastError('repository.password', {
          message: `The password fits none of the first ${limits.keyTries} keys of the repository at ${target.location}.`,
        });
      tries += 1;
      const id = parseObjectId(info.id, 'The list of keys');
      const what = `Key ${shortId(id)}`;
      try {
        refuseLarge(info, limits.keyFileMaxSizeBytes, what);
        const bytes = await target.read({ type: 'key', id }, { signal });
        requireHash(bytes, { id, what });
        const key = await openKeyFile(bytes, password, what);
        if (key !== undefined) return key;
      } catch (error) {
        // One bad key file must not lock out the owner of a good one.
        if (!isDamage(error)) throw error;
        problem ??= error;
      }
    }
  }
  // With an unusable key file nobody can tell whether the password was wrong.
  if (problem !== undefined) throw problem;
  throw new HoldfastError('repository.password', {
    message: `The password fits no key of the repository at ${target.location}.`,
  });
}
