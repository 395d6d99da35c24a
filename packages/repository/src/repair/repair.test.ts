import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { checkRepository } from '../check/index.ts';
import { encodeFile } from '../format/unpacked-file.ts';
import {
  blobId,
  encodeTree,
  type ObjectId,
  objectIdOf,
  openRepository,
  PackBuilder,
  parseObjectId,
  type Repository,
} from '../index.ts';
import type { MemoryTarget } from '../testing/memory-target.ts';
import { type Sample, sampleNode, samplePassword, sampleRepository } from '../testing/sample-repository.ts';
import { repairIndex, repairPacks, repairSnapshots, type SnapshotRepair } from './index.ts';

function flip(target: MemoryTarget, name: string, at: number): void {
  const bytes = target.objects.get(name);
  assert.ok(bytes);
  const index = at < 0 ? bytes.byteLength + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
}

function packsBySize(target: MemoryTarget): [ObjectId, ObjectId] {
  const [data = '', tree = ''] = target
    .ids('data')
    .sort((a, b) => (target.objects.get(`data:${b}`)?.length ?? 0) - (target.objects.get(`data:${a}`)?.length ?? 0));
  return [parseObjectId(data, 'test'), parseObjectId(tree, 'test')];
}

async function errorsOf(repository: Repository): Promise<string[]> {
  const { problems } = await checkRepository(repository, { readData: 'packs' });
  return problems.map(({ severity, object, message }) => `${severity} ${object}: ${message}`);
}

async function repairAll(
  repository: Repository,
  options: { forget?: boolean; dryRun?: boolean } = {},
): Promise<SnapshotRepair[]> {
  const outcomes: SnapshotRepair[] = [];
  const snapshots = await Array.fromAsync(repository.snapshots());
  await repairSnapshots(repository, snapshots, { ...options, onSnapshot: (it) => void outcomes.push(it) });
  return outcomes;
}

test('a sound repository is left as it is by every repair', async () => {
  const { target, repository } = await sampleRepository();
  const before = [...target.objects.keys()].sort();
  const index = await repairIndex(repository);
  assert.deepEqual([index.writtenIndexes, index.removedIndexes], [[], []]);
  const [outcome] = await repairAll(repository, { forget: true });
  assert.equal(outcome?.outcome, 'sound');
  assert.deepEqual([...target.objects.keys()].sort(), before);
});

test('the index is made again from packs: damaged, lost, doubled, naming too much or too little, or all of it anew', async () => {
  const cases: Readonly<Record<string, (sample: Sample) => Promise<void> | void>> = {
    damaged: ({ target }) => flip(target, `index:${target.ids('index')[0]}`, 50),
    lost: ({ target }) => void target.objects.delete(`index:${target.ids('index')[0]}`),
    doubled: async ({ target, repository }) => {
      const [info] = await repository.list('index');
      assert.ok(info);
      for await (const file of repository.readIndexFiles([info])) {
        assert.ok('packs' in file);
        const packs = file.packs.map(({ id, blobs }) => ({
          id,
          blobs: blobs.map(({ uncompressedLength, ...blob }) => ({ ...blob, uncompressed_length: uncompressedLength })),
        }));
        const again = encodeFile(repository.cipher, Buffer.from(JSON.stringify({ packs, again: true })));
        await target.create({ type: 'index', id: again.id }, [again.bytes]);
      }
    },
    short: async ({ repository }) => {
      const builder = new PackBuilder({ cipher: repository.cipher, type: 'data' });
      builder.add(blobId(Buffer.from('new')), Buffer.from('new'));
      const pack = builder.finish();
      assert.ok(pack);
      await repository.savePack(pack);
    },
  };
  for (const [name, damage] of Object.entries(cases)) {
    for (const readAllPacks of [false, true]) {
      const sample = await sampleRepository();
      await damage(sample);
      assert.notDeepEqual(await errorsOf(sample.repository), [], name);
      const result = await repairIndex(sample.repository, { readAllPacks });
      assert.deepEqual(await errorsOf(sample.repository), [], name);
      assert.deepEqual(result.unreadablePacks, []);
      if (name === 'short') assert.equal(result.addedPacks.length, 1);
      if (name === 'damaged') assert.equal(result.unreadableIndexes.length, 1);
      const { calls } = sample.target;
      if (calls.includes('delete index')) assert.ok(calls.lastIndexOf('create index') < calls.indexOf('delete index'));
    }
  }
});

test('packs that are gone are dropped from the index and named', async () => {
  const { target, repository } = await sampleRepository();
  const [data, tree] = packsBySize(target);
  target.objects.delete(`data:${data}`);
  const result = await repairIndex(repository);
  assert.deepEqual(result.missingPacks, [data]);
  const index = await repository.loadIndex();
  assert.equal(index.packCount, 1);
  assert.equal(index.packId(0), tree);
});

