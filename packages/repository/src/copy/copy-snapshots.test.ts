import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { HoldfastError, hasCode } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { checkRepository } from '../check/index.ts';
import { type FoundSnapshot, initRepository, openRepository, type Repository } from '../index.ts';
import { MemoryTarget } from '../testing/memory-target.ts';
import { restic, resticChecks } from '../testing/restic.ts';
import { cheapKey, samplePassword, sampleRepository } from '../testing/sample-repository.ts';
import { copySnapshots } from './index.ts';

async function emptyTarget(): Promise<{ target: MemoryTarget; repository: Repository }> {
  const target = new MemoryTarget();
  return { target, repository: await initRepository(target, { password: samplePassword, keyOptions: cheapKey }) };
}

async function copyAll(
  source: Repository,
  target: Repository,
  options: { signal?: AbortSignal } = {},
): ReturnType<typeof copySnapshots> {
  await source.loadIndex();
  await target.loadIndex();
  const snapshots: FoundSnapshot[] = await Array.fromAsync(source.snapshots());
  return copySnapshots({ source, target, snapshots, ...options });
}

test('blobs keep their ids under another key, and a second copy adds nothing', {
  skip: skipUnless({ programs: ['restic'] }),
}, async (t) => {
  const { repository: source, snapshotId, snapshot } = await sampleRepository();
  const { target, repository } = await emptyTarget();
  const first = await copyAll(source, repository);
  assert.equal(first.copied.length, 1);
  assert.equal(first.blobs, 5);
  const [copied] = await Array.fromAsync(repository.snapshots());
  assert.deepEqual(
    { tree: copied?.snapshot.tree, original: copied?.snapshot.original, parent: copied?.snapshot.parent },
    { tree: snapshot.tree, original: snapshotId, parent: undefined },
  );
  assert.equal((await checkRepository(repository, { readData: 'packs' })).errors, 0);
  resticChecks(target, t);
  const before = [...target.objects.keys()].sort();
  const second = await copyAll(source, repository);
  assert.deepEqual(
    { copied: second.copied, skipped: second.skipped, blobs: second.blobs },
    { copied: [], skipped: first.copied, blobs: 0 },
  );
  assert.deepEqual([...target.objects.keys()].sort(), before);
  // Copied back it is known as well, by the id that it had first.
  const back = await copyAll(repository, source);
  assert.deepEqual(back.skipped, [{ sourceId: copied?.id, id: snapshotId }]);
});

test('only what the target lacks is read, also when a tree is there without what it names', async () => {
  const { repository: source, snapshot } = await sampleRepository();
  const { target, repository } = await emptyTarget();
  await copyAll(source, repository);
  // As after an interrupted copy: the packs of data are lost, with the index files and the snapshot.
  const dataPacks = new Set<string>();
  for await (const file of repository.readIndexFiles(await repository.list('index')))
    if ('packs' in file)
      for (const pack of file.packs) if (pack.blobs.some(({ type }) => type === 'data')) dataPacks.add(pack.id);
  const packs = [];
  for (const pack of dataPacks) target.objects.delete(`data:${pack}`);
  for (const id of [...target.ids('index')]) target.objects.delete(`index:${id}`);
  for (const id of [...target.ids('snapshot')]) target.objects.delete(`snapshot:${id}`);
  const opened = await openRepository(target, { password: samplePassword });
  // The trees are still known.
  for (const id of target.ids('data')) {
    const bytes = target.objects.get(`data:${id}`) ?? new Uint8Array();
    const { openPackHeader } = await import('../format/pack-header.ts');
    packs.push({ id: Buffer.from(id, 'hex'), header: openPackHeader(opened.cipher, bytes), blobCount: 3 });
  }
  await opened.saveIndex(packs);
  const again = await copyAll(source, opened);
  assert.equal(again.blobs, 2, 'the two blobs of data, no tree');
  assert.equal((await checkRepository(opened, { readData: 'packs' })).errors, 0);
  assert.equal((await Array.fromAsync(opened.snapshots()))[0]?.snapshot.tree, snapshot.tree);
});

test('a changed copy is no copy: other tags, host or time are copied beside it', async () => {
  const { repository: source, snapshot } = await sampleRepository();
  const { repository } = await emptyTarget();
  await copyAll(source, repository);
  const [copied] = await Array.fromAsync(repository.snapshots());
  assert.ok(copied);
  await repository.target.delete({ type: 'snapshot', id: copied.id });
  await repository.saveSnapshot({ ...copied.snapshot, tags: ['b'] });
  const again = await copyAll(source, repository);
  assert.equal(again.copied.length, 1);
  assert.equal(again.blobs, 0);
  assert.deepEqual((await Array.fromAsync(repository.snapshots())).length, 2);
  assert.deepEqual(snapshot.tags, ['a']);
});

