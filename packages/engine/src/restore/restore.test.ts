import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { blobId, encodeNode, type Node, objectIdOf, type Repository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { storeByHand, testRepository } from '../testing/test-repository.ts';
import { restore } from './index.ts';

const linux = skipUnless({ platform: 'linux' });
const time = '2026-01-01T00:00:00Z';
const base = { mode: 0o644, mtime: time, atime: time, ctime: time, uid: 0, gid: 0, content: null } as const;
const folderMode = 0o755 + 2 ** 31;

/** A snapshot whose trees are what the test says, however impossible. Trees come from the inside to the outside. */
async function snapshotOf(
  repository: Repository,
  data: Buffer,
  makeTrees: (dataId: string) => ((below: string) => string)[],
): Promise<string> {
  const dataId = blobId(data);
  const blobs: { type: 'data' | 'tree'; id: Uint8Array; plain: Uint8Array }[] = [
    { type: 'data', id: dataId, plain: data },
  ];
  let below = '';
  for (const make of makeTrees(objectIdOf(dataId))) {
    const plain = Buffer.from(`{"nodes":[${make(below)}]}\n`);
    const id = blobId(plain);
    blobs.push({ type: 'tree', id, plain });
    below = objectIdOf(id);
  }
  await storeByHand(repository, blobs);
  return repository.saveSnapshot({ time, tree: objectIdOf(Buffer.from(below, 'hex')), paths: ['/'] });
}

const fileJson = (name: string, id: string): string =>
  encodeNode({ ...base, name: Buffer.from(name), type: 'file', size: 3n } satisfies Node).replace(
    '"content":null',
    `"content":["${id}"]`,
  );
const folderJson = (name: string, tree: string): string =>
  `${encodeNode({ ...base, name: Buffer.from(name), type: 'dir', mode: folderMode }).slice(0, -1)},"subtree":"${tree}"}`;
const linkJson = (name: string, to: string): string =>
  encodeNode({ ...base, name: Buffer.from(name), type: 'symlink', mode: 0o777 + 2 ** 27, linkTarget: Buffer.from(to) });

describe('restore', { skip: linux }, () => {
  it('refuses a target that is not empty, unless told otherwise', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    fs.writeFileSync(join(source, 'a'), 'new');
    fs.writeFileSync(join(source, 'b'), 'b');
    await backup(repository, { sources: [source] });
    const target = join(folder, 'target');
    const copy = join(target, source);
    fs.mkdirSync(copy, { recursive: true });
    fs.writeFileSync(join(copy, 'a'), 'old');
    await assert.rejects(restore(repository, { snapshotId: 'latest', target }), { code: 'restore.target' });
    const kept = await restore(repository, { snapshotId: 'latest', target, overwrite: 'never' });
    assert.equal(kept.itemsKept, 1);
    assert.equal(fs.readFileSync(join(copy, 'a'), 'utf8'), 'old');
    assert.equal(fs.readFileSync(join(copy, 'b'), 'utf8'), 'b');
    const replaced = await restore(repository, { snapshotId: 'latest', target, overwrite: 'always' });
    assert.deepEqual(replaced.problems, []);
    assert.equal(fs.readFileSync(join(copy, 'a'), 'utf8'), 'new');
    fs.writeFileSync(join(folder, 'file'), '');
    await assert.rejects(restore(repository, { snapshotId: 'latest', target: join(folder, 'file') }), {
      code: 'restore.target',
    });
    await assert.rejects(restore(repository, { snapshotId: 'abcdef', target }), { code: 'snapshot.missing' });
  });

  it('never follows a link that waits in the target', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(join(source, 'inner'), { recursive: true });
    fs.writeFileSync(join(source, 'inner/file'), 'new');
    fs.writeFileSync(join(source, 'file'), 'new');
    await backup(repository, { sources: [source] });
    const outside = join(folder, 'outside');
    fs.mkdirSync(outside);
    fs.writeFileSync(join(outside, 'file'), 'untouched');
    fs.chmodSync(outside, 0o711);
    const target = join(folder, 'target');
    const copy = join(target, source);
    for (const overwrite of ['never', 'always'] as const) {
      fs.rmSync(target, { recursive: true, force: true });
      fs.mkdirSync(copy, { recursive: true });
      fs.symlinkSync(outside, join(copy, 'inner'));
      fs.symlinkSync(join(outside, 'file'), join(copy, 'file'));
      const summary = await restore(repository, { snapshotId: 'latest', target, overwrite });
      assert.deepEqual(fs.readdirSync(outside), ['file']);
      assert.equal(fs.readFileSync(join(outside, 'file'), 'utf8'), 'untouched');
      assert.equal(fs.statSync(outside).mode & 0o777, 0o711);
      if (overwrite === 'never') assert.ok(summary.problemCount > 0);
      else {
        assert.deepEqual(summary.problems, []);
        assert.ok(fs.lstatSync(join(copy, 'inner')).isDirectory());
        assert.equal(fs.readFileSync(join(copy, 'inner/file'), 'utf8'), 'new');
        assert.ok(fs.lstatSync(join(copy, 'file')).isFile());
      }
    }
  });

  it('never follows a link that the snapshot itself has planted', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const outside = join(folder, 'outside');
    fs.mkdirSync(outside);
    const id = await snapshotOf(repository, Buffer.from('bad'), (data) => [
      () => fileJson('planted', data),
      // Two entries of one name: first a link that leads out, then a folder "inside" it.
      (tree) => [linkJson('a', outside), folderJson('a', tree)].join(','),
    ]);
    for (const overwrite of ['refuse', 'always', 'never'] as const) {
      await restore(repository, { snapshotId: id, target: join(folder, `target ${overwrite}`), overwrite });
      assert.deepEqual(fs.readdirSync(outside), []);
    }
  });

  it('refuses names that lead out of their folder', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    for (const name of ['..', '.', '', 'a/b', '../x', '/etc/x']) {
      const id = await snapshotOf(repository, Buffer.from('bad'), (data) => [
        () => fileJson('good', data).replace('"good"', JSON.stringify(name)),
      ]);
      const target = join(folder, 'in', 'target');
      fs.mkdirSync(target, { recursive: true });
      const summary = await restore(repository, { snapshotId: id, target });
      assert.equal(summary.complete, false, name);
      assert.deepEqual(fs.readdirSync(target), []);
      assert.deepEqual(fs.readdirSync(join(folder, 'in')), ['target']);
    }
  });

  it('restores the rest when content is damaged or missing, and leaves nothing that looks whole', async (t) => {
    const { folder, repository, repositoryFolder } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(join(source, 'deep'), { recursive: true });
    for (const [number, name] of ['one', 'two', 'deep/three'].entries())
      fs.writeFileSync(join(source, name), noise(6_000_000, number + 1));
    await backup(repository, { sources: [source], packSizeBytes: 4 * 1024 * 1024 });
    const sizes = fs
      .readdirSync(join(repositoryFolder, 'data'), { recursive: true, encoding: 'utf8' })
      .map((name) => join(repositoryFolder, 'data', name))
      .filter((path) => fs.statSync(path).size > 2_000_000);
    const [damaged] = sizes;
    assert.ok(damaged);
    fs.chmodSync(damaged, 0o600);
    const fd = fs.openSync(damaged, 'r+');
    fs.writeSync(fd, 'damage', 1000);
    fs.closeSync(fd);
    const target = join(folder, 'target');
    const summary = await restore(repository, { snapshotId: 'latest', target });
    assert.equal(summary.complete, false);
    assert.equal(summary.damage?.code, 'storage.tampered');
    assert.ok(summary.itemsFailed >= 1);
    assert.equal(summary.filesRestored + summary.itemsFailed, 3);
    for (const [number, name] of ['one', 'two', 'deep/three'].entries()) {
      const path = join(target, source, name);
      if (fs.existsSync(path)) assert.ok(fs.readFileSync(path).equals(noise(6_000_000, number + 1)));
    }
    for (const problem of summary.problems) assert.match(problem.message, /source\//);

    for (const pack of sizes) fs.rmSync(pack);
    fs.writeFileSync(join(source, 'four'), 'in a pack that is there');
    await backup(repository, { sources: [source], packSizeBytes: 4 * 1024 * 1024 });
    const missing = await restore(repository, { snapshotId: 'latest', target: join(folder, 'other') });
    assert.equal(missing.damage?.code, 'storage.missing');
    assert.deepEqual(fs.readdirSync(join(folder, 'other', source), { recursive: true, encoding: 'utf8' }).sort(), [
      'deep',
      'four',
    ]);
    assert.equal(missing.itemsFailed, 3);
  });

  it('restores only what is asked for', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(join(source, 'a/x'), { recursive: true });
    fs.mkdirSync(join(source, 'b'));
    for (const name of ['a/x/1.txt', 'a/2.txt', 'b/3.txt', 'b/4.bin']) fs.writeFileSync(join(source, name), name);
    await backup(repository, { sources: [source] });
    const listed = async (name: string, options: { include?: string[]; exclude?: string[] }): Promise<string[]> => {
      const target = join(folder, name);
      await restore(repository, { snapshotId: 'latest', target, ...options });
      const copy = join(target, source);
      return fs.existsSync(copy) ? fs.readdirSync(copy, { recursive: true, encoding: 'utf8' }).sort() : [];
    };
    assert.deepEqual(await listed('t1', { include: [`${source}/a`] }), ['a', 'a/2.txt', 'a/x', 'a/x/1.txt']);
    assert.deepEqual(await listed('t2', { include: ['*.txt'], exclude: ['x'] }), ['a', 'a/2.txt', 'b', 'b/3.txt']);
    assert.deepEqual(await listed('t3', { include: ['nothing'] }), []);
    assert.deepEqual(await listed('t4', { exclude: ['*.txt'] }), ['a', 'a/x', 'b', 'b/4.bin']);
  });

  it('reports every item that a full disk leaves out', { skip: skipUnless({ root: true }) }, async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (const number of [1, 2, 3]) fs.writeFileSync(join(source, `${number}`), noise(3_000_000, number));
    fs.writeFileSync(join(source, 'small'), 'x');
    await backup(repository, { sources: [source] });
    const target = join(folder, 'target');
    fs.mkdirSync(target);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', target]).status !== 0) {
      t.skip('needs the right to mount file systems (run the tests as root with CAP_SYS_ADMIN)');
      return;
    }
    try {
      const summary = await restore(repository, { snapshotId: 'latest', target });
      assert.equal(summary.complete, false);
      assert.ok(summary.itemsFailed >= 2);
      assert.equal(summary.filesRestored + summary.itemsFailed, 4);
      assert.match(summary.problems[0]?.message ?? '', /ENOSPC/);
      for (const name of fs.readdirSync(join(target, source)))
        assert.equal(fs.statSync(join(target, source, name)).size, name === 'small' ? 1 : 3_000_000);
    } finally {
      spawnSync('umount', [target]);
    }
  });

  it('reads every pack once, in few long pieces, however a backup has spread files over packs', async (t) => {
    const { folder, repositoryFolder, repository, target: disk } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    fs.writeFileSync(join(source, 'large'), randomBytes(40_000_000));
    for (let number = 0; number < 300; number += 1) fs.writeFileSync(join(source, `${number}`), randomBytes(20_000));
    await backup(repository, { sources: [source] });
    const packs = fs
      .readdirSync(join(repositoryFolder, 'data'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => fs.statSync(join(entry.parentPath, entry.name)).size);
    const before = disk.transferred();
    const summary = await restore(repository, { snapshotId: 'latest', target: join(folder, 'target') });
    assert.equal(summary.bytesRestored, 46_000_000);
    const { receivedBytes, requests } = disk.transferred();
    const packBytes = packs.reduce((sum, size) => sum + size, 0);
    const read = receivedBytes - before.receivedBytes;
    assert.ok(read < packBytes * 1.05, `${read} bytes were read of packs of ${packBytes}`);
    // Snapshot, index and locks, and each pack in one piece, or a few where it holds many files.
    const made = requests - before.requests;
    assert.ok(made < 20 + packs.length * 3, `${made} requests for ${packs.length} packs`);
  });

  it('stops soon after an abort', async (t) => {
    const { folder, repository, target: disk } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (let number = 0; number < 16; number += 1)
      fs.writeFileSync(join(source, `${number}`), noise(4_500_000, number));
    await backup(repository, { sources: [source] });
    const abort = new AbortController();
    const onProgress = ({ phase }: { phase: string }): void => {
      if (phase === 'restore') abort.abort();
    };
    const target = join(folder, 'target');
    await assert.rejects(restore(repository, { snapshotId: 'latest', target, signal: abort.signal, onProgress }), {
      code: 'run.cancelled',
    });
    assert.deepEqual(await Array.fromAsync(disk.list('lock')), []);
    assert.equal(process.getActiveResourcesInfo().filter((resource) => resource === 'MessagePort').length, 0);
  });
});
