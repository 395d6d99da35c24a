import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { checkRepository } from './check/index.ts';
import { isIrreducible, newChunkerPolynomial } from './format/chunker-polynomial.ts';
import { decodeConfig } from './format/config.ts';
import { encodeKeyFile, openKeyFile } from './format/key-file.ts';
import { newRepositoryKey } from './format/repository-key.ts';
import { encodeSnapshot } from './format/snapshot.ts';
import { encodeTree } from './format/tree.ts';
import { encodeFile } from './format/unpacked-file.ts';
import { blobId, idBytes, initRepository, objectIdOf, openRepository, PackBuilder } from './index.ts';
import { MemoryTarget } from './testing/memory-target.ts';
import { cheapKey, sampleNode, samplePassword, sampleRepository } from './testing/sample-repository.ts';

test('a repository is made once, opens with its password or its key, and with nothing else', async () => {
  const target = new MemoryTarget();
  await assert.rejects(openRepository(target, { password: 'x' }), { code: 'repository.missing' });
  const made = await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
  assert.deepEqual(
    target.calls.filter((call) => call.startsWith('create')),
    ['create key', 'create config'],
  );
  await assert.rejects(initRepository(target, { password: 'x', keyOptions: cheapKey }), { code: 'repository.exists' });
  const opened = await openRepository(target, { password: samplePassword });
  assert.deepEqual(opened.masterKey, made.masterKey);
  assert.deepEqual(opened.config, made.config);
  assert.deepEqual(opened.gearTable(), made.gearTable());
  await openRepository(target, { masterKey: made.masterKey });
  await assert.rejects(openRepository(target, { password: 'wrong' }), { code: 'repository.password' });
  await assert.rejects(openRepository(target, { masterKey: newRepositoryKey() }), { code: 'repository.password' });
  target.objects.delete('config:');
  await assert.rejects(initRepository(target, { password: 'x' }), {
    code: 'repository.exists',
    message: /interrupted/,
  });
});

test('an initialisation that was interrupted after the key is completed with the same password', async () => {
  const target = new MemoryTarget();
  const first = await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
  target.objects.delete('config:');
  const completed = await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
  assert.deepEqual(completed.masterKey, first.masterKey);
  assert.equal(target.ids('key').length, 1);
  await openRepository(target, { password: samplePassword });
});

test('a second key opens too, a damaged one does not hide it, and a tampered configuration is told from a wrong password', async () => {
  const target = new MemoryTarget();
  const made = await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
  const [first = ''] = target.ids('key');
  const second = await encodeKeyFile(made.masterKey, 'zweites', cheapKey);
  await target.create({ type: 'key', id: second.id }, [second.bytes]);
  target.objects.set(`key:${first}`, Buffer.from('{"kdf":"scrypt"}'));
  await openRepository(target, { password: 'zweites' });
  await assert.rejects(openRepository(target, { password: samplePassword }), { code: 'storage.tampered' });
  const config = target.objects.get('config:');
  assert.ok(config);
  config[20] = (config[20] ?? 0) ^ 1;
  await assert.rejects(openRepository(target, { password: 'zweites' }), { code: 'storage.tampered' });
});

test('a key file that asks for endless memory or time, or is none, is refused before it costs anything', async () => {
  const open = (fields: object) =>
    openKeyFile(
      Buffer.from(JSON.stringify({ kdf: 'scrypt', N: 1024, r: 8, p: 1, salt: 'AAAA', data: 'AAAA', ...fields })),
      'x',
      'Key 1',
    );
  assert.equal(await open({}), undefined);
  await assert.rejects(open({ N: 2 ** 30 }), { code: 'internal.limit' });
  await assert.rejects(open({ p: 10_000 }), { code: 'internal.limit' });
  await assert.rejects(open({ N: 1000 }), { code: 'repository.damaged' });
  await assert.rejects(open({ N: 0 }), { code: 'repository.damaged' });
  await assert.rejects(open({ salt: 5 }), { code: 'repository.damaged' });
  await assert.rejects(open({ kdf: 'argon2' }), { code: 'repository.version' });
  await fc.assert(
    fc.asyncProperty(fc.json(), async (json) => {
      await assert.rejects(openKeyFile(Buffer.from(json), 'x', 'Key 1'), (error) => isHoldfastError(error));
    }),
  );
});

