import { randomBytes } from 'node:crypto';
import type { Clock } from '@holdfast/core';
import {
  type BlobType,
  blobId,
  encodeTree,
  goFileMode,
  initRepository,
  type Node,
  type ObjectId,
  objectIdOf,
  PackBuilder,
  type Repository,
  type Snapshot,
} from '../index.ts';
import { MemoryTarget } from './memory-target.ts';

/** scrypt as cheap as restic still accepts it. */
export const cheapKey = { cost: { N: 1024, r: 8, p: 1 } };
export const samplePassword = 'correct horse';

export interface Sample {
  readonly target: MemoryTarget;
  readonly repository: Repository;
  readonly snapshotId: ObjectId;
  readonly snapshot: Snapshot;
  readonly files: ReadonlyMap<string, Buffer>;
}

const time = '2026-03-04T05:06:07.123456789Z';

export function sampleNode(name: string, fields: Partial<Node>): Node {
  return {
    name: Buffer.from(name),
    type: 'file',
    mode: goFileMode(0o100644),
    mtime: time,
    atime: time,
    ctime: time,
    uid: 0,
    gid: 0,
    user: 'root',
    group: 'root',
    content: null,
    ...fields,
  };
}

/** A complete small repository: a folder `top` with a text, a random, an empty file and a folder with a link. */
export async function sampleRepository(options: { clock?: Clock } = {}): Promise<Sample> {
  const target = new MemoryTarget();
  const repository = await initRepository(target, { password: samplePassword, keyOptions: cheapKey, ...options });
  const files = new Map([
    ['empty', Buffer.alloc(0)],
    ['random', randomBytes(300_000)],
    ['text', Buffer.from('the quick brown fox\n'.repeat(20_000))],
  ]);
  const builders = {
    data: new PackBuilder({ cipher: repository.cipher, type: 'data' }),
    tree: new PackBuilder({ cipher: repository.cipher, type: 'tree' }),
  };
  const store = (type: BlobType, plain: Buffer): ObjectId => {
    const id = blobId(plain);
    builders[type].add(id, plain);
    return objectIdOf(id);
  };
  const inner = store(
    'tree',
    encodeTree([
      sampleNode('link', { type: 'symlink', mode: goFileMode(0o120777), linkTarget: Buffer.from('../text') }),
    ]),
  );
  const nodes = [...files].map(([name, bytes]) =>
    sampleNode(name, {
      size: BigInt(bytes.byteLength),
      inode: 18446744073709551615n,
      links: 1n,
      content: bytes.byteLength === 0 ? [] : [store('data', bytes)],
    }),
  );
  const folder = { type: 'dir', mode: goFileMode(0o40755) } as const;
  const top = store('tree', encodeTree([...nodes, sampleNode('zfolder', { ...folder, subtree: inner })]));
  const tree = store('tree', encodeTree([sampleNode('top', { ...folder, subtree: top })]));
  const packs = [builders.data.finish(), builders.tree.finish()].filter((pack) => pack !== undefined);
  for (const pack of packs) await repository.savePack(pack);
  await repository.saveIndex(packs);
  const snapshot: Snapshot = { time, tree, paths: ['/top'], hostname: 'host', username: 'root', tags: ['a'] };
  const snapshotId = await repository.saveSnapshot(snapshot);
  return { target, repository, snapshotId, snapshot, files };
}