test('a pack with a damaged header stays listed, and its blobs are saved; without an index it is named and kept', async () => {
  const { target, repository, files } = await sampleRepository();
  const [data] = packsBySize(target);
  flip(target, `data:${data}`, -20);
  const result = await repairIndex(repository, { readAllPacks: true });
  assert.deepEqual(
    result.unreadablePacks.map(({ id, listed }) => [id, listed]),
    [[data, true]],
  );
  const copies = new Map<string, number>();
  const packs = await repairPacks(repository, [data], {
    keepCopy: async (id, bytes) => {
      assert.ok(target.objects.has(`data:${id}`));
      copies.set(id, bytes.byteLength);
    },
  });
  assert.equal(packs.savedBlobs, 2);
  assert.equal(packs.lostCount, 0);
  assert.deepEqual([...copies.keys()], [data]);
  assert.deepEqual(await errorsOf(repository), []);
  await repository.loadIndex();
  const random = files.get('random') ?? Buffer.alloc(0);
  assert.deepEqual(await repository.loadBlob('data', objectIdOf(blobId(random))), random);

  const other = await sampleRepository();
  const [its] = packsBySize(other.target);
  flip(other.target, `data:${its}`, -20);
  other.target.objects.delete(`index:${other.target.ids('index')[0]}`);
  const unknown = await repairIndex(other.repository);
  assert.deepEqual(
    unknown.unreadablePacks.map(({ id, listed }) => [id, listed]),
    [[its, false]],
  );
  const kept = await repairPacks(other.repository, [its]);
  assert.deepEqual([kept.unknownPacks, kept.removedPacks], [[its], []]);
  assert.ok(other.target.objects.has(`data:${its}`));
});

test('blobs that are whole are saved from a damaged pack in the right order, and the others named', async () => {
  const { target, repository, files } = await sampleRepository();
  const [data] = packsBySize(target);
  flip(target, `data:${data}`, 1000);
  target.calls.length = 0;
  const result = await repairPacks(repository, [data]);
  const random = objectIdOf(blobId(files.get('random') ?? Buffer.alloc(0)));
  assert.deepEqual(
    result.lost.map(({ id, packId, elsewhere, sizeBytes }) => ({ id, packId, elsewhere, sizeBytes })),
    [{ id: random, packId: data, elsewhere: false, sizeBytes: 300_000 }],
  );
  const writes = target.calls.filter((call) => /^(create|delete)/.test(call));
  assert.deepEqual(writes, ['create data', 'create index', 'create index', 'delete index', 'delete data']);
  assert.match((await errorsOf(repository)).join(), /the file "random" needs blob/);

  const outcomes = await repairAll(repository, { dryRun: true });
  assert.equal(outcomes[0]?.outcome, 'repaired');
  assert.equal(target.ids('snapshot').length, 1);
  const [outcome] = await repairAll(repository, { forget: true });
  assert.ok(outcome?.outcome === 'repaired' && outcome.removed);
  assert.deepEqual(
    outcome.losses.map(({ path, ...loss }) => ({ path: path.toString(), ...loss })),
    [{ path: 'top/random', kind: 'content', lostBytes: 300_000n, remainingBytes: 0n }],
  );
  const [found] = await Array.fromAsync(repository.snapshots());
  assert.equal(found?.id, outcome.newId);
  assert.equal(found?.snapshot.original, outcome.id);
  assert.deepEqual(found?.snapshot.tags, ['a', 'repaired']);
  assert.deepEqual(await errorsOf(repository), []);
});

test('a damaged tree: the folder is emptied, and a lost root is told apart', async () => {
  const { target, repository, snapshot } = await sampleRepository();
  const [, tree] = packsBySize(target);
  // The first blob of the pack is the innermost folder.
  flip(target, `data:${tree}`, 20);
  const saved = await repairPacks(repository, [tree]);
  assert.deepEqual([saved.savedBlobs, saved.lostCount], [2, 1]);
  const [outcome] = await repairAll(repository);
  assert.ok(outcome?.outcome === 'repaired');
  assert.deepEqual(
    outcome.losses.map(({ path, kind }) => [path.toString(), kind]),
    [['top/zfolder', 'folder']],
  );
  assert.equal((await Array.fromAsync(repository.snapshots())).length, 2);
  // The second run repairs the old one again, to the same trees, and finds the new one sound.
  assert.deepEqual((await repairAll(repository)).map(({ outcome }) => outcome).sort(), ['repaired', 'sound']);
  assert.equal((await Array.fromAsync(repository.snapshots())).length, 2);

  const lost = await repository.saveSnapshot({ ...snapshot, tree: objectIdOf(randomBytes(32)) });
  const outcomes = await repairAll(repository, { forget: true });
  assert.deepEqual(outcomes.find(({ id }) => id === lost)?.outcome, 'lost');
  assert.equal(target.objects.has(`snapshot:${lost}`), false);
  assert.deepEqual(await errorsOf(repository).then((all) => all.filter((it) => it.startsWith('error'))), []);
});

