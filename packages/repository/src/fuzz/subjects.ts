import { hash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import type { ErrorCode } from '@holdfast/core';
import { IndexListing } from '../blob-index/index-listing.ts';
import { unsealBlob } from '../format/blob.ts';
import { BlobCipher } from '../format/blob-cipher.ts';
import { unzstd } from '../format/compression.ts';
import { decodeConfig, encodeConfig, newConfig } from '../format/config.ts';
import { quoteName, unquoteName } from '../format/go-text.ts';
import { decodeIndex, encodeIndex } from '../format/index-file.ts';
import { isRecord } from '../format/json-record.ts';
import { encodeKeyFile, openKeyFile } from '../format/key-file.ts';
import { decodeLockFile, encodeLockFile, newLockFile } from '../format/lock-file.ts';
import { encodeNode } from '../format/node.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import { decodeHeader, encodeHeader, openPackHeader } from '../format/pack-header.ts';
import { decodeRepositoryKey, encodeRepositoryKey, newRepositoryKey } from '../format/repository-key.ts';
import { formatTime, isTime, parseTime } from '../format/rfc3339.ts';
import { decodeSnapshot, encodeSnapshot } from '../format/snapshot.ts';
import { decodeTree, encodeTree } from '../format/tree.ts';
import { decodeFile } from '../format/unpacked-file.ts';
import { readPackTail } from '../packs/pack-tail.ts';
import { listedPacks } from '../testing/listed-packs.ts';
import { fuzzNodes, fuzzSnapshot } from './samples.ts';

/** One parser of what a repository holds. */
export interface FuzzSubject {
  readonly name: string;
  /** What mutations begin with; the first one is accepted. */
  readonly inputs: readonly Uint8Array[];
  /** Codes of the errors that it may throw. Anything else is a defect. */
  readonly codes: readonly ErrorCode[];
  /** Parses; where it accepts, checks that what it gives can be written again and means the same. */
  readonly parse: (input: Buffer) => unknown;
}

const damaged = ['repository.damaged'] as const;
const sealedCodes = ['repository.damaged', 'storage.tampered', 'internal.limit'] as const;

export async function fuzzSubjects(): Promise<readonly FuzzSubject[]> {
  const key = newRepositoryKey();
  const cipher = new BlobCipher(key);
  const id = new Uint8Array(32).fill(0xab);
  const blobs = [
    { type: 'data', id, length: 40, uncompressedLength: 0 },
    { type: 'tree', id: new Uint8Array(32), length: 100, uncompressedLength: 70_000 },
  ] as const;
  const header = encodeHeader(blobs);
  const sealedHeader = cipher.seal(header);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(sealedHeader.byteLength);
  const pack = Buffer.concat([Buffer.alloc(140), sealedHeader, length]);
  const tree = encodeTree(fuzzNodes);
  const snapshot = encodeSnapshot(fuzzSnapshot);
  const index = encodeIndex([{ id, header }]);
  const keyFile = await encodeKeyFile(key, 'password', { cost: { N: 2, r: 1, p: 1 } });
  const plains = [tree, snapshot, index, Buffer.from('[]'), Buffer.from('{}'), Buffer.of(2)];
  const unpacked = plains.flatMap((plain) => [plain, Buffer.concat([Buffer.of(2), zstdCompressSync(plain)])]);
  return [
    {
      name: 'index',
      inputs: [index],
      codes: damaged,
      parse: (input) => {
        const listing = new IndexListing();
        const packs = decodeIndex(input, 'Index').filter((pack) => pack.blobs.length > 0);
        // The scanner understands the same, or leaves it to the other one.
        if (listing.scan(input)) same(JSON.stringify(listedPacks(listing)), JSON.stringify(packs));
        listing.read(input, 'Index');
        same(JSON.stringify(listedPacks(listing)), JSON.stringify(packs));
      },
    },
    {
      name: 'index-scan',
      inputs: [index],
      codes: damaged,
      // What the scanner takes, the other one takes.
      parse: (input) => (new IndexListing().scan(input) ? decodeIndex(input, 'Index') : undefined),
    },
    {
      name: 'tree',
      inputs: [tree, Buffer.from('{"nodes":null}\n'), ...fuzzNodes.map((node) => Buffer.from(encodeNode(node)))],
      codes: damaged,
      parse: (input) => {
        const nodes = decodeTree(input);
        // Whatever is accepted can be written, and is read as the same.
        for (const node of nodes)
          same(
            encodeNode(node),
            decodeTree(Buffer.from(`{"nodes":[${encodeNode(node)}]}`))
              .map(encodeNode)
              .join(),
          );
      },
    },
    {
      name: 'snapshot',
      inputs: [snapshot],
      codes: damaged,
      parse: (input) => {
        const written = encodeSnapshot(decodeSnapshot(input, 'Snapshot'));
        same(written.toString(), encodeSnapshot(decodeSnapshot(written, 'Snapshot')).toString());
      },
    },
    {
      name: 'config',
      inputs: [encodeConfig(newConfig())],
      codes: [...damaged, 'repository.version'],
      parse: (input) => decodeConfig(input),
    },
    {
      name: 'lock',
      inputs: [encodeLockFile(newLockFile(new Date('2026-01-02T03:04:05Z'), true))],
      codes: damaged,
      parse: (input) => decodeLockFile(input, 'Lock'),
    },
    {
      name: 'key-file',
      inputs: [keyFile.bytes],
      codes: [...damaged, 'repository.version', 'internal.limit'],
      parse: (input) => (isCheap(input) ? openKeyFile(input, 'password', 'Key') : undefined),
    },
    {
      name: 'master-key',
      inputs: [encodeRepositoryKey(key)],
      codes: damaged,
      parse: (input) => decodeRepositoryKey(input),
    },
    { name: 'pack-header', inputs: [header], codes: damaged, parse: (input) => decodeHeader(input) },
    {
      name: 'pack',
      inputs: [pack],
      codes: sealedCodes,
      parse: async (input) => {
        const outcomes = await Promise.all([
          outcome(async () => openPackHeader(cipher, input)),
          outcome(
            async () =>
              (
                await readPackTail(cipher, { sizeBytes: input.byteLength, guessBytes: 0 }, async (offset, size) =>
                  input.subarray(offset, offset + size),
                )
              ).header,
          ),
        ]);
        same(outcomes[0], outcomes[1]);
        return openPackHeader(cipher, input);
      },
    },
    {
      name: 'sealed-file',
      inputs: unpacked.map((plain) => cipher.seal(plain)),
      codes: sealedCodes,
      // Under the name that it would have: what a holder of the storage can plant.
      parse: (input) => decodeFile(cipher, input, { id: idOf(input), what: 'File' }),
    },
    {
      name: 'unpacked-file',
      inputs: unpacked,
      codes: sealedCodes,
      // Sealed with the right key: what a holder of the key can plant.
      parse: (input) => {
        const sealed = cipher.seal(input);
        return decodeFile(cipher, sealed, { id: idOf(sealed), what: 'File' });
      },
    },
    {
      name: 'zstd',
      inputs: plains.map((plain) => zstdCompressSync(plain)),
      codes: sealedCodes,
      parse: (input) => {
        const plain = unzstd(input, { maxSizeBytes: 1_000_000, what: 'Frame' });
        if (plain.byteLength > 1_000_000) throw new Error(`${plain.byteLength} bytes came out`);
      },
    },
    {
      name: 'blob',
      inputs: [zstdCompressSync(tree), zstdCompressSync(Buffer.alloc(100_000))],
      codes: sealedCodes,
      parse: (input) => {
        const sealed = cipher.seal(input);
        const place = { offset: 0, length: sealed.byteLength, uncompressedLength: tree.byteLength };
        const plain = unsealBlob(cipher, sealed, { id: objectIdOf(id), ...place });
        if (plain.byteLength !== tree.byteLength) throw new Error(`${plain.byteLength} bytes came out`);
      },
    },
    {
      name: 'go-text',
      inputs: fuzzNodes.flatMap(({ name }) => [Buffer.from(quoteName(name)), name]),
      codes: damaged,
      parse: (input) => {
        // Any bytes can be a name, and come back.
        same(unquoteName(quoteName(input)).toString('hex'), input.toString('hex'));
        return unquoteName(input.toString());
      },
    },
    {
      name: 'rfc3339',
      inputs: ['2026-03-04T05:06:07.123456789Z', '0000-01-01T00:00:00-23:59', '9999-12-31T23:59:59+00:01'].map((time) =>
        Buffer.from(time),
      ),
      codes: [],
      parse: (input) => {
        const timeNs = parseTime(input.toString());
        same(isTime(input.toString()), timeNs !== undefined);
        if (timeNs !== undefined && inYears(timeNs)) same(parseTime(formatTime(timeNs)), timeNs);
      },
    },
  ];
}

/** Years that can be written; an offset moves others into sight. */
function inYears(timeNs: bigint): boolean {
  return timeNs >= -62_167_219_200_000_000_000n && timeNs < 253_402_300_800_000_000_000n;
}

/** A derivation may take a gibibyte and a minute by design: what asks for more than a little is not tried here. */
function isCheap(json: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(json.toString());
    if (!isRecord(value)) return true;
    const [N, r, p] = [Number(value['N']), Number(value['r']), Number(value['p'])];
    const memoryBytes = 128 * N * r;
    return !(memoryBytes * p > 1024 * 1024) || memoryBytes > 2 ** 31 || p > 1000;
  } catch {
    // No JSON: refused before it costs anything.
    return true;
  }
}

function same(one: unknown, other: unknown): void {
  if (one !== other) throw new Error(`${String(one).slice(0, 500)} is not ${String(other).slice(0, 500)}`);
}

/** For comparing two ways of reading one thing. */
async function outcome(read: () => Promise<Uint8Array>): Promise<string> {
  try {
    return Buffer.from(await read()).toString('hex');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The name of a file with this content. */
export function idOf(bytes: Uint8Array): ObjectId {
  return objectIdOf(hash('sha256', bytes, 'buffer'));
}
