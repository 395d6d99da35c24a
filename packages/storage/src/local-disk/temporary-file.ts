import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { maxPiecesPerWrite } from '../limits.ts';
import { printableName } from '../object-name.ts';
import type { CreateOptions, ObjectName } from '../target.ts';
import { objectMode } from './layout.ts';

/** Zero where the system doesn't have it (Windows). */
export const noFollow: number = constants.O_NOFOLLOW ?? 0;

/** SHA-256 of a body in pieces, or the digest that the caller knows already. */
class ContentHash {
  readonly #hash = createHash('sha256');
  readonly #known: string | undefined;

  constructor(known?: string) {
    this.#known = known;
  }

  update(pieces: readonly Uint8Array[]): void {
    if (this.#known === undefined) for (const piece of pieces) this.#hash.update(piece);
  }

  digest(): string {
    return this.#known ?? this.#hash.digest('hex');
  }
}

/** A config's name says nothing about its content. */
export function contentHash(name: ObjectName, options: CreateOptions): ContentHash {
  return new ContentHash(options.verified && name.type !== 'config' ? name.id : undefined);
}

export function requireDigest(name: ObjectName, digest: string): void {
  if (name.type === 'config' || digest === name.id) return;
  throw new HoldfastError('storage.tampered', {
    message: `The body of ${printableName(name)} has another SHA-256 than its name; nothing was stored`,
    guidance: 'It was damaged on its way or in memory. If it happens again, test the memory of both computers.',
    context: { type: name.type, id: name.id, digest },
  });
}

/**
 * A file that nobody takes for an object, hashed while it is written. Removed when disposed, so that whatever goes wrong
 * leaves nothing; what a crash leaves is swept up when the repository is next opened.
 */
export class TemporaryFile implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #content: ContentHash;
  #moved = false;

  private constructor(path: string, handle: FileHandle, content: ContentHash) {
    this.path = path;
    this.#handle = handle;
    this.#content = content;
  }

  static async create(folder: string, content = new ContentHash()): Promise<TemporaryFile> {
    const path = join(folder, randomUUID());
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow;
    return new TemporaryFile(path, await open(path, flags, objectMode), content);
  }

  /** One that was written already, with what its writer knows of it. @throws storage.tampered when it has another size */
  static async open(
    path: string,
    written: { readonly digest: string; readonly sizeBytes: number },
  ): Promise<TemporaryFile> {
    const handle = await open(path, constants.O_RDWR | noFollow);
    const file = new TemporaryFile(path, handle, new ContentHash(written.digest));
    try {
      const { size } = await handle.stat();
      if (size !== written.sizeBytes)
        throw new HoldfastError('storage.tampered', {
          message: `${path} has ${size} bytes where ${written.sizeBytes} were written; nothing was stored`,
        });
      await protect(handle);
      return file;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Writes everything; the pieces are hashed while the disk is at work. */
  async write(pieces: readonly Uint8Array[]): Promise<void> {
    const written = writeAll(this.#handle, pieces);
    this.#content.update(pieces);
    await written;
  }

  /** Makes the content durable and gives its SHA-256. Nothing can be written afterwards. */
  async finish(): Promise<string> {
    await this.#handle.sync();
    return this.#content.digest();
  }

  /** The file has been renamed: there is nothing to remove any more. */
  moved(): void {
    this.#moved = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    if (this.#moved) return;
    try {
      await unlink(this.path);
    } catch (error) {
      // Somebody removed it, or the disk vanished: what matters is that no object was made, and leftovers are swept up.
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
    }
  }
}

/** Some file systems have no modes: an object is not less durable for that. */
async function protect(handle: FileHandle): Promise<void> {
  try {
    await handle.chmod(objectMode);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error;
  }
}

/** One call may write less than it was given: on a disk that is about to be full, always. */
async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  let rest = pieces.filter((piece) => piece.length > 0);
  while (rest.length > 0) {
    let { bytesWritten } = await handle.writev(rest.slice(0, maxPiecesPerWrite));
    if (bytesWritten === 0) throw new HoldfastError('storage.unavailable', { message: 'The disk takes no more bytes' });
    let first = 0;
    for (let piece = rest[first]; piece !== undefined && piece.length <= bytesWritten; piece = rest[first]) {
      bytesWritten -= piece.length;
      first += 1;
    }
    const partly = rest[first];
    rest = partly === undefined ? [] : [partly.subarray(bytesWritten), ...rest.slice(first + 1)];
  }
}
