import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { programs, requireProgram, skipUnless } from '@holdfast/core/testing';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from './backup/index.ts';
import { listTree } from './index.ts';
import { restore } from './restore/index.ts';
import { makeNastyTree, makeRootsTree } from './testing/nasty-tree.ts';
import { testPassword, testRepository } from './testing/test-repository.ts';
import { describeTree } from './testing/tree-walk.ts';

/** restic does not restore sockets, and before 0.17 it could not store link targets that are not UTF-8. */
const withoutSockets = { withoutSockets: true };

/** Device numbers change with every start of a computer: stored where hard links need them only, as restic will. */
const features = 'device-id-for-hardlinks=true';

function restic(path: string, repository: string, ...args: string[]): string {
  const answer = spawnSync(path, ['--no-cache', '-r', repository, ...args], {
    encoding: 'utf8',
    env: { ...process.env, RESTIC_PASSWORD: testPassword, RESTIC_FEATURES: features },
    timeout: 400_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  assert.equal(answer.status, 0, `restic ${args.join(' ')}: ${answer.stdout}${answer.stderr}`);
  return answer.stdout;
}

const skip = skipUnless({ programs: ['restic'], platform: 'linux' });

describe('with restic', { skip }, () => {
  for (const { path, version } of programs('restic'))
    it(`restic ${version} checks our backup and restores it identically`, async (t) => {
      const { folder, repository, repositoryFolder } = await testRepository(t, openLocalDisk);
      const source = join(folder, 'source');
      makeNastyTree(source);
      if (process.getuid?.() === 0) makeRootsTree(source);
      if (version.startsWith('0.14')) fs.rmSync(join(source, 'binary link'));
      const first = await backup(repository, { sources: [source], excludes: ['copy of*'] });
      assert.deepEqual(first.problems, []);
      await backup(repository, { sources: [source], parent: 'auto', tags: ['tag'] });
      restic(path, repositoryFolder, 'check', '--read-data');
      const target = join(folder, 'target');
      restic(path, repositoryFolder, 'restore', 'latest', '--target', target);
      const copy = join(target, source);
      const hidden = (line: string): boolean => version.startsWith('0.14') && / 10?1777 |posix_acl/.test(line);
      assert.deepEqual(
        describeTree(copy, withoutSockets).filter((line) => !hidden(line)),
        describeTree(source, withoutSockets).filter((line) => !hidden(line)),
      );
    });

  it('what restic backed up is restored identically', async (t) => {
    const newest = requireProgram('restic');
    const { folder, repository, repositoryFolder } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    makeNastyTree(source);
    if (process.getuid?.() === 0) makeRootsTree(source);
    restic(newest.path, repositoryFolder, 'backup', source);
    const target = join(folder, 'target');
    const summary = await restore(repository, { snapshotId: 'latest', target });
    assert.deepEqual(
      summary.problems.map((problem) => problem.message),
      [],
    );
    assert.deepEqual(describeTree(join(target, source), withoutSockets), describeTree(source, withoutSockets));
  });

  it('an unchanged folder gets the id that restic gives it, and its snapshots serve as parents', async (t) => {
    const newest = requireProgram('restic');
    const { folder, repository, repositoryFolder } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(join(source, 'inner'), { recursive: true });
    for (const name of ['a', 'b <&> ü', 'inner/c']) fs.writeFileSync(join(source, name), name);
    restic(newest.path, repositoryFolder, 'backup', source);
    const theirs = await repository.loadSnapshot('latest');
    const summary = await backup(repository, { sources: [source], parent: 'auto' });
    assert.equal(summary.parentId, theirs.id);
    assert.equal(summary.bytesRead, 0);
    assert.equal(summary.filesUnmodified, 3);
    // Folders above change all the time.
    const treeOf = async (snapshotId: string): Promise<string | undefined> => {
      for await (const { path, node } of listTree(repository, { snapshotId, path: folder }))
        if (path.toString() === source) return node.subtree;
      return undefined;
    };
    const tree = await treeOf(theirs.id);
    assert.ok(tree);
    assert.equal(await treeOf(summary.snapshotId), tree);
    // And without a parent: chunks of files this small are the files themselves.
    const fresh = await backup(repository, { sources: [source] });
    assert.equal(await treeOf(fresh.snapshotId), tree);
  });
});
