import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { writeFileDurably } from '@holdfast/protocol';
import { z } from 'zod';
import { defaultDataDirectory, resolvePath } from '../data-directory.ts';

const place = { host: z.string().min(1), port: z.number().int().min(1).max(65_535), caPem: z.string().min(1) };
const ofPerson = z.object({ ...place, token: z.string().min(1), user: z.string(), expiresAt: z.string() });
/** No secret: that is in the certificate's file. */
const ofMachine = z.object({ ...place, serviceAccount: z.uuid(), certificateFile: z.string().min(1) });

/**
 * `<data>/session.json`, mode 0600, of `holdfast login`: where the server is, how to know it, and the session's token, or what a
 * machine gets its tokens with.
 */
const sessionFile = z.union([ofPerson, ofMachine]);
export type MachineSession = z.infer<typeof ofMachine>;
export type SavedSession = z.infer<typeof sessionFile>;

export function isOfMachine(session: SavedSession): session is MachineSession {
  return 'serviceAccount' in session;
}

function pathOf(data: string | undefined): string {
  return join(data === undefined ? defaultDataDirectory() : resolvePath(data), 'session.json');
}

/** Undefined where nobody has signed in. */
export async function readSession(data: string | undefined): Promise<SavedSession | undefined> {
  const path = pathOf(data);
  try {
    return sessionFile.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    // The data directory of another user: that one's session is not ours.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) return undefined;
    throw new HoldfastError('usage.configuration', {
      message: `${path} does not hold a session.`,
      guidance: 'Remove it and sign in again with `holdfast login`.',
      cause: error,
    });
  }
}

/** Gives the file's path. */
export async function writeSession(data: string | undefined, session: SavedSession): Promise<string> {
  const path = pathOf(data);
  try {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    await writeFileDurably(path, `${JSON.stringify(session, null, 2)}\n`);
    return path;
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The session could not be kept in ${path} (${errnoOf(error) ?? String(error)}).`,
      guidance: 'Give a folder of your own with --data, or set HOLDFAST_DATA.',
      cause: error,
    });
  }
}

export async function removeSession(data: string | undefined): Promise<void> {
  await rm(pathOf(data), { force: true });
}