test('the chunker polynomial is irreducible, and a configuration without a valid one is refused', () => {
  // restic's own test vectors (chunker, polynomials_test.go).
  for (const it of [0x3da3358b4dc173n, 0b111n, 0b10011n]) assert.equal(isIrreducible(it), true);
  for (const it of [0x38f1e565e288dfn, 0x3da3358b4dc172n, 0n, 1n, 0b101n]) assert.equal(isIrreducible(it), false);
  const polynomial = newChunkerPolynomial();
  assert.ok(isIrreducible(polynomial) && polynomial.toString(2).length === 54);
  const config = { version: 2, id: '0'.repeat(64), chunker_polynomial: '3da3358b4dc173' };
  assert.equal(decodeConfig(Buffer.from(JSON.stringify(config))).version, 2);
  const refused = (fields: object, code: string): void =>
    assert.throws(() => decodeConfig(Buffer.from(JSON.stringify({ ...config, ...fields }))), { code });
  refused({ chunker_polynomial: '3da3358b4dc172' }, 'repository.damaged');
  refused({ version: 3 }, 'repository.version');
  refused({ id: 'x' }, 'repository.damaged');
});

test('the gear table depends on the key alone and never changes', async () => {
  const target = new MemoryTarget();
  const one = await initRepository(target, { password: 'x', keyOptions: cheapKey });
  const two = await initRepository(new MemoryTarget(), { password: 'x', keyOptions: cheapKey });
  assert.equal(new Set(one.gearTable()).size, 256);
  assert.notDeepEqual(one.gearTable(), two.gearTable());
});

test('snapshots are found by id, beginning and age, and a planted one does not hide the others', async () => {
  const { target, repository, snapshotId, snapshot } = await sampleRepository();
  assert.deepEqual((await repository.loadSnapshot(snapshotId.slice(0, 8))).id, snapshotId);
  const later = await repository.saveSnapshot({
    ...snapshot,
    time: '2026-03-04T05:06:07.123456790Z',
    parent: snapshotId,
  });
  assert.equal((await repository.loadSnapshot('latest')).id, later);
  await assert.rejects(repository.loadSnapshot('zz'), { code: 'usage.option' });
  const absent = '0123456789'.repeat(6) + '0123';
  await assert.rejects(repository.loadSnapshot(absent), { code: 'snapshot.missing' });
  target.objects.set(`snapshot:${'e'.repeat(64)}`, randomBytes(100));
  await assert.rejects(Array.fromAsync(repository.snapshots()), { code: 'storage.tampered' });
  const problems: string[] = [];
  const found = await Array.fromAsync(repository.snapshots({ onProblem: (_, id) => problems.push(id) }));
  assert.equal(found.length, 2);
  assert.deepEqual(problems, ['e'.repeat(64)]);
});

test('trees and files are read back through the index, with few requests', async () => {
  const { target, repository, snapshot, files } = await sampleRepository();
  await repository.loadIndex();
  target.calls.length = 0;
  const [top] = await repository.loadTree(snapshot.tree);
  assert.ok(top?.subtree);
  const nodes = await repository.loadTree(top.subtree);
  assert.deepEqual(
    nodes.map((node) => node.name.toString()),
    ['empty', 'random', 'text', 'zfolder'],
  );
  assert.equal(nodes[0]?.inode, 18446744073709551615n);
  assert.deepEqual(target.calls, ['read data']);
  for (const node of nodes)
    for (const id of node.content ?? [])
      assert.deepEqual(await repository.loadBlob('data', id), files.get(node.name.toString()));
  await assert.rejects(repository.loadTree(objectIdOf(randomBytes(32))), { code: 'repository.damaged' });
});