test('a damaged blob of the source is named and never copied; what was complete before is kept', async () => {
  const { target: from, repository: source, snapshot } = await sampleRepository();
  const { repository } = await emptyTarget();
  await copyAll(source, repository);
  // A second snapshot whose data is damaged, after one that is fine.
  const fine = await source.saveSnapshot({ ...snapshot, hostname: 'fine' });
  await source.loadIndex();
  const fresh = await emptyTarget();
  await fresh.repository.loadIndex();
  const all = await Array.fromAsync(source.snapshots());
  const entry = source.index.entryOf(
    [...(await source.loadTree((await source.loadTree(snapshot.tree))[0]?.subtree ?? snapshot.tree))].find(
      (node) => node.name.toString() === 'random',
    )?.content?.[0] ?? snapshot.tree,
    'data',
  );
  const place = source.index.location(entry);
  assert.ok(place);
  const pack = from.objects.get(`data:${place.packId}`);
  assert.ok(pack);
  pack[place.offset + 100] = (pack[place.offset + 100] ?? 0) ^ 1;
  await assert.rejects(
    copySnapshots({ source, target: fresh.repository, snapshots: all.filter(({ id }) => id === fine) }),
    (error) => hasCode(error, 'storage.tampered'),
  );
  assert.deepEqual(fresh.target.ids('snapshot'), []);
  assert.equal((await checkRepository(fresh.repository, { readData: 'packs' })).errors, 0);
});

test('a copy that is stopped keeps what it has, and the next one goes on from there', async () => {
  const { target: from, repository: source } = await sampleRepository();
  const { target, repository } = await emptyTarget();
  await source.loadIndex();
  await repository.loadIndex();
  const snapshots = await Array.fromAsync(source.snapshots());
  const dataPack = source.index.location(
    Array.from({ length: 5 }, (_, at) => at).find((at) => source.index.blobAt(at).type === 'data') ?? 0,
  )?.packId;
  // The trees are copied, then somebody presses Ctrl-C while the data is read.
  const stop = new AbortController();
  const treesCopied = Promise.withResolvers<void>();
  const read = from.read.bind(from);
  from.read = async (name, options) => {
    if (name.id === dataPack) {
      await treesCopied.promise;
      stop.abort(new HoldfastError('run.cancelled'));
      options?.signal?.throwIfAborted();
    }
    return read(name, options);
  };
  const stopped = copySnapshots({
    source,
    target: repository,
    snapshots,
    signal: stop.signal,
    onProgress: ({ bytesDone }) => {
      if (bytesDone > 0) treesCopied.resolve();
    },
  });
  await assert.rejects(stopped, (error) => hasCode(error, 'run.cancelled'));
  assert.deepEqual(target.ids('snapshot'), []);
  assert.equal(target.ids('index').length, 1, 'what was copied is in an index file');
  from.read = read;
  const next = await copyAll(source, await openRepository(target, { password: samplePassword }));
  assert.equal(next.blobs, 2);
  assert.equal(next.copied.length, 1);
});

test('a crash at any storage call leaves a sound target without a partial snapshot', async () => {
  for (let at = 1; ; at += 1) {
    const { repository: source } = await sampleRepository();
    const { target, repository } = await emptyTarget();
    await source.loadIndex();
    await repository.loadIndex();
    const snapshots = await Array.fromAsync(source.snapshots());
    let calls = 0;
    target.fail = () => {
      calls += 1;
      if (calls >= at) throw new HoldfastError('storage.unavailable');
    };
    const failed = await copySnapshots({ source, target: repository, snapshots }).then(
      () => false,
      () => true,
    );
    target.fail = () => {};
    const report = await checkRepository(await openRepository(target, { password: samplePassword }));
    assert.equal(report.errors, 0, `crash at call ${at}`);
    assert.equal(report.snapshots, failed ? 0 : 1);
    if (!failed) {
      assert.ok(at > 4);
      break;
    }
  }
});

test('restic copies what we copied and the other way round, without copying twice', {
  skip: skipUnless({ programs: ['restic'] }),
}, async (t) => {
  const folder = temporaryFolder(t);
  const { target: from, repository: source } = await sampleRepository();
  const { target, repository } = await emptyTarget();
  from.writeTo(join(folder, 'source'));
  target.writeTo(join(folder, 'target'));
  const copy = (): string => {
    process.env['RESTIC_FROM_PASSWORD'] = samplePassword;
    try {
      return restic(join(folder, 'target'), 'copy', '--from-repo', join(folder, 'source'), '-v');
    } finally {
      delete process.env['RESTIC_FROM_PASSWORD'];
    }
  };
  // restic's copy is one for us.
  copy();
  const byRestic = await openRepository(MemoryTarget.fromFolder(join(folder, 'target')), { password: samplePassword });
  assert.equal((await copyAll(source, byRestic)).skipped.length, 1);
  // And ours is one for restic.
  await copyAll(source, repository);
  target.writeTo(join(folder, 'ours'));
  process.env['RESTIC_FROM_PASSWORD'] = samplePassword;
  const answer = restic(join(folder, 'ours'), 'copy', '--from-repo', join(folder, 'source'), '-v');
  delete process.env['RESTIC_FROM_PASSWORD'];
  assert.match(answer, /skipping source snapshot/);
  assert.match(restic(join(folder, 'ours'), 'check', '--read-data'), /no errors were found/);
});

test('a target of format version 1 is refused before anything is read', async () => {
  const { repository: source } = await sampleRepository();
  const { repository } = await emptyTarget();
  const config = { ...repository.config, version: 1 };
  const old = Object.create(repository, { config: { value: config } }) as Repository;
  await assert.rejects(copySnapshots({ source, target: old, snapshots: [] }), (error) =>
    hasCode(error, 'repository.version'),
  );
});
