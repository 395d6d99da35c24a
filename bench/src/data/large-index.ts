import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  BlobWriter,
  blobId,
  encodeTree,
  formatTime,
  goFileMode,
  initRepository,
  type Node,
  type ObjectId,
  objectIdOf,
  type Repository,
  sealOverheadBytes,
  timeOfDate,
} from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { SeededRandom } from './seeded-random.ts';
import { dataSeed, modifiedAt } from './seeds.ts';

/**
 * A repository of restic's format with an index of millions of blobs. Index files, trees and a snapshot are real, sealed
 * with its key; the packs have the size that the index tells, but are holes: nothing reads them, as half of them are
 * wholly in use and the other half not at all.
 */
export interface LargeIndexOptions {
  readonly folder: string;
  readonly password: string;
  readonly blobs: number;
}

/** With blobs of this length packs have 16 MiB, which no program finds too small to keep. */
const blobsPerPack = 5_000;
const sealedBlobBytes = 3_350;
const plainBlobBytes = 8_000;
const packsPerIndexFile = 10;
const filesPerFolder = 10;
const headerLengthBytes = 4;

/** Makes it, or takes the one that an earlier run left there complete. */
export async function makeLargeIndex({ folder, password, blobs }: LargeIndexOptions): Promise<void> {
  const receipt = `${folder}.json`;
  if (existsSync(receipt)) return;
  rmSync(folder, { recursive: true, force: true });
  const target = await openLocalDisk({ path: folder, create: true });
  const repository = await initRepository(target, { password });
  const usedPacks = await makePacks({ repository, folder, blobs });
  await makeSnapshot(repository, usedPacks);
  writeFileSync(receipt, JSON.stringify({ blobs }));
}

interface SyntheticPack {
  readonly id: Buffer;
  readonly header: Uint8Array;
  readonly blobCount: number;
}

/** Gives the blobs of each pack that is to be in use. */
async function makePacks(o: { repository: Repository; folder: string; blobs: number }): Promise<ObjectId[][]> {
  const random = new SeededRandom(`${dataSeed} large index`);
  // At least two packs: one in use, one not.
  const perPack = Math.min(blobsPerPack, Math.ceil(o.blobs / 2));
  const used: ObjectId[][] = [];
  let packs: SyntheticPack[] = [];
  for (let made = 0, number = 0; made < o.blobs; number += 1) {
    const blobCount = Math.min(perPack, o.blobs - made);
    const ids = Array.from({ length: blobCount }, () => random.bytes(32));
    const header = encodeHeader(ids);
    const id = random.bytes(32);
    makeHole(
      join(o.folder, 'data', id.toString('hex', 0, 1)),
      id.toString('hex'),
      blobCount * sealedBlobBytes + header.byteLength + sealOverheadBytes + headerLengthBytes,
    );
    if (number % 2 === 0) used.push(ids.map((one) => objectIdOf(one)));
    packs.push({ id, header, blobCount });
    made += blobCount;
    if (packs.length === packsPerIndexFile || made >= o.blobs) {
      await o.repository.saveIndex(packs);
      packs = [];
    }
  }
  return used;
}

/** Entries of compressed data blobs, as in a pack's header: type 2, sealed length, plain length, id. */
function encodeHeader(ids: readonly Buffer[]): Buffer {
  const entry = Buffer.alloc(9);
  entry.writeUInt8(2);
  entry.writeUInt32LE(sealedBlobBytes, 1);
  entry.writeUInt32LE(plainBlobBytes, 5);
  return Buffer.concat(ids.flatMap((id) => [entry, id]));
}

function makeHole(folder: string, name: string, sizeBytes: number): void {
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, name), 'wx', 0o600);
  try {
    ftruncateSync(file, sizeBytes);
  } finally {
    closeSync(file);
  }
}

/** A snapshot, older than all others, of one file for each pack in use. */
async function makeSnapshot(repository: Repository, packs: readonly (readonly ObjectId[])[]): Promise<void> {
  await using writer = new BlobWriter({ repository });
  const save = async (nodes: readonly Node[]): Promise<ObjectId> => {
    const plain = encodeTree(nodes);
    const id = objectIdOf(blobId(plain));
    await writer.add('tree', id, plain);
    return id;
  };
  const folders: Node[] = [];
  for (let at = 0; at < packs.length; at += filesPerFolder) {
    const files = packs.slice(at, at + filesPerFolder).map((content, index) => ({
      ...nodeOf(`file-${index}`, 'file'),
      size: BigInt(content.length * plainBlobBytes),
      content,
    }));
    const subtree = await save(files);
    folders.push({ ...nodeOf(`folder-${String(at / filesPerFolder).padStart(6, '0')}`, 'dir'), subtree });
  }
  const tree = await save(folders);
  await writer.settle();
  await repository.saveSnapshot({
    time: formatTime(timeOfDate(modifiedAt)),
    tree,
    paths: ['/synthetic'],
    hostname: `${hostname()}-synthetic`,
    username: 'bench',
  });
}

function nodeOf(name: string, type: 'file' | 'dir'): Node {
  const time = formatTime(timeOfDate(modifiedAt));
  const mode = goFileMode(type === 'dir' ? 0o040755 : 0o100644);
  return { name: Buffer.from(name), type, mode, mtime: time, atime: time, ctime: time, uid: 0, gid: 0, content: null };
}
