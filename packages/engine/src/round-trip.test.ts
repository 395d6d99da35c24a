import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from './backup/index.ts';
import { listTree } from './index.ts';
import { restore } from './restore/index.ts';
import { makeNastyTree, makeRootsTree, noise } from './testing/nasty-tree.ts';
import { testRepository } from './testing/test-repository.ts';
import { describeTree } from './testing/tree-walk.ts';

const linux = skipUnless({ platform: 'linux' });

describe('backup and restore', { skip: linux }, () => {
  for (const root of [false, true])
    it(`keep everything that a file system holds${root ? ', devices and owners too' : ''}`, {
      skip: root ? skipUnless({ root: true }) : false,
    }, async (t) => {
      const { folder, repository } = await testRepository(t, openLocalDisk);
      const source = join(folder, 'source');
      makeNastyTree(source);
      if (root) makeRootsTree(source);
      const made = await backup(repository, { sources: [source] });
      assert.deepEqual(made.problems, []);
      assert.ok(made.complete);
      const target = join(folder, 'target');
      const restored = await restore(repository, { snapshotId: made.snapshotId, target });
      assert.deepEqual(
        restored.problems.map((problem) => problem.message),
        [],
      );
      const copy = join(target, source);
      assert.deepEqual(describeTree(copy), describeTree(source));
      const blocks = fs.statSync(join(copy, 'sparse')).blocks;
      assert.ok(blocks * 512 < 1_000_000, `the sparse file has ${blocks} blocks`);
      assert.equal(fs.statSync(join(copy, 'zeros')).blocks * 512 < 70_000, true);
      assert.equal(restored.filesRestored, made.filesNew);
    });

  it('read no unchanged file again, and every changed one', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    makeNastyTree(source);
    const first = await backup(repository, { sources: [source], parent: 'auto' });
    assert.equal(first.parentId, undefined);
    const second = await backup(repository, { sources: [source], parent: 'auto' });
    assert.equal(second.parentId, first.snapshotId);
    assert.equal(second.bytesRead, 0);
    assert.equal(second.filesUnmodified, first.filesNew);
    assert.equal(second.filesNew + second.filesChanged, 0);
    fs.writeFileSync(join(source, 'ä'), 'other');
    fs.writeFileSync(join(source, 'added'), 'new');
    fs.rmSync(join(source, 'setuid'));
    const third = await backup(repository, { sources: [source], parent: 'auto' });
    assert.equal(third.filesNew, 1);
    assert.equal(third.filesChanged, 1);
    assert.equal(third.filesUnmodified, first.filesNew - 2);
    assert.equal(third.bytesRead, 8);
    const target = join(folder, 'target');
    await restore(repository, { snapshotId: 'latest', target });
    assert.deepEqual(describeTree(join(target, source)), describeTree(source));
  });

  it('read everything again when the repository has lost the content', async (t) => {
    const { folder, repository, target, repositoryFolder } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    fs.writeFileSync(join(source, 'file'), noise(100_000));
    const first = await backup(repository, { sources: [source], parent: 'auto' });
    fs.rmSync(join(repositoryFolder, 'index'), { recursive: true });
    fs.mkdirSync(join(repositoryFolder, 'index'));
    const second = await backup(repository, { sources: [source], parent: 'auto' });
    assert.equal(second.parentId, first.snapshotId);
    assert.equal(second.bytesRead, 100_000);
    assert.equal(target.kind, 'local');
  });

  it('manage paths beyond the limit of the system', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    const name = 'n'.repeat(200);
    const cwd = process.cwd();
    t.after(() => process.chdir(cwd));
    process.chdir(source);
    for (let depth = 0; depth < 40; depth += 1) {
      fs.mkdirSync(name);
      process.chdir(name);
    }
    fs.writeFileSync('deepest', noise(5_000_000));
    process.chdir(cwd);
    const made = await backup(repository, { sources: [source] });
    assert.deepEqual(made.problems, []);
    assert.equal(made.filesNew, 1);
    const target = join(folder, 'target');
    const restored = await restore(repository, { snapshotId: 'latest', target });
    assert.deepEqual(restored.problems, []);
    process.chdir(join(target, source));
    for (let depth = 0; depth < 40; depth += 1) process.chdir(name);
    assert.ok(fs.readFileSync('deepest').equals(noise(5_000_000)));
    process.chdir(cwd);
    let deepest = 0;
    for await (const { path } of listTree(repository, { snapshotId: 'latest', recursive: true }))
      deepest = Math.max(deepest, path.length);
    assert.ok(deepest > 8000);
  });

  it('manage very wide folders', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    const count = 20_000;
    for (let number = 0; number < count; number += 1)
      fs.writeFileSync(join(source, `file ${number}`), number % 50 === 0 ? String(number) : '');
    const made = await backup(repository, { sources: [source], parent: 'auto' });
    assert.equal(made.filesNew, count);
    const second = await backup(repository, { sources: [source], parent: 'auto' });
    assert.equal(second.filesUnmodified, count);
    assert.equal(second.foldersUnmodified > 0, true);
    const target = join(folder, 'target');
    const restored = await restore(repository, { snapshotId: 'latest', target });
    assert.equal(restored.filesRestored, count);
    assert.deepEqual(describeTree(join(target, source)), describeTree(source));
  });

  it('leave at most one pack of each type below the usual size', async (t) => {
    const { folder, repository, target } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (let number = 0; number < 40; number += 1)
      fs.writeFileSync(join(source, `${number}`), noise(700_000 + number * 1000, number + 5));
    const packSizeBytes = 4 * 1024 * 1024;
    await backup(repository, { sources: [source], packSizeBytes, workers: 4 });
    const index = await repository.loadIndex();
    const types = new Map<string, string>();
    for (let entry = 0; entry < index.blobCount; entry += 1) {
      const location = index.location(entry);
      if (location !== undefined) types.set(location.packId, index.blobAt(entry).type);
    }
    const small = { data: 0, tree: 0 };
    let packs = 0;
    for await (const page of target.list('data'))
      for (const { id, sizeBytes } of page) {
        packs += 1;
        const type = types.get(id);
        if (sizeBytes < packSizeBytes && (type === 'data' || type === 'tree')) small[type] += 1;
      }
    assert.ok(packs >= 6, `${packs} packs`);
    assert.ok(small.data <= 1 && small.tree <= 1, JSON.stringify(small));
  });
});
