import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { z } from 'zod';
import { writeFileDurably } from './durable-file.ts';
import { enrollableRole } from './enrolment.ts';
import { identityKey } from './grants.ts';
import { entityId, host, port } from './names.ts';

/** Who this process is, in one file of the data directory, so that key and certificate always fit together. */

const fileName = 'identity.json';
/** Far more than two certificates, a key and 16 pinned keys take. */
const maxFileBytes = 256 * 1024;

const storedIdentity = z.strictObject({
  version: z.literal(1),
  role: enrollableRole,
  id: entityId,
  installation: entityId,
  server: z.strictObject({ id: entityId, host, port: port.optional() }),
  /** The leaf, then the intermediate. */
  certificatePem: z.string(),
  privateKeyPem: z.string(),
  caPem: z.string(),
  /** The identity service's keys at the time of enrolment: what a mover trusts until it is told otherwise. */
  identityKeys: z.array(identityKey),
});
export type StoredIdentity = z.infer<typeof storedIdentity>;

/** The identity kept in a data directory; undefined when the computer has not joined yet. `usage.configuration` if it can't be used. */
export async function loadIdentity(dataDir: string): Promise<StoredIdentity | undefined> {
  const path = join(dataDir, fileName);
  const text = await readSecretFile(path);
  if (text === undefined) return undefined;
  try {
    return storedIdentity.parse(JSON.parse(text));
  } catch (error) {
    throw new HoldfastError('usage.configuration', {
      message: `${path} does not hold the identity of this computer.`,
      guidance: 'Restore the file, or remove it and enrol the computer again with a new join token.',
      cause: error,
    });
  }
}

export async function saveIdentity(dataDir: string, identity: StoredIdentity): Promise<void> {
  await prepareDataDir(dataDir);
  await writeFileDurably(join(dataDir, fileName), `${JSON.stringify(identity, null, 2)}\n`);
}

/** Makes a process's data directory if it isn't there; nobody else may look into it. */
export async function prepareDataDir(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (process.platform !== 'win32' && ((await stat(dataDir)).mode & 0o077) !== 0) await chmod(dataDir, 0o700);
}

/** A small file of the data directory, or undefined if it isn't there. */
export async function readSecretFile(path: string, maxBytes = maxFileBytes): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes)
      throw new HoldfastError('usage.configuration', {
        message: `${path} has ${size} bytes; at most ${maxBytes} make sense.`,
      });
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** From when to when the identity's certificate is valid. */
export function validity(identity: Pick<StoredIdentity, 'certificatePem'>): { from: Date; to: Date } {
  const certificate = new X509Certificate(identity.certificatePem);
  return { from: certificate.validFromDate, to: certificate.validToDate };
}
