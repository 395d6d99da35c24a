import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { adviseReading } from '@holdfast/native';
import type { ObjectId } from '../format/object-id.ts';
import type { PackToVerify } from './pack-windows.ts';

/** Reads packs that are files of this computer in the thread that verifies them: without messages, each opened once. */
export class LocalPackReader {
  readonly #open = new Map<ObjectId, number>();

  /** True when `into` was filled. False says nothing: the target is asked, which knows what is wrong. */
  read({ id, file }: PackToVerify, offset: number, into: Uint8Array): boolean {
    if (file === undefined) return false;
    try {
      const descriptor = this.#open.get(id) ?? this.#openPack(id, file);
      for (let done = 0; done < into.byteLength; ) {
        const count = readSync(descriptor, into, done, into.byteLength - done, offset + done);
        if (count === 0) return false;
        done += count;
      }
      // The disk brings the next window while this one is verified.
      adviseReading(descriptor, 'willNeed', { offset: offset + into.byteLength, length: into.byteLength });
      return true;
    } catch {
      // The target says why.
      return false;
    }
  }

  close(id: ObjectId): void {
    const descriptor = this.#open.get(id);
    if (descriptor !== undefined) closeSync(descriptor);
    this.#open.delete(id);
  }

  #openPack(id: ObjectId, file: string): number {
    // As the target opens it: no link, and without O_NONBLOCK a pipe would hold up the open for ever.
    const descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
    this.#open.set(id, descriptor);
    if (!fstatSync(descriptor).isFile()) throw new TypeError('a pack is a regular file');
    return descriptor;
  }
}
