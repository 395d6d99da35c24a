import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { nextData } from '@holdfast/native';
import { asBuffer, joinPath, splitPath } from '../byte-path.ts';
import { FolderHandle } from '../folder-handle.ts';
import { limits } from '../limits.ts';
import { openToRead } from '../open-to-read.ts';
import { problem, readProblem } from '../problem.ts';
import type { BackupSetup, OpenFile, ReadJob, ReadResult } from './backup-jobs.ts';
import type { BlobStore } from './blob-store.ts';
import { Chunker, type Range } from './chunker.ts';
import { ReadingPlaces } from './reading-places.ts';
import { fileVersion } from './source-file.ts';

/**
 * Reads large files piece by piece into slabs that all threads see, and finds the chunks of each piece. Steps keep
 * nothing between them but the open file, so any thread can make the next one. A thread opens the file, and hands it over with
 * its first answer; only the main thread closes it: two that did could close somebody else's file that got the number meanwhile.
 */
export class LargeFileReader {
  readonly #store: BlobStore;
  readonly #gear: Uint32Array;
  readonly #chunker: Chunker;
  readonly #places: ReadingPlaces;
  #zeros: Uint8Array | undefined;

  constructor(setup: BackupSetup, store: BlobStore) {
    this.#store = store;
    this.#gear = setup.gear;
    this.#chunker = new Chunker(setup.slabs, setup.gear);
    this.#places = new ReadingPlaces(setup.readingPlaces);
  }

  /** The bytes of a chunk that lies in a slab. */
  chunk({ start, end }: Range): Buffer {
    return this.#chunker.bytes.subarray(start, end);
  }

  /** The chunks of a piece that somebody else put into a slab. */
  cut(piece: Range, options: { readonly last: boolean }): Range[] {
    return this.#chunker.chunks(piece, options);
  }

  read(job: ReadJob): ReadResult {
    const path = asBuffer(job.path);
    let open = job.open;
    try {
      open ??= openLargeFile(this.#places.of(path));
      return this.#piece(job, path, open);
    } catch (error) {
      if (errnoOf(error) === undefined) {
        // Not handed over yet: nobody else knows it.
        if (open !== undefined && job.open === undefined) fs.closeSync(open.fd);
        throw error;
      }
      return {
        kind: 'read',
        open,
        zeroChunks: undefined,
        chunks: [],
        offset: job.offset,
        end: true,
        problem: readProblem(path, error).toJSON(),
        failed: true,
        stored: this.#store.takeStored(),
      };
    }
  }

  #piece(job: ReadJob, path: Buffer, open: OpenFile): ReadResult {
    const zeroChunks = open.sparse ? this.#hole(open.fd, job.offset) : undefined;
    const offset = job.offset + (zeroChunks === undefined ? 0 : zeroChunks.count * zeroChunks.sizeBytes);
    const slabAt = job.slab * limits.slabSizeBytes;
    let length = 0;
    let end = false;
    while (length < limits.slabSizeBytes && !end) {
      const want = limits.slabSizeBytes - length;
      const count = fs.readSync(open.fd, this.#chunker.bytes, slabAt + length, want, offset + length);
      length += count;
      end = count === 0;
    }
    const piece = { start: slabAt, end: slabAt + length };
    const chunks = this.#store.processing(() => this.#chunker.chunks(piece, { last: end }));
    const taken = (chunks.at(-1)?.end ?? slabAt) - slabAt;
    const changed = end && fileVersion(fs.fstatSync(open.fd, { bigint: true })) !== open.version;
    return {
      kind: 'read',
      open,
      zeroChunks,
      chunks,
      offset: offset + taken,
      end,
      problem: changed ? problem('file.changed', path, 'changed while it was being read').toJSON() : undefined,
      failed: false,
      stored: this.#store.takeStored(),
    };
  }

  /**
   * A hole of a sparse file as the chunks that its zeros would give, without reading or hashing them. A chunk that
   * begins in a long run of zeros always has the same length, so the result is what reading would have given.
   */
  #hole(fd: number, offset: number): ReadResult['zeroChunks'] {
    const dataAt = nextData(fd, offset) ?? fs.fstatSync(fd).size;
    if (dataAt - offset < limits.chunkMaxSizeBytes) return undefined;
    this.#zeros ??= firstChunk(new Chunker(limits.chunkMaxSizeBytes, this.#gear));
    const sizeBytes = this.#zeros.length;
    const [id] = this.#store.storeData([this.#zeros]);
    return id && { count: Math.floor((dataAt - offset) / sizeBytes), id, sizeBytes };
  }
}

function firstChunk(chunker: Chunker): Uint8Array {
  const [chunk] = chunker.chunks({ start: 0, end: chunker.bytes.length }, { last: true });
  return chunker.bytes.subarray(0, chunk?.end);
}

function openLargeFile(path: Buffer): OpenFile {
  const names = splitPath(path);
  const name = names.at(-1) ?? Buffer.alloc(0);
  using folder = FolderHandle.open(names.slice(0, -1).reduce(joinPath, Buffer.from('/')));
  const fd = openToRead(folder.path(name));
  const stat = fs.fstatSync(fd, { bigint: true });
  if (!stat.isFile()) {
    fs.closeSync(fd);
    throw Object.assign(new Error('no longer a file'), { code: 'ENOENT' });
  }
  return { fd, sparse: stat.blocks * 512n < stat.size, version: fileVersion(stat) };
}
