import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HoldfastError } from '@holdfast/core';
import { type ObjectName, objectTypes } from '@holdfast/storage';
import { Bitmap } from '../blob-index/bitmap.ts';
import { markUsed } from '../blob-index/used-blobs.ts';
import { newRepositoryKey } from '../format/repository-key.ts';
import { initRepository, openRepository, type Repository } from '../index.ts';
import { History } from '../testing/history.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { cheapKey, samplePassword } from '../testing/sample-repository.ts';
import { SnapshotView } from './snapshot-view.ts';

const { signal } = new AbortController();
const key = newRepositoryKey();

async function withHistory(): Promise<{ target: MemoryTarget; repository: Repository; snapshots: string[] }> {
  const target = new MemoryTarget();
  const repository = await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
  const history = new History(repository, { files: 40, fileBytes: 3_000, changedFiles: 9, packSizeBytes: 20_000 });
  const snapshots = [await history.snapshot(), await history.snapshot(), await history.snapshot()];
  await repository.loadIndex();
  return { target, repository, snapshots };
}

async function viewOf(
  repository: Repository,
  snapshotId: string,
  problems: HoldfastError[] = [],
): Promise<{ view: SnapshotView; visible: Set<number> }> {
  const { index } = repository;
  const { snapshot } = await repository.loadSnapshot(snapshotId);
  const used = new Bitmap(index.blobCount);
  await markUsed([{ tree: snapshot.tree, from: 'test' }], { repository, index, used, signal });
  const visible = new Set(Array.from({ length: index.blobCount }, (_, entry) => entry).filter((at) => used.has(at)));
  const onDamage = (problem: HoldfastError): void => void problems.push(problem);
  return { view: new SnapshotView({ repository, snapshot, key, entries: visible, onDamage }), visible };
}

async function read(
  view: SnapshotView,
  name: ObjectName,
  offset = 0,
  length = view.sizeOf(name) ?? 0,
): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(view.pieces(name, { offset, length, signal })));
}

/** Everything that a view gives, as a repository that has nothing else. */
async function copied(view: SnapshotView): Promise<MemoryTarget> {
  const target = new MemoryTarget();
  const put = async (name: ObjectName): Promise<void> =>
    void target.objects.set(`${name.type}:${name.id}`, await read(view, name));
  await put({ type: 'config', id: '' });
  for (const type of objectTypes) if (type !== 'config') for (const { id } of view.list(type)) await put({ type, id });
  return target;
}

test('a view is a repository under its own key, with all of one snapshot and nothing else', async () => {
  const { repository, snapshots } = await withHistory();
  const [first = '', , last = ''] = snapshots;
  const { view, visible } = await viewOf(repository, first);
  const target = await copied(view);
  await assert.rejects(openRepository(target, { masterKey: repository.masterKey }), { code: 'repository.password' });
  const shown = await openRepository(target, { masterKey: key });
  await shown.loadIndex();
  const { snapshot } = await shown.loadSnapshot('latest');
  assert.equal(snapshot.tree, (await repository.loadSnapshot(first)).snapshot.tree);
  let bytes = 0;
  for (let entry = 0; entry < repository.index.blobCount; entry += 1) {
    const { id, type } = repository.index.blobAt(entry);
    assert.equal(shown.index.has(id, type), visible.has(entry));
    if (!visible.has(entry)) continue;
    assert.deepEqual(await shown.loadBlob(type, id), await repository.loadBlob(type, id));
    bytes += repository.index.lengthOf(entry);
  }
  assert.ok(visible.size < repository.index.blobCount, 'there is something that must not be seen');
  // Nor how large what lies between is, nor which packs there are.
  assert.equal(
    view.list('data').reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    bytes,
  );
  for await (const page of repository.target.list('data'))
    for (const { id } of page) assert.equal(view.sizeOf({ type: 'data', id }), undefined);
  await assert.rejects(read(view, { type: 'snapshot', id: last }, 0, 1), { code: 'storage.missing' });
  await assert.rejects(read(view, { type: 'key', id: repository.keyId ?? '' }, 0, 1), { code: 'storage.missing' });
});

test('a view that is made again has the same packs, and any part of one is what it is in the whole', async () => {
  const { repository, snapshots } = await withHistory();
  const { view } = await viewOf(repository, snapshots[1] ?? '');
  const { view: again } = await viewOf(repository, snapshots[1] ?? '');
  assert.deepEqual(view.list('data'), again.list('data'));
  for (const { id, sizeBytes } of view.list('data').slice(0, 4)) {
    const whole = await read(view, { type: 'data', id });
    assert.deepEqual(await read(again, { type: 'data', id }), whole);
    for (let from = 0; from < sizeBytes; from += 1_777) {
      const length = Math.min(2_500, sizeBytes - from);
      assert.deepEqual(await read(view, { type: 'data', id }, from, length), whole.subarray(from, from + length));
    }
    await assert.rejects(read(view, { type: 'data', id }, sizeBytes - 1, 2), { code: 'storage.range' });
  }
});

test('a damaged blob does not open in the view either, is told, and costs no other', async () => {
  const { target, repository, snapshots } = await withHistory();
  const problems: HoldfastError[] = [];
  const { view, visible } = await viewOf(repository, snapshots[0] ?? '', problems);
  const broken = [...visible].find((entry) => !repository.index.isTree(entry)) ?? assert.fail();
  const { packId, offset } = repository.index.location(broken) ?? assert.fail();
  const name = `data:${packId}`;
  const bytes = Buffer.from(target.objects.get(name) ?? assert.fail());
  bytes[offset + 20] = (bytes[offset + 20] ?? 0) ^ 1;
  target.objects.set(name, bytes);
  const shown = await openRepository(await copied(view), { masterKey: key });
  await shown.loadIndex();
  for (const entry of visible) {
    const { id, type } = repository.index.blobAt(entry);
    const loading = shown.loadBlob(type, id);
    if (entry === broken) await assert.rejects(loading, { code: 'storage.tampered' });
    else await loading;
  }
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['storage.tampered'],
  );
});