test('a version 1 repository is read but not written', async () => {
  const { target, repository, snapshot } = await sampleRepository();
  const config = { version: 1, id: repository.config.id, chunker_polynomial: repository.config.chunkerPolynomial };
  target.objects.set('config:', repository.cipher.seal(Buffer.from(JSON.stringify(config))));
  const old = await openRepository(target, { password: samplePassword });
  await old.loadIndex();
  assert.equal((await old.loadTree(snapshot.tree)).length, 1);
  await assert.rejects(old.saveSnapshot(snapshot), { code: 'repository.version' });
});

test('a sound repository checks without a problem, and progress reaches its total', async () => {
  const { repository } = await sampleRepository();
  const phases = new Map<string, { done: number; total?: number }>();
  const report = await checkRepository(repository, { readData: 'packs', onProgress: (it) => phases.set(it.phase, it) });
  assert.deepEqual(report.problems, []);
  const { problems: _, bytesRead, ...counts } = report;
  assert.deepEqual(counts, {
    errors: 0,
    warnings: 0,
    snapshots: 1,
    allSnapshots: 1,
    indexFiles: 1,
    packs: 2,
    blobs: 5,
    trees: 3,
    unusedBlobs: 0,
    brokenPacks: [],
    suggestRepairIndex: false,
    suggestPrune: false,
  });
  assert.ok(bytesRead > 300_000);
  assert.equal(phases.get('data')?.done, 2);
});

async function problemsAfter(
  damage: (sample: Awaited<ReturnType<typeof sampleRepository>>) => Promise<void> | void,
  readData: 'packs' | 'structure' = 'packs',
): Promise<string[]> {
  const sample = await sampleRepository();
  await damage(sample);
  const report = await checkRepository(sample.repository, readData === 'packs' ? { readData } : {});
  assert.equal(report.problems.length, report.errors + report.warnings);
  return report.problems.map((problem) => `${problem.severity} ${problem.object.split(' ')[0]}: ${problem.message}`);
}

function flip(target: MemoryTarget, name: string, at: number): void {
  const bytes = target.objects.get(name);
  assert.ok(bytes);
  const index = at < 0 ? bytes.byteLength + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
}

test('each kind of damage is found and named', async () => {
  const largest = (target: MemoryTarget): string =>
    target
      .ids('data')
      .toSorted(
        (a, b) => (target.objects.get(`data:${b}`)?.length ?? 0) - (target.objects.get(`data:${a}`)?.length ?? 0),
      )[0] ?? '';
  const missing = await problemsAfter(({ target }) => void target.objects.delete(`data:${largest(target)}`));
  assert.deepEqual(missing, ['error pack: it is missing']);

  const blob = await problemsAfter(({ target }) => flip(target, `data:${largest(target)}`, 1000));
  assert.equal(blob.length, 2);
  assert.match(blob.join(), /content is not what its name says.*blob [0-9a-f]{8}: .*authentication/);
  assert.deepEqual(await problemsAfter(({ target }) => flip(target, `data:${largest(target)}`, 1000), 'structure'), []);

  const header = await problemsAfter(({ target }) => flip(target, `data:${largest(target)}`, -10));
  assert.match(header.join(), /header of a pack fails its authentication/);

  const short = await problemsAfter(({ target }) => {
    const name = `data:${largest(target)}`;
    target.objects.set(name, target.objects.get(name)?.slice(0, -5) ?? new Uint8Array());
  });
  assert.match(short.join(), /bytes where the index expects/);

  const orphan = await problemsAfter(async ({ repository }) => {
    const builder = new PackBuilder({ cipher: repository.cipher, type: 'data' });
    builder.add(blobId(Buffer.from('new')), Buffer.from('new'));
    const pack = builder.finish();
    assert.ok(pack);
    await repository.savePack(pack);
  });
  assert.deepEqual(orphan, ['warning pack: no index file lists it: an interrupted backup leaves such packs']);

  const index = await problemsAfter(({ target }) => flip(target, `index:${target.ids('index')[0]}`, 50));
  assert.match(index.join(), /error index: .*changed.*warning pack.*error snapshot: it needs tree/s);

  const snapshot = await problemsAfter(({ target }) => flip(target, `snapshot:${target.ids('snapshot')[0]}`, 50));
  assert.match(snapshot.join(), /error snapshot: /);

  const key = await problemsAfter(({ target }) => flip(target, `key:${target.ids('key')[0]}`, 50));
  assert.match(key.join(), /error key: /);
});

