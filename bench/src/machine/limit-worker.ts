import { hash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { zstdDecompressSync } from 'node:zlib';
import { Chunker } from '@holdfast/engine';
import { sha256Each, zstdContext } from '@holdfast/native';
import { BlobCipher, PackBuilder, type UnnamedPack, visitHeader } from '@holdfast/repository';
import { limitReadBytes } from '../limits.ts';
import type { FilePart, LimitJob, StoredBlob, StoredPack, WorkerMessage } from './limit-job.ts';

/** One core's share of a limit: straight loops over the primitives that the product uses. */

/** The lanes of the kernel: so many packs are hashed side by side. */
const packsAtOnce = 8;

const job = workerData as LimitJob;
const cipher = new BlobCipher(job.key);
const zstd = zstdContext();

parentPort?.once('message', () => {
  try {
    post({ kind: 'done', packs: run() });
  } catch (error) {
    post({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
post({ kind: 'ready' });

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

function run(): readonly StoredPack[] {
  switch (job.kind) {
    case 'scan':
      scan();
      return [];
    case 'backup':
    case 'read again':
      return backup();
    case 'check':
    case 'restore':
      readPacks();
      return [];
  }
}

function* tasks<Task>(all: readonly Task[]): Generator<Task> {
  for (;;) {
    const task = all[Atomics.add(job.next, 0, 1)];
    if (task === undefined) return;
    yield task;
  }
}

function hashes(inputs: readonly Uint8Array[]): readonly Uint8Array[] {
  if (job.hashing === 'one by one') return inputs.map((input) => hash('sha256', input, 'buffer'));
  const all = sha256Each(inputs);
  return inputs.map((_, at) => all.subarray(at * 32, at * 32 + 32));
}

function scan(): void {
  for (const folder of tasks(job.paths)) for (const name of readdirSync(folder)) lstatSync(join(folder, name));
}

function backup(): readonly StoredPack[] {
  const chunker = new Chunker(limitReadBytes, job.gear);
  const writer = new PackWriter();
  for (const parts of tasks(job.reads)) {
    const blobs: { part: FilePart; bytes: Uint8Array }[] = [];
    let filled = 0;
    for (const part of parts) {
      readPart(part, chunker.bytes.subarray(filled, filled + part.length));
      for (const { start, end } of chunker.chunks({ start: filled, end: filled + part.length }, { last: true }))
        blobs.push({
          part: { file: part.file, offset: part.offset + start - filled, length: end - start },
          bytes: chunker.bytes.subarray(start, end),
        });
      filled += part.length;
    }
    const ids = hashes(blobs.map(({ bytes }) => bytes));
    if (job.kind === 'backup')
      for (const [at, { part, bytes }] of blobs.entries()) writer.add(ids[at] ?? new Uint8Array(32), part, bytes);
  }
  return writer.finish();
}

class PackWriter {
  readonly #builder = new PackBuilder({
    cipher,
    type: 'data',
    compress: zstd && ((plain, level) => zstd.compress(plain, level)),
  });
  readonly #written: StoredPack[] = [];
  #parts: FilePart[] = [];
  #waiting: { readonly pack: UnnamedPack; readonly parts: readonly FilePart[] }[] = [];

  add(id: Uint8Array, part: FilePart, bytes: Uint8Array): void {
    this.#builder.add(id, bytes);
    this.#parts.push(part);
    if (this.#builder.full) this.#close();
  }

  finish(): readonly StoredPack[] {
    this.#close();
    this.#write();
    return this.#written;
  }

  #close(): void {
    const pack = this.#builder.finishUnnamed();
    if (pack === undefined) return;
    this.#waiting.push({ pack, parts: this.#parts });
    this.#parts = [];
    if (job.hashing === 'one by one' || this.#waiting.length === packsAtOnce) this.#write();
  }

  /** Named by their hash, as packs are, and durable. */
  #write(): void {
    const names = hashes(this.#waiting.map(({ pack }) => pack.bytes));
    for (const [at, { pack, parts }] of this.#waiting.entries()) {
      const path = join(job.folder, `${Buffer.from(names[at] ?? []).toString('hex')}-${threadId}`);
      const file = openSync(path, 'wx');
      try {
        writeSync(file, pack.bytes);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      this.#written.push({ path, blobs: storedBlobs(pack, parts) });
      this.#builder.reuse(pack.bytes.buffer);
    }
    this.#waiting = [];
  }
}

function storedBlobs(pack: UnnamedPack, parts: readonly FilePart[]): readonly StoredBlob[] {
  const blobs: StoredBlob[] = [];
  visitHeader(pack.header, (_type, _id, place) => {
    const part = parts[blobs.length];
    if (part)
      blobs.push({
        ...part,
        packOffset: place.offset,
        packLength: place.length,
        uncompressedLength: place.uncompressedLength,
      });
  });
  return blobs;
}

function readPart({ file, offset, length }: FilePart, into: Uint8Array): void {
  const descriptor = openSync(job.paths[file] ?? '', 'r');
  try {
    // The size is asked for as every backup program does.
    fstatSync(descriptor);
    for (let filled = 0; filled < length; ) {
      const count = readSync(descriptor, into, filled, length - filled, offset + filled);
      if (count === 0) throw new Error(`${job.paths[file] ?? ''} became shorter`);
      filled += count;
    }
  } finally {
    closeSync(descriptor);
  }
}

function readPacks(): void {
  let batch: Buffer[] = [];
  for (const pack of tasks(job.packs)) {
    const bytes = readFileSync(pack.path);
    // Blobs, MACs and header cover every byte of a pack: only a check hashes it as well.
    if (job.kind === 'check') {
      batch.push(bytes);
      if (job.hashing === 'one by one' || batch.length === packsAtOnce) {
        hashes(batch);
        batch = [];
      }
    }
    const plain = pack.blobs.map((blob) => openStored(bytes, blob));
    hashes(plain);
    if (job.kind === 'restore') for (const [at, blob] of pack.blobs.entries()) writePart(blob, plain[at] ?? bytes);
  }
  hashes(batch);
}

function openStored(pack: Uint8Array, { packOffset: offset, packLength, uncompressedLength }: StoredBlob): Uint8Array {
  const packed = cipher.open(pack.subarray(offset, offset + packLength), 'A blob of the benchmark');
  if (uncompressedLength === 0) return packed;
  return zstd?.decompress(packed, uncompressedLength) ?? zstdDecompressSync(packed);
}

function writePart({ file, offset }: StoredBlob, plain: Uint8Array): void {
  // Opening truncates nothing: parts of one file come from several packs.
  const descriptor = openSync(job.paths[file] ?? '', 'r+');
  try {
    writeSync(descriptor, plain, 0, plain.byteLength, offset);
  } finally {
    closeSync(descriptor);
  }
}
