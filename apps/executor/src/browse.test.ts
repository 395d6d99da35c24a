import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import type { SnapshotEntry, Task } from '@holdfast/protocol';
import {
  blobId,
  encodeTree,
  goFileMode,
  initRepository,
  type Node,
  type ObjectId,
  objectIdOf,
  openRepository,
  PackBuilder,
} from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { FaultyTarget, type TargetCall } from '@holdfast/storage/testing';
import { browse } from './browse.ts';

const password = 'of a test';
const time = '2026-03-04T05:06:07Z';
const entries = 5_000;

function node(name: string, fields: Partial<Node>): Node {
  const times = { mtime: time, atime: time, ctime: time };
  const owner = { uid: 0, gid: 0, user: 'root', group: 'root' };
  return {
    name: Buffer.from(name),
    type: 'file',
    mode: goFileMode(0o100644),
    ...times,
    ...owner,
    content: null,
    ...fields,
  };
}

/** Two snapshots that have the same large folder, and what asks for pages of them and tells what that took from the storage. */
async function large(t: TestContext) {
  const disk = await openLocalDisk({ path: temporaryFolder(t), create: true });
  const made = await initRepository(disk, { password, keyOptions: { cost: { N: 1024, r: 8, p: 1 } } });
  const builder = new PackBuilder({ cipher: made.cipher, type: 'tree' });
  const store = (nodes: readonly Node[]): ObjectId => {
    const plain = encodeTree(nodes);
    const id = blobId(plain);
    builder.add(id, plain);
    return objectIdOf(id);
  };
  const names = Array.from({ length: entries }, (_, number) => `scan ${String(number).padStart(6, '0')}`);
  const subtree = store(
    names.map((name) => node(name, { size: 1n, content: [objectIdOf(blobId(Buffer.from(name)))] })),
  );
  const folder = node('scans', { type: 'dir', mode: goFileMode(0o40755), subtree });
  const trees = [store([folder]), store([node('other', {}), folder])];
  const pack = builder.finish() ?? assert.fail();
  await made.savePack(pack);
  await made.saveIndex([pack]);
  const snapshots: ObjectId[] = [];
  for (const tree of trees) snapshots.push(await made.saveSnapshot({ time, tree, paths: ['/'], hostname: 'host' }));

  const calls: string[] = [];
  const pass = async ({ method, name }: TargetCall, stage: string): Promise<void> => {
    const call = `${method} ${name.type}`;
    // A list is asked again whether that was all.
    if (stage === 'begin' && !(method === 'list' && calls.at(-1) === call)) calls.push(call);
  };
  const target = new FaultyTarget(disk, { pass });
  const repository = await openRepository(target, { password });
  const page = async (snapshot: number, path: string, o = { skip: 0, limit: 100 }) => {
    calls.length = 0;
    const task = { kind: 'browse', snapshotId: snapshots[snapshot] ?? '', path, ...o } as Extract<
      Task,
      { kind: 'browse' }
    >;
    const outcome = await browse(task, { repository, signal: t.signal } as Parameters<typeof browse>[1]);
    assert.ok(outcome.kind === 'browse');
    return { ...outcome, calls: [...calls] };
  };
  return { page, snapshots, disk };
}

const pathsOf = (listed: readonly SnapshotEntry[]): string[] => listed.map(({ path }) => path);

test('a page of a folder takes no more from the storage than what is not there yet', async (t) => {
  const { page } = await large(t);
  const snapshotAlone = ['stat snapshot', 'read snapshot'];
  const root = await page(0, '/');
  assert.deepEqual(pathsOf(root.entries), ['/scans']);
  assert.equal(root.more, false);
  // All trees of the small pack come with the first of them.
  assert.deepEqual(root.calls, [...snapshotAlone, 'list index', 'read index', 'read data']);
  const first = await page(0, '/scans');
  assert.deepEqual([first.entries.length, first.more], [100, true]);
  assert.deepEqual(first.calls, [...snapshotAlone, 'list index']);
  const middle = await page(0, '/scans/', { skip: 2_500, limit: 2 });
  assert.deepEqual(pathsOf(middle.entries), ['/scans/scan 002500', '/scans/scan 002501']);
  assert.deepEqual(middle.calls, snapshotAlone);
  const last = await page(0, '/scans', { skip: entries - 1, limit: 100 });
  assert.deepEqual([pathsOf(last.entries), last.more], [['/scans/scan 004999'], false]);
  assert.deepEqual(last.calls, snapshotAlone);
  const same = await page(1, '/scans', { skip: 4_000, limit: 1 });
  assert.deepEqual(pathsOf(same.entries), ['/scans/scan 004000']);
  assert.deepEqual(same.calls, [...snapshotAlone, 'list index']);
  const file = await page(1, '/scans/scan 001234');
  assert.deepEqual(pathsOf(file.entries), ['/scans/scan 001234']);
  assert.deepEqual(file.calls, snapshotAlone);
});

test('a snapshot that was removed is gone, though its folders are still known', async (t) => {
  const { page, snapshots, disk } = await large(t);
  await page(0, '/scans');
  await disk.delete({ type: 'snapshot', id: snapshots[0] ?? '' });
  await assert.rejects(page(0, '/scans'), { code: 'snapshot.missing' });
  await assert.rejects(page(1, '/scans/none'), { code: 'request.missing' });
});
