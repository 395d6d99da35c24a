import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Repository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { splitPath } from '../byte-path.ts';
import { testRepository } from '../testing/test-repository.ts';
import { type BackupSummary, backup } from './index.ts';

/** A folder in a folder, files of no and of several chunks, links, odd names, and one that takes several jobs. */
function makeTree(source: string): void {
  for (const folder of ['a/deep/er', 'b', 'empty', 'wide']) fs.mkdirSync(join(source, folder), { recursive: true });
  for (const name of ['a/one', 'a/deep/two', 'a/deep/er/three', 'b/"quoted"', 'b/ümlaut', 'last'])
    fs.writeFileSync(join(source, name), `content of ${name}`);
  fs.writeFileSync(join(source, 'b/none'), '');
  fs.writeFileSync(join(source, 'b/chunks'), Buffer.alloc(3_000_000, 'all the same '));
  fs.writeFileSync(join(source, 'a/large'), Buffer.alloc(5_000_000, 'large '));
  fs.symlinkSync('one', join(source, 'a/link'));
  fs.linkSync(join(source, 'last'), join(source, 'b/hard'));
  for (let number = 0; number < 1_100; number += 1) fs.writeFileSync(join(source, 'wide', `${number}`), `${number}`);
}

/** The tree of the source in a snapshot. */
async function treeOf(repository: Repository, { snapshotId }: BackupSummary, source: string): Promise<string> {
  let { tree } = (await repository.loadSnapshot(snapshotId)).snapshot;
  for (const name of splitPath(Buffer.from(source)))
    tree = (await repository.loadTree(tree)).find((node) => node.name.equals(name))?.subtree ?? assert.fail();
  return tree;
}

const changes: readonly (readonly [what: string, change: (source: string) => void])[] = [
  ['nothing', () => {}],
  [
    'one file new, one gone at the end of its folder',
    (source) => {
      fs.writeFileSync(join(source, 'a/deep/new'), 'new');
      fs.rmSync(join(source, 'last'));
    },
  ],
  [
    'contents',
    (source) => {
      fs.appendFileSync(join(source, 'a/deep/er/three'), 'more');
      fs.appendFileSync(join(source, 'a/large'), 'more');
      fs.rmSync(join(source, 'b/none'));
    },
  ],
  [
    'modes and names',
    (source) => {
      fs.chmodSync(join(source, 'b/chunks'), 0o600);
      fs.chmodSync(join(source, 'a/deep'), 0o700);
      fs.renameSync(join(source, 'b/ümlaut'), join(source, 'b/n'));
    },
  ],
  [
    'types, and a file in a wide folder',
    (source) => {
      fs.writeFileSync(join(source, 'wide/1050'), 'other');
      fs.rmdirSync(join(source, 'empty'));
      fs.writeFileSync(join(source, 'empty'), 'no folder any more');
      fs.rmSync(join(source, 'a/one'));
      fs.mkdirSync(join(source, 'a/one'));
      fs.rmSync(join(source, 'a/link'));
      fs.symlinkSync('elsewhere', join(source, 'a/link'));
    },
  ],
];

describe('backup after a change', () => {
  // Where anything is excluded by name, folders are looked at entry by entry.
  for (const excludes of [[], ['no such name']])
    it(`gives the tree that reading everything gives: ${excludes.length === 0 ? 'whole folders' : 'entries'}`, async (t) => {
      const { folder, repository } = await testRepository(t, openLocalDisk);
      const source = join(folder, 'source');
      makeTree(source);
      const sources = [source];
      const first = await backup(repository, { sources });
      assert.equal(first.complete, true);
      for (const [what, change] of changes) {
        change(source);
        const after = await backup(repository, { sources, excludes, parent: 'auto' });
        const whole = await backup(repository, { sources });
        assert.equal(await treeOf(repository, after, source), await treeOf(repository, whole, source), what);
        assert.equal(after.filesUnmodified + after.filesChanged + after.filesNew, whole.filesNew, what);
        assert.equal(after.bytesProcessed, whole.bytesProcessed, what);
        assert.ok(after.bytesRead < whole.bytesRead, what);
        const counts = [after.filesNew + after.filesChanged, after.foldersNew + after.foldersChanged];
        // Folders on the way to the source change by what others do in them.
        const onTheWay = splitPath(Buffer.from(source)).length - 1;
        const most = what === 'nothing' ? [0, onTheWay] : [4, onTheWay + 8];
        assert.ok(
          counts.every((count, at) => count <= (most[at] ?? 0)),
          `${what}: ${counts.join(' ')}`,
        );
      }
    });

  it('leaves out what is newly excluded, and takes it in again', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    makeTree(source);
    const sources = [source];
    await backup(repository, { sources });
    for (const excludes of [['one', 'last', 'b'], []]) {
      const after = await backup(repository, { sources, excludes, parent: 'auto' });
      const whole = await backup(repository, { sources, excludes });
      assert.equal(
        await treeOf(repository, after, source),
        await treeOf(repository, whole, source),
        excludes.join(' '),
      );
    }
  });
});
