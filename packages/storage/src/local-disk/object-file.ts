import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { throwIfCancelled } from '../cancellation.ts';
import { streamPieceBytes, writeBatchBytes } from '../limits.ts';
import { printableName } from '../object-name.ts';
import type { ObjectName } from '../target.ts';
import type { Folders } from './folders.ts';
import type { Layout } from './layout.ts';
import { noFollow } from './temporary-file.ts';

export interface OpenObject extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
}

/** Opens a stored object for reading; never a link, device or pipe that stands in its place. */
export async function openObject(layout: Layout, folders: Folders, name: ObjectName): Promise<OpenObject> {
  if (!(await folders.exists(layout.objectFolder(name)))) throw missing(layout, name);
  // Without O_NONBLOCK a pipe in the object's place would hold up the open for ever.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | noFollow;
  const handle = await open(layout.objectFile(name), flags);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw notRegular(layout, name);
    return { handle, sizeBytes: found.size, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Undefined if there is no such object. */
export async function statObject(layout: Layout, folders: Folders, name: ObjectName): Promise<Stats | undefined> {
  if (!(await folders.exists(layout.objectFolder(name)))) return undefined;
  try {
    const found = await lstat(layout.objectFile(name));
    if (!found.isFile()) throw notRegular(layout, name);
    return found;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** SHA-256 of the whole content, read in batches. Also makes the content durable: somebody else may be about to. */
export async function digestObject(object: OpenObject, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(writeBatchBytes);
  let position = 0;
  for (;;) {
    throwIfCancelled(signal);
    const { bytesRead } = await object.handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  // Windows refuses this for a file opened for reading.
  if (process.platform !== 'win32') await object.handle.sync();
  return hash.digest('hex');
}

/** A part of an object in pieces of at most 256 KiB. Two take turns: one is read while the reader has the other. */
export async function* readPieces(
  object: OpenObject,
  part: {
    readonly name: ObjectName;
    readonly offset: number;
    readonly length: number;
    readonly signal: AbortSignal | undefined;
  },
): AsyncGenerator<Uint8Array> {
  const { name, offset, length, signal } = part;
  const read = async (buffer: Buffer, done: number): Promise<Buffer> => {
    const { bytesRead } = await object.handle.read(buffer, 0, Math.min(buffer.length, length - done), offset + done);
    // Cut short since it was opened.
    if (bytesRead === 0) rangeLength(name, { offset, length, sizeBytes: offset + done });
    return buffer.subarray(0, bytesRead);
  };
  const pieceBytes = Math.min(length, streamPieceBytes);
  let [now, next] = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(length > pieceBytes ? pieceBytes : 0)];
  let reading = length > 0 ? read(now, 0) : undefined;
  try {
    for (let done = 0; reading !== undefined; ) {
      throwIfCancelled(signal);
      const piece: Buffer = await reading;
      done += piece.length;
      [now, next] = [next, now];
      reading = done < length ? read(now, done) : undefined;
      yield piece;
    }
  } finally {
    // The file may be closed only when nobody reads from it any more; how that read went is nobody's business.
    await reading?.then(undefined, () => undefined);
  }
}

/** Refuses with `storage.range` what goes beyond the end; gives the number of bytes to read. */
export function rangeLength(
  name: ObjectName,
  range: { readonly offset: number; readonly length: number | undefined; readonly sizeBytes: number },
): number {
  const { offset, sizeBytes } = range;
  const length = range.length ?? Math.max(0, sizeBytes - offset);
  if (offset + length > sizeBytes)
    throw new HoldfastError('storage.range', {
      message: `${printableName(name)} has ${sizeBytes} bytes; ${length} from ${offset} on were asked for`,
      context: { type: name.type, id: name.id, sizeBytes, offset, length },
    });
  return length;
}

function missing(layout: Layout, name: ObjectName): HoldfastError {
  return new HoldfastError('storage.missing', {
    message: `There is no ${printableName(name)} in ${layout.root}`,
    context: { type: name.type, id: name.id },
  });
}

function notRegular(layout: Layout, name: ObjectName): HoldfastError {
  return new HoldfastError('storage.tampered', {
    message: `${layout.objectFile(name)} is not a regular file`,
    guidance: 'Links inside a repository are never followed. Find out who put it there.',
    context: { type: name.type, id: name.id },
  });
}
