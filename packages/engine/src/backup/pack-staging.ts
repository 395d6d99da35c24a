import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { lstat, mkdtemp, open, readdir, rm, unlink } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf, HoldfastError, systemClock } from '@holdfast/core';
import type { Repository } from '@holdfast/repository';
import type { StagedObject } from '@holdfast/storage';
import { limits } from '../limits.ts';
import type { StagedPack } from './backup-jobs.ts';

const close = promisify(fs.close);

/** Where the threads of a run write packs that still grow; each makes names of its own with the prefix. */
export interface StagingPlace {
  readonly folder: string;
  readonly prefix: string;
  /** Packs of data that each thread may have there at once. */
  readonly growingPacks: number;
}

/**
 * Packs grow in files, not in memory: beside the repository where it is a folder of this computer, so that a finished one
 * only needs its name; else in the folder for temporary files, as restic does. Disposing it removes what was not stored.
 *
 * A file stays open from its first byte until it is stored: one that nobody has open may leave the system's memory, and with it
 * the news that some of it could not be written, which the sync of the whole is there to tell. Threads open, the main thread closes.
 */
export class PackStaging implements AsyncDisposable {
  readonly place: StagingPlace;
  readonly #repository: Repository;
  readonly #beside: boolean;
  /** As many as there are uploads at once: without it each pack would leave 16 MiB to the garbage collector. */
  readonly #spare: SharedArrayBuffer[] = [];
  readonly #open = new Set<number>();

  private constructor(repository: Repository, place: StagingPlace, options: { readonly beside: boolean }) {
    this.#repository = repository;
    this.place = place;
    this.#beside = options.beside;
  }

  static async open(repository: Repository, signal: AbortSignal): Promise<PackStaging> {
    const { staging } = repository.target;
    const beside = staging !== undefined;
    const folder = beside ? await staging.folder({ signal }) : await newTemporaryFolder();
    const growingPacks = beside ? limits.growingDataPacks : limits.growingDataPacksElsewhere;
    return new PackStaging(repository, { folder, prefix: `${randomUUID()}-`, growingPacks }, { beside });
  }

  /** A file that a thread has opened for a pack. */
  own(fd: number): void {
    this.#open.add(fd);
  }

  /** Durable when it resolves. */
  async store(pack: StagedPack, signal: AbortSignal): Promise<void> {
    if (this.#beside) await this.#repository.saveStagedPack(pack, { signal });
    else await this.#send(pack, signal);
    await this.#close(pack.file.fd);
  }

  async #send({ id, file }: StagedPack, signal: AbortSignal): Promise<void> {
    const memory = this.#spare.pop();
    const bytes = await readStaged(file, memory);
    await this.#repository.savePack({ id, bytes }, { signal });
    this.#spare.push(bytes.buffer);
    await unlink(file.path);
  }

  async #close(fd: number): Promise<void> {
    if (this.#open.delete(fd)) await close(fd);
  }

  /** What can't be removed now is swept up by a later run: it must not make a failure of a backup that is complete. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { folder, prefix } = this.place;
    try {
      for (const fd of this.#open) await this.#close(fd);
      if (!this.#beside) return await rm(folder, { recursive: true, force: true });
      for (const name of await readdir(folder))
        if (name.startsWith(prefix)) await rm(join(folder, name), { force: true });
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }
}

/** A file that grows; a thread's own until it is finished. */
export class StagedFile {
  readonly #path: string;
  readonly #onOpened: (fd: number) => void;
  #fd: number | undefined;
  sizeBytes = 0;

  /** @param onOpened told of the file as soon as it is open; whoever is told closes it */
  constructor(place: StagingPlace, onOpened: (fd: number) => void) {
    this.#path = join(place.folder, place.prefix + randomUUID());
    this.#onOpened = onOpened;
  }

  /** The file with all that was written. */
  get written(): StagedPack['file'] {
    return { path: this.#path, sizeBytes: this.sizeBytes, fd: this.#opened() };
  }

  /** @throws storage.full, storage.unavailable */
  append(bytes: Uint8Array): void {
    try {
      const fd = this.#opened();
      for (let written = 0; written < bytes.byteLength; )
        written += fs.writeSync(fd, bytes, written, bytes.byteLength - written);
    } catch (error) {
      throw stagingFailure(error, 'write', this.#path);
    }
    this.sizeBytes += bytes.byteLength;
  }

  /** Gives all that was written, and removes the file. */
  takeBack(into: Uint8Array): void {
    if (this.sizeBytes === 0) return;
    try {
      const fd = this.#opened();
      for (let read = 0; read < this.sizeBytes; ) {
        const count = fs.readSync(fd, into, read, this.sizeBytes - read, read);
        if (count === 0) throw cutShort(this.#path);
        read += count;
      }
      fs.unlinkSync(this.#path);
    } catch (error) {
      throw stagingFailure(error, 'read', this.#path);
    }
  }

  #opened(): number {
    if (this.#fd === undefined) {
      const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants;
      this.#fd = fs.openSync(this.#path, O_RDWR | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600);
      this.#onOpened(this.#fd);
    }
    return this.#fd;
  }
}

export const temporaryPrefix = 'holdfast-packs-';

async function newTemporaryFolder(): Promise<string> {
  const parent = os.tmpdir();
  await sweep(parent);
  try {
    return await mkdtemp(join(parent, temporaryPrefix));
  } catch (error) {
    throw stagingFailure(error, 'make a folder in', parent);
  }
}

/**
 * Removes the folders of runs that were killed; only those that nobody but us could change meanwhile: in a folder of somebody
 * else, a link that takes the place of a folder while it is being removed would lead us out of it.
 */
async function sweep(parent: string): Promise<void> {
  const oldestMs = systemClock.now().getTime() - limits.forgottenPacksAgeMs;
  try {
    for (const name of await readdir(parent)) {
      if (!name.startsWith(temporaryPrefix)) continue;
      const path = join(parent, name);
      const found = await lstat(path);
      const isOurs = process.geteuid === undefined || (found.uid === process.geteuid() && (found.mode & 0o077) === 0);
      if (found.isDirectory() && isOurs && found.mtimeMs < oldestMs) await rm(path, { recursive: true, force: true });
    }
  } catch (error) {
    // Not ours to list, or just removed by another run: the next one sweeps.
    if (errnoOf(error) === undefined) throw error;
  }
}

async function readStaged(
  { path, sizeBytes }: StagedObject,
  memory: SharedArrayBuffer | undefined,
): Promise<Uint8Array<SharedArrayBuffer>> {
  await using file = await open(path, fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0));
  const { size } = await file.stat();
  if (size !== sizeBytes) throw cutShort(path);
  const buffer = memory !== undefined && memory.byteLength >= size ? memory : new SharedArrayBuffer(size);
  const bytes = new Uint8Array(buffer, 0, size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await file.read(bytes, done, size - done, done);
    if (bytesRead === 0) throw cutShort(path);
    done += bytesRead;
  }
  return bytes;
}

function cutShort(path: string): HoldfastError {
  return new HoldfastError('storage.unavailable', { message: `${path} was cut short.` });
}

function stagingFailure(error: unknown, operation: string, path: string): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const full = errno === 'ENOSPC' || errno === 'EDQUOT';
  return new HoldfastError(full ? 'storage.full' : 'storage.unavailable', {
    message: `Can't ${operation} ${path}: ${full ? 'no space is left on the file system' : `the system reports ${errno}`}.`,
    context: { path, errno },
    cause: error,
  });
}
