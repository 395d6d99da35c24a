import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { HoldfastError } from '@holdfast/core';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { testRepository } from '../testing/test-repository.ts';
import { extensionChanges } from './index.ts';

const folders = Array.from({ length: 8 }, (_, number) => `d${number}`);

/** Eight folders with 40 documents and 10 pictures each. */
async function sample(t: TestContext) {
  const { folder, repository } = await testRepository(t, openLocalDisk);
  const source = join(folder, 'source');
  for (const name of folders) {
    fs.mkdirSync(join(source, name), { recursive: true });
    for (let number = 0; number < 40; number += 1)
      fs.writeFileSync(join(source, name, `r${number}.DOCX`), `report ${name} ${number}`);
    for (let number = 0; number < 10; number += 1)
      fs.writeFileSync(join(source, name, `p${number}.jpg`), `picture ${name} ${number}`);
  }
  const snapshot = async () => {
    const { snapshotId } = await backup(repository, { sources: [source], workers: 1 });
    return (await repository.loadSnapshot(snapshotId)).snapshot.tree;
  };
  let before = await snapshot();
  /** What has become of the files since the last time. */
  const changes = async () => {
    const after = await snapshot();
    const problems: HoldfastError[] = [];
    const found = await extensionChanges(repository, {
      ...{ before, after, minGone: 100, minRenamed: 200, maxExtensions: 50, maxExtensionBytes: 32 },
      onProblem: (problem) => void problems.push(problem),
      signal: new AbortController().signal,
    });
    assert.deepEqual(problems, []);
    before = after;
    return found;
  };
  const filesOf = (name: string, extension: string): string[] =>
    fs
      .readdirSync(join(source, name))
      .filter((file) => file.endsWith(extension))
      .map((file) => join(source, name, file));
  return { source, changes, filesOf };
}

it('ordinary work is not told: edits, new files, some deletions, updates, folders that are moved and renamed', async (t) => {
  const s = await sample(t);
  assert.deepEqual(await s.changes(), []);
  for (const file of s.filesOf('d7', '.DOCX')) fs.appendFileSync(file, 'edited');
  for (const file of [...s.filesOf('d6', '.DOCX'), ...s.filesOf('d5', '.DOCX')].slice(0, 60)) fs.rmSync(file);
  fs.mkdirSync(join(s.source, 'archive', 'year'), { recursive: true });
  for (const name of ['d0', 'd1', 'd2']) fs.renameSync(join(s.source, name), join(s.source, 'archive', 'year', name));
  fs.renameSync(join(s.source, 'd3'), join(s.source, 'projects'));
  for (let number = 0; number < 300; number += 1) fs.writeFileSync(join(s.source, `new${number}.tmp`), `${number}`);
  assert.deepEqual(await s.changes(), []);

  // A new version of a program in the place of the old one, and a cache that was emptied.
  const write = (folder: string, name: (number: number) => string, content: string): void => {
    fs.mkdirSync(join(s.source, folder));
    for (let number = 0; number < 150; number += 1)
      fs.writeFileSync(join(s.source, folder, name(number)), `${content} ${number}`);
  };
  write('modules-1', (number) => `${number}.ko`, 'old');
  write('cache', (number) => `f_${number}`, 'cached');
  assert.deepEqual(await s.changes(), []);
  for (const folder of ['modules-1', 'cache']) fs.rmSync(join(s.source, folder), { recursive: true });
  write('modules-2', (number) => `${number}.ko`, 'new');
  assert.deepEqual(await s.changes(), []);
});

it('files that were encrypted under new names are gone, and their extension is a new one', async (t) => {
  const s = await sample(t);
  for (const name of folders)
    for (const file of s.filesOf(name, '.DOCX')) {
      fs.writeFileSync(
        `${file}.locked`,
        Buffer.from(fs.readFileSync(file)).map((byte) => byte ^ 0x55),
      );
      fs.rmSync(file);
    }
  assert.deepEqual(await s.changes(), [
    { extension: 'docx', before: 320, gone: 320, renamed: 0, folders: 0 },
    { extension: 'locked', before: 0, gone: 0, renamed: 320, folders: 8 },
  ]);
  // With names that say nothing of what they were.
  for (const name of folders)
    for (const [at, file] of s.filesOf(name, '.locked').entries())
      fs.renameSync(file, join(s.source, name, `${at}-${name}.x`));
  assert.deepEqual(await s.changes(), [
    { extension: 'locked', before: 320, gone: 320, renamed: 0, folders: 0 },
    { extension: 'x', before: 0, gone: 0, renamed: 320, folders: 8 },
  ]);
});

it('deleted files are counted among all that there were, also those in folders that did not change', async (t) => {
  const s = await sample(t);
  for (const name of folders.slice(0, 4)) fs.rmSync(join(s.source, name), { recursive: true });
  assert.deepEqual(await s.changes(), [{ extension: 'docx', before: 320, gone: 160, renamed: 0, folders: 0 }]);
});
