import fs from 'node:fs';
import { encodeNode, type ObjectId } from '@holdfast/repository';
import type { FoundFile, OpenFile, ReadResult } from './backup-jobs.ts';
import type { FolderState, Slot } from './folder-state.ts';

/** A large file on its way: pieces are read one after the other, their chunks stored by any thread in any order. */
export class LargeFile {
  readonly path: Buffer;
  readonly folder: FolderState;
  readonly found: FoundFile;
  readonly #slot: Slot;
  open: OpenFile | undefined;
  offset = 0;
  reading = false;
  readToEnd = false;
  failed = false;
  chunksPending = 0;
  #ids: ObjectId[] = [];

  constructor(options: { path: Buffer; folder: FolderState; slot: Slot; found: FoundFile }) {
    this.path = options.path;
    this.folder = options.folder;
    this.#slot = options.slot;
    this.found = options.found;
  }

  /** Takes over a piece and gives the number of its first chunk. */
  take(result: ReadResult): number {
    this.reading = false;
    this.open = result.open;
    this.offset = result.offset;
    this.readToEnd = result.end;
    if (result.end) this.close();
    this.failed ||= result.failed;
    if (result.zeroChunks !== undefined)
      for (let count = result.zeroChunks.count; count > 0; count -= 1) this.#ids.push(result.zeroChunks.id);
    const first = this.#ids.length;
    this.#ids.length += result.chunks.length;
    this.chunksPending += result.chunks.length;
    return first;
  }

  stored(first: number, ids: readonly ObjectId[]): void {
    for (const [at, id] of ids.entries()) this.#ids[first + at] = id;
    this.chunksPending -= ids.length;
  }

  /** No thread may read from it any more: somebody else's file gets the number. */
  close(): void {
    if (this.open !== undefined) fs.closeSync(this.open.fd);
    this.open = undefined;
  }

  get complete(): boolean {
    return this.readToEnd && this.chunksPending === 0;
  }

  /** Puts its node in place. */
  finish(): void {
    if (this.failed) return;
    const name = Buffer.from(this.found.node.name);
    this.#slot.json = encodeNode({ ...this.found.node, name, size: BigInt(this.offset), content: this.#ids });
    this.#ids = [];
  }
}