test('an index that disagrees with packs, and trees that are wrong, are found', async () => {
  const lies = await problemsAfter(async ({ target, repository }) => {
    const [id = ''] = target.ids('index');
    for await (const file of repository.readIndexFiles([{ id, sizeBytes: 1 }])) {
      assert.ok('packs' in file);
      const packs = file.packs.map((pack) => ({
        id: pack.id,
        blobs: pack.blobs.map((blob, at) => ({
          ...blob,
          uncompressed_length: blob.uncompressedLength + (at === 0 ? 1 : 0),
        })),
      }));
      const changed = encodeFile(repository.cipher, Buffer.from(JSON.stringify({ packs })));
      target.objects.delete(`index:${id}`);
      await target.create({ type: 'index', id: changed.id }, [changed.bytes]);
    }
  });
  assert.match(lies.join(), /its header and the index disagree/);

  const trees = await problemsAfter(async ({ repository, snapshot, target }) => {
    const builder = new PackBuilder({ cipher: repository.cipher, type: 'tree' });
    const unordered = Buffer.from(
      encodeTree([
        sampleNode('a', { content: [objectIdOf(new Uint8Array(32))] }),
        sampleNode('b', { type: 'dir' }),
        sampleNode('c', {}),
      ])
        .toString()
        .replace('"name":"a"', '"name":"d"'),
    );
    const rubbish = Buffer.from('{"nodes":[{"name":"../x","type":"file"}]}\n');
    for (const plain of [unordered, rubbish]) builder.add(blobId(plain), plain);
    const pack = builder.finish();
    assert.ok(pack);
    await repository.savePack(pack);
    await repository.saveIndex([pack]);
    for (const plain of [unordered, rubbish]) {
      const file = encodeFile(repository.cipher, encodeSnapshot({ ...snapshot, tree: objectIdOf(blobId(plain)) }));
      await target.create({ type: 'snapshot', id: file.id }, [file.bytes]);
    }
  });
  const all = trees.join('\n');
  assert.match(all, /not in order at "b"/);
  assert.match(all, /the file "d" needs blob 0{64}/);
  assert.match(all, /the folder "b" has no tree/);
  assert.match(all, /the file "c" has no content/);
  assert.match(all, /"\.\.\/x" is not allowed/);
});

test('index files hold at most 50,000 blobs, and packs are not split', async () => {
  const target = new MemoryTarget();
  const repository = await initRepository(target, { password: 'x', keyOptions: cheapKey });
  const builder = new PackBuilder({ cipher: repository.cipher, type: 'data', compression: 'off' });
  const packs = [0, 1].map((pack) => {
    for (let at = 0; at < 30_000; at += 1) builder.add(idBytes(objectIdOf(randomBytes(32))), Buffer.of(pack));
    const finished = builder.finish();
    assert.ok(finished);
    return finished;
  });
  assert.equal((await repository.saveIndex(packs)).length, 2);
  assert.equal((await repository.loadIndex()).blobCount, 60_000);
});

test('a storage that does not answer ends what is done, and is not taken for damage', async () => {
  for (const unlucky of ['read index', 'read data', 'read snapshot', 'list data']) {
    const { target, repository } = await sampleRepository();
    target.fail = (call, name) => {
      if (`${call} ${name.type}` === unlucky) throw new HoldfastError('channel.timeout');
    };
    await assert.rejects(checkRepository(repository, { readData: 'packs' }), { code: 'channel.timeout' }, unlucky);
    if (unlucky === 'read index')
      await assert.rejects(repository.loadIndex({ onProblem: () => assert.fail() }), { code: 'channel.timeout' });
  }
});

test('cancelling ends a check', async () => {
  const { repository } = await sampleRepository();
  const controller = new AbortController();
  const check = checkRepository(repository, {
    readData: 'packs',
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await assert.rejects(check, (error) => toHoldfastError(error).code === 'run.cancelled');
});