test('trees out of order, of unknown kinds, and wrong sizes are put right', async () => {
  const { repository, snapshot } = await sampleRepository();
  const builder = new PackBuilder({ cipher: repository.cipher, type: 'tree' });
  const nodes = [
    sampleNode('a', { content: [], size: 5n }),
    sampleNode('b', { type: 'irregular' }),
    sampleNode('c', { type: 'dir' }),
  ];
  const text = encodeTree(nodes).toString();
  const plain = Buffer.from(text.replace('"name":"a"', '"name":"z"'));
  builder.add(blobId(plain), plain);
  const pack = builder.finish();
  assert.ok(pack);
  await repository.savePack(pack);
  await repository.saveIndex([pack]);
  const id = await repository.saveSnapshot({ ...snapshot, tree: objectIdOf(blobId(plain)) });
  const outcome = (await repairAll(repository, { forget: true })).find((it) => it.id === id);
  assert.ok(outcome?.outcome === 'repaired');
  assert.deepEqual(
    outcome.losses.map(({ path, kind }) => [path.toString(), kind]),
    [
      ['b', 'entry'],
      ['c', 'folder'],
      ['z', 'size'],
    ],
  );
  assert.deepEqual(await errorsOf(repository).then((all) => all.filter((it) => it.startsWith('error'))), []);
});

test('snapshots are not repaired by a wrong index, packs not without it, and nothing without knowing what', async () => {
  const { target, repository, snapshotId } = await sampleRepository();
  const [data] = packsBySize(target);
  const absent = objectIdOf(randomBytes(32));
  await assert.rejects(repairPacks(repository, [absent]), { code: 'request.missing' });
  const kept = target.objects.get(`data:${data}`) ?? new Uint8Array();
  target.objects.delete(`data:${data}`);
  await assert.rejects(repairAll(repository, { forget: true }), { code: 'repository.damaged', message: /missing/ });
  target.objects.set(`data:${data}`, kept);
  flip(target, `index:${target.ids('index')[0]}`, 50);
  await assert.rejects(repairAll(repository, { forget: true }), { code: 'repository.damaged' });
  await assert.rejects(repairPacks(repository, [data]), { code: 'repository.damaged' });
  assert.ok(target.objects.has(`snapshot:${snapshotId}`));
  assert.ok(target.objects.has(`data:${data}`));
});

test('a crash at any call of a repair loses nothing that was whole', async () => {
  for (let crashAt = 1; ; crashAt += 1) {
    const { target, repository, files } = await sampleRepository();
    const [data] = packsBySize(target);
    flip(target, `data:${data}`, 1000);
    let calls = 0;
    target.fail = (call) => {
      if (!/^(create|delete)$/.test(call)) return;
      calls += 1;
      if (calls === crashAt) throw new HoldfastError('storage.unavailable');
    };
    let crashed = false;
    try {
      await repairPacks(repository, [data]);
      await repairAll(repository, { forget: true });
    } catch (error) {
      assert.ok(error instanceof HoldfastError && error.code === 'storage.unavailable');
      crashed = true;
    }
    target.fail = () => {};
    // Whatever was done: the text is there, and the same repair goes on from here.
    const again = await openRepository(target, { password: samplePassword });
    const text = files.get('text') ?? Buffer.alloc(0);
    await again.loadIndex();
    assert.deepEqual(await again.loadBlob('data', objectIdOf(blobId(text))), text);
    await repairIndex(again);
    if (target.objects.has(`data:${data}`)) await repairPacks(again, [data]);
    await repairAll(again, { forget: true });
    assert.deepEqual(
      (await errorsOf(again)).filter((it) => it.startsWith('error')),
      [],
      `crash at ${crashAt}`,
    );
    assert.equal((await Array.fromAsync(again.snapshots())).length, 1);
    if (!crashed) break;
  }
});

test('version 1 is refused', async () => {
  const { target, repository } = await sampleRepository();
  const config = { version: 1, id: repository.config.id, chunker_polynomial: repository.config.chunkerPolynomial };
  target.objects.set('config:', repository.cipher.seal(Buffer.from(JSON.stringify(config))));
  const old = await openRepository(target, { password: samplePassword });
  for (const repair of [repairIndex(old), repairPacks(old, []), repairSnapshots(old, [])])
    await assert.rejects(repair, { code: 'repository.version' });
});
