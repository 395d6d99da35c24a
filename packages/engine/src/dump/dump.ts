import { pipeline } from 'node:stream/promises';
import { crc32, createDeflateRaw } from 'node:zlib';
import { HoldfastError, tarEnd, tarPadding } from '@holdfast/core';
import type { Node, ObjectId, Repository } from '@holdfast/repository';
import { walkTree } from '../walk-tree.ts';
import { type ContentPiece, type DumpEntry, readContents } from './read-contents.ts';
import { fitsTar, tarHeader } from './tar-header.ts';
import { centralRecord, descriptorRecord, endRecords, localRecord, type ZipSizes, zipEntry } from './zip-records.ts';

/** Takes bytes and resolves when it wants more. */
export type DumpSink = (bytes: Uint8Array) => Promise<void>;

interface DumpOptions {
  readonly sink: DumpSink;
  readonly signal?: AbortSignal | undefined;
}

/** Writes the content of one file. @throws repository.damaged, storage.tampered */
export async function dumpFile(repository: Repository, options: DumpOptions & { readonly node: Node }): Promise<void> {
  const { sink, signal, node } = options;
  for await (const piece of readContents(repository, [{ path: node.name, node }], { signal }))
    if (piece.kind === 'data') await sink(piece.bytes);
}

/**
 * Writes what is in a folder as an archive, in the order of the tree. `path` is the folder's own, which stands in front of
 * every name. Hard links become files of their own, as in restic; a zip file holds files, folders and links only.
 * @throws repository.damaged, storage.tampered
 */
export async function dumpFolder(
  repository: Repository,
  options: DumpOptions & {
    readonly tree: ObjectId;
    readonly path: Buffer;
    readonly format: 'tar' | 'zip';
  },
): Promise<void> {
  const { format, sink, signal } = options;
  const pieces = readContents(repository, entriesOf(repository, options), { signal });
  if (format === 'tar') await writeTar(pieces, sink);
  else await writeZip(pieces, { sink, signal });
}

async function* entriesOf(
  repository: Repository,
  o: Pick<Parameters<typeof dumpFolder>[1], 'tree' | 'path' | 'format' | 'signal'>,
): AsyncGenerator<DumpEntry> {
  for await (const event of walkTree(repository, { tree: o.tree, path: o.path, signal: o.signal })) {
    if (event.kind !== 'node') continue;
    const { node } = event;
    const fits = o.format === 'tar' ? fitsTar(node) : ['file', 'dir', 'symlink'].includes(node.type);
    if (fits) yield { path: event.path.subarray(1), node };
  }
}

async function writeTar(pieces: AsyncIterable<ContentPiece>, sink: DumpSink): Promise<void> {
  let padding: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    if (piece.kind === 'data') {
      await sink(piece.bytes);
      continue;
    }
    await sink(Buffer.concat([padding, tarHeader(piece.entry, piece.sizeBytes)]));
    padding = tarPadding(piece.sizeBytes);
  }
  await sink(Buffer.concat([padding, tarEnd]));
}

async function writeZip(pieces: AsyncGenerator<ContentPiece>, o: DumpOptions): Promise<void> {
  const directory: Buffer[] = [];
  let offset = 0;
  const write: DumpSink = async (bytes) => {
    offset += bytes.byteLength;
    await o.sink(bytes);
  };
  try {
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) {
      if (next.value.kind !== 'entry') throw outOfStep();
      const { entry, sizeBytes } = next.value;
      const record = zipEntry(entry, { sizeBytes, offset });
      let sizes = linkSizes(entry.node);
      await write(localRecord(record, sizes));
      if (record.streamed) {
        sizes = await deflate(pieces, { sizeBytes, sink: write, signal: o.signal });
        await write(descriptorRecord(record, sizes));
      } else if (entry.node.linkTarget !== undefined) await write(entry.node.linkTarget);
      directory.push(centralRecord(record, sizes));
    }
  } finally {
    await pieces.return(undefined);
  }
  const start = offset;
  for (const record of directory) await write(record);
  await write(endRecords({ entries: directory.length, sizeBytes: offset - start, offset: start }));
}

/** A link's content is where it points. */
function linkSizes(node: Node): ZipSizes {
  const target = node.type === 'symlink' ? (node.linkTarget ?? Buffer.alloc(0)) : Buffer.alloc(0);
  return { crc: crc32(target), packedBytes: target.length, plainBytes: target.length };
}

/** Takes the data of one file from the pieces and writes it deflated. */
async function deflate(
  pieces: AsyncGenerator<ContentPiece>,
  o: { readonly sizeBytes: number; readonly sink: DumpSink; readonly signal?: AbortSignal | undefined },
): Promise<ZipSizes> {
  let crc = 0;
  let plainBytes = 0;
  let packedBytes = 0;
  const data = async function* (): AsyncGenerator<Buffer> {
    while (plainBytes < o.sizeBytes) {
      const next = await pieces.next();
      if (next.done || next.value.kind !== 'data') throw outOfStep();
      const { bytes } = next.value;
      crc = crc32(bytes, crc);
      plainBytes += bytes.length;
      yield bytes;
    }
  };
  const packed = createDeflateRaw();
  await pipeline(
    data,
    packed,
    async (output: AsyncIterable<Buffer>) => {
      for await (const bytes of output) {
        packedBytes += bytes.length;
        await o.sink(bytes);
      }
    },
    o.signal === undefined ? {} : { signal: o.signal },
  );
  return { crc, packedBytes, plainBytes };
}

function outOfStep(): HoldfastError {
  return new HoldfastError('internal.unexpected', {
    message: 'The data of a file does not have the length it should.',
  });
}
