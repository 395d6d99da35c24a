import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import { toHoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import {
  blobId,
  encodeTree,
  goFileMode,
  isDamage,
  type Node,
  type ObjectId,
  objectIdOf,
  openRepository,
  PackBuilder,
  parseObjectId,
  type Repository,
} from '../index.ts';
import { listLocks } from '../locks/repository-lock.ts';
import { repairIndex, repairPacks, repairSnapshots, type SnapshotRepair } from '../repair/index.ts';
import type { MemoryTarget } from '../testing/memory-target.ts';
import { type Sample, sampleNode, samplePassword, sampleRepository } from '../testing/sample-repository.ts';
import { TreeSource } from '../tree-source.ts';
import { checkRepository } from './index.ts';
import { verifyPacks } from './pack-verifier.ts';

/** Tiny packs, so that every bit of them can be turned: three files in one folder. */
async function tinyRepository(): Promise<Sample & { files: ReadonlyMap<string, Buffer> }> {
  const sample = await sampleRepository();
  const { target, repository, snapshot } = sample;
  for (const type of ['data', 'index', 'snapshot'] as const)
    for (const id of target.ids(type)) target.objects.delete(`${type}:${id}`);
  const files = new Map([
    ['a', Buffer.from('first')],
    ['b', Buffer.from('second '.repeat(40))],
    ['c', Buffer.from('third')],
  ]);
  const builders = {
    data: new PackBuilder({ cipher: repository.cipher, type: 'data' }),
    tree: new PackBuilder({ cipher: repository.cipher, type: 'tree' }),
  };
  const nodes: Node[] = [];
  for (const [name, bytes] of files) {
    builders.data.add(blobId(bytes), bytes);
    nodes.push(sampleNode(name, { size: BigInt(bytes.byteLength), content: [objectIdOf(blobId(bytes))] }));
  }
  const inner = encodeTree(nodes.slice(2));
  const outer = encodeTree([
    ...nodes.slice(0, 2),
    sampleNode('folder', { type: 'dir', mode: goFileMode(0o40755), subtree: objectIdOf(blobId(inner)) }),
  ]);
  for (const plain of [inner, outer]) builders.tree.add(blobId(plain), plain);
  const packs = [builders.data.finish(), builders.tree.finish()].filter((pack) => pack !== undefined);
  for (const pack of packs) await repository.savePack(pack);
  await repository.saveIndex(packs);
  const tree = objectIdOf(blobId(outer));
  const snapshotId = await repository.saveSnapshot({ ...snapshot, tree });
  return { ...sample, files, snapshotId, snapshot: { ...snapshot, tree } };
}

function bytesOf(target: MemoryTarget, name: string): Uint8Array {
  const bytes = target.objects.get(name);
  assert.ok(bytes, name);
  return bytes;
}

function flip(target: MemoryTarget, name: string, bit: number): void {
  const bytes = bytesOf(target, name);
  bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
}

/** Turns every bit of an object, one at a time, and asks `noticed` each time. */
async function everyBit(target: MemoryTarget, name: string, noticed: (bit: number) => Promise<void>): Promise<number> {
  const bits = bytesOf(target, name).byteLength * 8;
  for (let bit = 0; bit < bits; bit += 1) {
    flip(target, name, bit);
    await noticed(bit);
    flip(target, name, bit);
  }
  return bits;
}

test('every bit of config, key, lock, snapshot and index is noticed, and the object named', async () => {
  const { target, repository } = await tinyRepository();
  await using _lock = await repository.lock({ exclusive: false });
  const { masterKey } = repository;
  let bits = await everyBit(target, 'config:', async (bit) => {
    await assert.rejects(openRepository(target, { masterKey }), { code: 'repository.password' }, `bit ${bit}`);
  });
  // With the password it is told from a wrong one; a derivation for each bit would take minutes.
  for (const bit of [0, 130, 1000]) {
    flip(target, 'config:', bit);
    await assert.rejects(openRepository(target, { password: samplePassword }), {
      code: 'storage.tampered',
      message: /configuration/,
    });
    flip(target, 'config:', bit);
  }
  const [key = ''] = target.ids('key');
  bits += await everyBit(target, `key:${key}`, async (bit) => {
    await assert.rejects(
      openRepository(target, { password: samplePassword }),
      { code: 'storage.tampered', message: new RegExp(`Key ${key.slice(0, 8)}`) },
      `bit ${bit}`,
    );
  });
  const [lock = ''] = target.ids('lock');
  bits += await everyBit(target, `lock:${lock}`, async (bit) => {
    const [found] = await Array.fromAsync(listLocks({ target, cipher: repository.cipher }));
    assert.ok(found !== undefined && 'problem' in found && found.id === lock, `bit ${bit}`);
    assert.match(found.problem.message, new RegExp(`Lock ${lock.slice(0, 8)}`));
  });
  const [snapshot = ''] = target.ids('snapshot');
  bits += await everyBit(target, `snapshot:${snapshot}`, async (bit) => {
    const problems: string[] = [];
    const found = await Array.fromAsync(repository.snapshots({ onProblem: (_, id) => problems.push(id) }));
    assert.deepEqual([found, problems], [[], [snapshot]], `bit ${bit}`);
  });
  const [index = ''] = target.ids('index');
  bits += await everyBit(target, `index:${index}`, async (bit) => {
    const message = new RegExp(`Index ${index.slice(0, 8)}`);
    await assert.rejects(repository.loadIndex(), { code: 'storage.tampered', message }, `bit ${bit}`);
  });
  assert.ok(bits > 8_000, `${bits} bits`);
});

test('every bit of a pack of data and of trees is noticed, whichever way it is read, and never given as good', async () => {
  const { target, repository } = await tinyRepository();
  const index = await repository.loadIndex();
  const { cipher, masterKey: key } = repository;
  // Nothing comes out of a cache.
  const trees = new TreeSource({ target, cipher, readOnceBytes: 0 });
  for (let pack = 0; pack < index.packCount; pack += 1) {
    const id = index.packId(pack);
    const bytes = bytesOf(target, `data:${id}`);
    /** One "pack" for each bit, all of them verified in one go; and one that is whole. */
    const verify = async (hashPacks: boolean, kernels: 'native' | 'node'): Promise<readonly (readonly string[])[]> => {
      const found: string[][] = [];
      const packs = Array.from({ length: bytes.byteLength * 8 + 1 }, (_, bit) => ({
        ...{ id, sizeBytes: bytes.byteLength, tailBytes: 0, indexDigest: '' },
        bit,
      }));
      const bitOf = new Map<unknown, number>(packs.map((it) => [it, it.bit]));
      const waiting = packs.values();
      await verifyPacks({
        ...{ cipher, key, lanes: 4, hashPacks, kernels },
        next: async () => waiting.next().value,
        read: async (it, { offset, length }) => {
          const bit = bitOf.get(it) ?? 0;
          const turned = bytes.slice();
          if (bit < bytes.byteLength * 8) turned[bit >>> 3] = (turned[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
          return turned.subarray(offset, offset + length);
        },
        onVerified: (it, problems) => {
          const bit = bitOf.get(it) ?? 0;
          // The index is not what is tested here.
          found[bit] = problems.filter((problem) => !problem.includes('the index disagree'));
        },
      });
      assert.deepEqual(found.pop(), []);
      return found;
    };
    const [hashed, unhashed] = [await verify(true, 'native'), await verify(false, 'native')];
    assert.deepEqual(await verify(true, 'node'), hashed, 'the same without the kernels');
    assert.equal(hashed.length, bytes.byteLength * 8);
    const blobs = Array.from({ length: index.blobCount }, (_, entry) => ({
      ...index.blobAt(entry),
      at: index.location(entry),
    })).filter(({ at }) => at?.packId === id);
    let inBlobs = 0;
    await everyBit(target, `data:${id}`, async (bit) => {
      assert.match(hashed[bit]?.join() ?? '', /its content is not what its name says/, `bit ${bit}`);
      assert.notEqual(unhashed[bit]?.join() ?? '', '', `bit ${bit} is noticed without the hash of the pack`);
      const byte = bit >>> 3;
      const hit = blobs.find(({ at }) => at !== undefined && byte >= at.offset && byte < at.offset + at.length);
      if (hit === undefined) return;
      inBlobs += 1;
      assert.match(unhashed[bit]?.join() ?? '', new RegExp(`blob ${hit.id.slice(0, 8)}`));
      const read = hit.type === 'tree' ? trees.load(index, hit.id) : repository.loadBlob('data', hit.id);
      await assert.rejects(read, (error) => isDamage(error), `bit ${bit}`);
    });
    assert.ok(inBlobs > 0);
  }
});

/** Path of every file with what is read of it: content, or the error. */
async function contents(repository: Repository, tree: ObjectId, prefix = ''): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const node of await repository.loadTree(tree)) {
    const path = `${prefix}${node.name.toString()}`;
    if (node.type === 'dir' && node.subtree !== undefined)
      for (const [below, bytes] of await contents(repository, node.subtree, `${path}/`)) found.set(below, bytes);
    if (node.type !== 'file') continue;
    const pieces: Buffer[] = [];
    for (const id of node.content ?? []) pieces.push(await repository.loadBlob('data', id));
    found.set(path, Buffer.concat(pieces));
  }
  return found;
}

test('after any one bit was turned, repair brings back all that is still there and names the rest', async (t) => {
  const kinds = ['index', 'snapshot', 'data'] as const;
  let damagedFiles = 0;
  const property = fc.asyncProperty(fc.constantFrom(...kinds), fc.nat(), fc.nat(), async (kind, which, where) => {
    const { target, repository, snapshot } = await tinyRepository();
    await repository.loadIndex();
    const whole = await contents(repository, snapshot.tree);
    const ids = target.ids(kind);
    const id = parseObjectId(ids[which % ids.length] ?? '', 'test');
    flip(target, `${kind}:${id}`, where % (bytesOf(target, `${kind}:${id}`).byteLength * 8));

    const found = await checkRepository(repository, { readData: 'packs' });
    assert.ok(
      found.problems.some(
        ({ severity, object }) => severity === 'error' && object === `${kind === 'data' ? 'pack' : kind} ${id}`,
      ),
    );
    // What `check` advises, in its order.
    const damaged = await openRepository(target, { masterKey: repository.masterKey });
    if (found.suggestRepairIndex) await repairIndex(damaged);
    if (found.brokenPacks.length > 0) await repairPacks(damaged, found.brokenPacks);
    const snapshots = await Array.fromAsync(damaged.snapshots({ onProblem: () => {} }));
    const outcomes: SnapshotRepair[] = [];
    await repairSnapshots(damaged, snapshots, {
      forget: true,
      onSnapshot: (it) => void outcomes.push(it),
      onProblem: () => {},
    });

    const repaired = await openRepository(target, { masterKey: repository.masterKey });
    const left = await checkRepository(repaired, { readData: 'packs' });
    const expected = kind === 'snapshot' ? [`snapshot ${id}`] : [];
    assert.deepEqual(
      left.problems.filter(({ severity }) => severity === 'error').map(({ object }) => object),
      expected,
    );
    if (kind === 'snapshot') return;
    const [outcome] = outcomes;
    if (outcome?.outcome === 'lost') {
      assert.equal(left.snapshots, 0);
      return;
    }
    await repaired.loadIndex();
    const [now] = await Array.fromAsync(repaired.snapshots());
    assert.ok(now);
    const files = await contents(repaired, now.snapshot.tree);
    const losses = new Set(outcome?.outcome === 'repaired' ? outcome.losses.map(({ path }) => path.toString()) : []);
    for (const [path, bytes] of whole) {
      const isLost = [...losses].some((loss) => path === loss || path.startsWith(`${loss}/`));
      if (isLost) damagedFiles += 1;
      else assert.deepEqual(files.get(path), bytes, `${path} is whole, so it is as it was`);
    }
    for (const [path, bytes] of files)
      if (losses.has(path)) assert.ok(bytes.byteLength < (whole.get(path)?.byteLength ?? 0));
  });
  // A failure prints its seed.
  await fc.assert(property, { numRuns: 60 });
  t.diagnostic(`${damagedFiles} files were damaged and named`);
});

test('packs that are verified in threads: sound ones, damaged ones, one that is gone, and a storage that fails', async () => {
  const { target, repository } = await sampleRepository();
  // More than one thread would not be started for less.
  const random = (seed: number): Buffer =>
    createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16, seed)).update(Buffer.alloc(512 * 1024));
  const ids: ObjectId[] = [];
  for (let number = 0; number < 6; number += 1) {
    const builder = new PackBuilder({ cipher: repository.cipher, type: 'data', compression: 'off' });
    for (let blob = 0; blob < 10; blob += 1) {
      const plain = random(number * 10 + blob);
      builder.add(blobId(plain), plain);
    }
    const pack = builder.finish();
    assert.ok(pack);
    await repository.savePack(pack);
    await repository.saveIndex([pack]);
    ids.push(objectIdOf(pack.id));
  }
  const [first = '', second = '', third = ''] = ids;
  for (const readData of ['packs', 'blobs'] as const) {
    const sound = await checkRepository(repository, { readData });
    assert.deepEqual(sound.problems, []);
    assert.ok(sound.bytesRead > 30 * 1024 * 1024);
  }
  const some = await checkRepository(repository, {
    readData: 'packs',
    subset: { kind: 'percent', percent: 50 },
    random: () => 0,
  });
  assert.ok(some.bytesRead > 0 && some.bytesRead < 30 * 1024 * 1024);
  flip(target, `data:${first}`, 8_000_000);
  flip(target, `data:${second}`, (bytesOf(target, `data:${second}`).byteLength - 40) * 8);
  const truncated = bytesOf(target, `data:${third}`);
  target.objects.set(`data:${third}`, truncated.slice(0, 3_000_000));
  for (const readData of ['packs', 'blobs'] as const) {
    const report = await checkRepository(repository, { readData });
    assert.deepEqual(report.brokenPacks, [first, second, third].sort());
    const all = report.problems.map(({ object, message }) => `${object}: ${message}`).join('\n');
    assert.match(all, new RegExp(`${first}: blob [0-9a-f]{8}: .*authentication`));
    assert.match(all, new RegExp(`${second}: The header of a pack fails`));
    assert.equal(/content is not what its name says/.test(all), readData === 'packs');
  }
  target.fail = (call, name) => {
    if (call === 'read' && name.id === ids[4]) throw toHoldfastError(new Error('the disk is gone'));
  };
  await assert.rejects(checkRepository(repository, { readData: 'packs' }), { code: 'internal.unexpected' });
  const cancelled = new AbortController();
  target.fail = (call, name) => {
    if (call === 'read' && name.id === ids[4]) cancelled.abort();
  };
  const check = checkRepository(repository, { readData: 'packs', signal: cancelled.signal });
  await assert.rejects(check, (error) => toHoldfastError(error).code === 'run.cancelled');
});
