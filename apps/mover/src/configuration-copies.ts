import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { configurationEnd, configurationPiece } from '@holdfast/protocol';
import type { z } from 'zod';
import { maxConfigurationBytes } from './limits.ts';

type File = Pick<z.infer<typeof configurationEnd>, 'installation' | 'name'>;

/** No tenant and no repository can have such a name. */
const folderName = '_configuration';
const partial = '.part';

/**
 * Configuration backups of servers, beside the repositories, so that the storage and the recovery kit are enough to start again. They
 * are sealed: to the mover they are bytes.
 */
export class ConfigurationCopies {
  readonly #root: string;

  /** `root`: where the repositories are. */
  constructor(root: string) {
    this.#root = join(root, folderName);
  }

  /** Throws `request.conflict` when the piece does not follow what is there. */
  async write(piece: z.infer<typeof configurationPiece>): Promise<void> {
    if (piece.offset > maxConfigurationBytes)
      throw new HoldfastError('internal.limit', { message: 'The configuration backup is too large.' });
    const folder = this.#folderOf(piece);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await this.#openPart(piece);
    try {
      const { size } = await file.stat();
      if (size < piece.offset)
        throw new HoldfastError('request.conflict', { message: `The piece at ${piece.offset} follows nothing.` });
      await file.truncate(piece.offset);
      await file.write(Buffer.from(piece.data, 'base64'), 0, undefined, piece.offset);
    } finally {
      await file.close();
    }
  }

  /** Gives the file its name when it is what was sent, durably, and takes the oldest ones away. Repeating it is harmless. */
  async keep(end: z.infer<typeof configurationEnd>): Promise<{ location: string }> {
    const folder = this.#folderOf(end);
    const location = join(folder, end.name);
    if ((await digestOf(location)) === end.sha256) return { location };
    const part = `${location}${partial}`;
    if ((await digestOf(part)) !== end.sha256)
      throw new HoldfastError('storage.tampered', {
        message: `The configuration backup ${end.name} did not arrive whole.`,
      });
    await syncPath(part, 'r+');
    await rename(part, location);
    const names = (await readdir(folder)).sort().reverse();
    // Never the one that has just come: after a clock was set back others have later names.
    const others = names.filter((name) => !name.endsWith(partial) && name !== end.name);
    const abandoned = names.filter((name) => name.endsWith(partial) && name < end.name);
    for (const name of [...others.slice(end.keep - 1), ...abandoned]) await rm(join(folder, name), { force: true });
    for (const path of [folder, this.#root, dirname(this.#root)]) await syncPath(path, 'r');
    return { location };
  }

  #openPart(file: File & { offset: number }) {
    const path = join(this.#folderOf(file), `${file.name}${partial}`);
    return open(path, file.offset === 0 ? 'w' : 'r+', 0o600);
  }

  /** Both parts of the name have a form in which they can't leave the root. */
  #folderOf({ installation }: File): string {
    return join(this.#root, installation);
  }
}

/** Hexadecimal SHA-256; undefined when there is no such file. */
async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

async function syncPath(path: string, flags: 'r' | 'r+'): Promise<void> {
  // Windows can't open folders; NTFS journals names by itself.
  if (flags === 'r' && process.platform === 'win32') return;
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
