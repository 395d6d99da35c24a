import { hash, randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { type Clock, HoldfastError, systemClock } from '@holdfast/core';
import { type ScryptCost, scrypt } from '@holdfast/native';
import { limits } from '../limits.ts';
import { BlobCipher } from './blob-cipher.ts';
import { JsonRecord } from './json-record.ts';
import { objectIdOf } from './object-id.ts';
import {
  decodeRepositoryKey,
  encodeRepositoryKey,
  type RepositoryKey,
  repositoryKeyFromBytes,
} from './repository-key.ts';
import { formatTime, timeOfDate } from './rfc3339.ts';
import type { EncodedFile } from './unpacked-file.ts';

/** A key file: plain JSON with the master key sealed under a password (scrypt, RFC 7914). */

/** restic's usual outcome of its calibration: 32 MiB, around a third of a second by OpenSSL. */
const defaultScryptCost: ScryptCost = { N: 32768, r: 8, p: 3 };

export interface KeyOptions {
  readonly cost?: ScryptCost;
  readonly hostname?: string;
  readonly username?: string;
  readonly clock?: Clock;
  readonly recoveryKit?: RecoveryKitSeal;
}

/** The key's password, sealed to a recovery kit. It stands in the key file itself, where restic ignores it. */
export interface RecoveryKitSeal {
  readonly kitId: string;
  readonly sealedPassword: string;
}

const saltSizeBytes = 64;

export async function encodeKeyFile(
  key: RepositoryKey,
  password: string,
  options: KeyOptions = {},
): Promise<EncodedFile> {
  const cost = options.cost ?? defaultScryptCost;
  const salt = randomBytes(saltSizeBytes);
  const userCipher = new BlobCipher(await deriveKey(password, salt, cost));
  const bytes = Buffer.from(
    JSON.stringify({
      created: formatTime(timeOfDate((options.clock ?? systemClock).now())),
      username: options.username ?? currentUser(),
      hostname: options.hostname ?? hostname(),
      kdf: 'scrypt',
      N: cost.N,
      r: cost.r,
      p: cost.p,
      salt: salt.toString('base64'),
      data: userCipher.seal(encodeRepositoryKey(key)).toString('base64'),
      ...(options.recoveryKit ? { recoveryKit: options.recoveryKit } : {}),
    }),
  );
  return { id: objectIdOf(hash('sha256', bytes, 'buffer')), bytes };
}

/**
 * The master key, or undefined when this is not the password of this key file.
 * @throws repository.damaged for a malformed file, repository.version for an unknown derivation, internal.limit for one
 * that would take more memory or time than allowed.
 */
export async function openKeyFile(
  json: Uint8Array,
  password: string,
  where: string,
): Promise<RepositoryKey | undefined> {
  const record = JsonRecord.parse(json, where);
  if (record.text('kdf') !== 'scrypt')
    throw new HoldfastError('repository.version', {
      message: `${where} uses the key derivation ${JSON.stringify(record.text('kdf').slice(0, 40))}; only scrypt is known.`,
    });
  const cost = { N: record.count('N'), r: record.count('r'), p: record.count('p') };
  const userKey = await deriveKey(password, record.bytes('salt'), cost);
  const plain = new BlobCipher(userKey).tryOpen(record.bytes('data'));
  return plain && decodeRepositoryKey(plain);
}

/** What a key file says about itself in the clear. @throws repository.damaged */
export function describeKeyFile(
  json: Uint8Array,
  where: string,
): {
  readonly username: string;
  readonly hostname: string;
  readonly created: string;
  readonly recoveryKit: RecoveryKitSeal | undefined;
} {
  const record = JsonRecord.parse(json, where);
  return {
    username: record.text('username'),
    hostname: record.text('hostname'),
    created: record.time('created'),
    recoveryKit: record.has('recoveryKit') ? kitSealOf(record.record('recoveryKit')) : undefined,
  };
}

function kitSealOf(record: JsonRecord): RecoveryKitSeal {
  return { kitId: record.text('kitId'), sealedPassword: record.text('sealedPassword') };
}

async function deriveKey(password: string, salt: Uint8Array, cost: ScryptCost): Promise<RepositoryKey> {
  const { N, r, p } = cost;
  if (N < 2 || !Number.isInteger(Math.log2(N)) || r < 1 || p < 1)
    throw new HoldfastError('repository.damaged', {
      message: `The scrypt parameters N=${N}, r=${r}, p=${p} are not valid.`,
    });
  if (128 * r * (N + p) > limits.scryptMaxMemoryBytes || p > limits.scryptMaxParallelization)
    throw new HoldfastError('internal.limit', {
      message: `A key file asks for scrypt with N=${N}, r=${r}, p=${p}, which is beyond what Holdfast spends on one key.`,
    });
  return repositoryKeyFromBytes(await scrypt({ ...cost, password, salt, keySizeBytes: 64 }));
}

/** A process of an unknown user (containers) has no name. */
export function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
