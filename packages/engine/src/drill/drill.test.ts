import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { HoldfastError } from '@holdfast/core';
import type { ObjectId } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import { type DrillAmount, type DrillReport, drill } from './index.ts';

async function sample(t: TestContext) {
  const { folder, repositoryFolder, repository } = await testRepository(t, openLocalDisk);
  const source = join(folder, 'source');
  fs.mkdirSync(join(source, 'folder/closed'), { recursive: true });
  for (let number = 0; number < 20; number += 1)
    fs.writeFileSync(join(source, 'folder', `file ${number}`), noise(1000 + number, number + 1));
  fs.writeFileSync(join(source, 'folder/closed/large'), noise(3_000_000, 99));
  fs.writeFileSync(join(source, 'empty'), '');
  fs.symlinkSync('nowhere', join(source, 'link'));
  fs.chmodSync(join(source, 'folder/closed/large'), 0o000);
  fs.chmodSync(join(source, 'folder/closed'), 0o555);
  const { snapshotId } = await backup(repository, { sources: [source], workers: 1 });
  assert.ok(snapshotId);
  fs.chmodSync(join(source, 'folder/closed'), 0o755);
  let drills = 0;
  const run = async (
    o: { amount?: DrillAmount; maxBytes?: number; seed?: string } = {},
  ): Promise<{ report: DrillReport; wrong: string[]; sandbox: string }> => {
    const sandbox = join(folder, `sandbox ${(drills += 1)}`);
    fs.mkdirSync(sandbox, { mode: 0o700 });
    const wrong: HoldfastError[] = [];
    const report = await drill(repository, {
      ...{ snapshotId, sandbox, amount: { kind: 'whole' }, maxBytes: 1e9, seed: 'seed' },
      ...o,
      signal: new AbortController().signal,
      onWrong: (problem) => void wrong.push(problem),
    });
    return { report, wrong: wrong.map(({ message }) => message), sandbox };
  };
  return { repository, repositoryFolder, source, run };
}

const filesIn = (folder: string): string[] =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .sort();

describe('restore drill', () => {
  it('restores everything, and reads back what was backed up', async (t) => {
    const s = await sample(t);
    const { report, wrong } = await s.run();
    assert.deepEqual(wrong, []);
    assert.equal(report.wrong, 0);
    assert.equal(report.coverage, 'whole');
    assert.equal(report.files, 22);
    assert.equal(report.totalFiles, 22);
    assert.equal(report.bytes, report.totalBytes);
    assert.ok(report.entries > report.files);
    assert.ok(report.restoreMs > 0 && report.firstByteMs <= report.restoreMs && report.bytesPerSecond > 0);
    assert.equal(report.wholeRestoreMs, report.restoreMs);
  });

  it('draws the same sample by the same seed, within its limits', async (t) => {
    const s = await sample(t);
    const amount = { kind: 'sample', files: 5 } as const;
    const once = await s.run({ amount, maxBytes: 100_000, seed: 'a' });
    const again = await s.run({ amount, maxBytes: 100_000, seed: 'a' });
    const other = await s.run({ amount, maxBytes: 100_000, seed: 'another' });
    const [drawn, same, different] = [once, again, other].map(({ sandbox }) => filesIn(sandbox));
    assert.deepEqual(drawn, same);
    assert.notDeepEqual(drawn, different);
    assert.equal(once.report.coverage, 'sample');
    assert.equal(once.report.files, drawn?.length);
    assert.ok((drawn?.length ?? 0) >= 4 && once.report.bytes <= 100_000);
    assert.ok(once.report.wholeRestoreMs > once.report.restoreMs);
    // What is too large as a whole becomes a sample.
    assert.equal((await s.run({ maxBytes: 100_000 })).report.coverage, 'sample');
    await assert.rejects(s.run({ amount: { kind: 'sample', files: 30 }, maxBytes: -1 }), { code: 'drill.space' });
  });

  it('names the file and the pack of what is damaged, once each', async (t) => {
    const s = await sample(t);
    const index = await s.repository.loadIndex();
    const packs = new Map<ObjectId, string>();
    const data = fs.readdirSync(join(s.repositoryFolder, 'data'), { recursive: true, withFileTypes: true });
    for (const file of data) if (file.isFile()) packs.set(file.name as ObjectId, join(file.parentPath, file.name));
    // The pack with the contents, in its middle, which is one of the large file's blobs.
    const [id, path]: [ObjectId, string] =
      [...packs].sort(([, a], [, b]) => fs.statSync(b).size - fs.statSync(a).size)[0] ?? assert.fail('no pack');
    assert.ok(index);
    fs.chmodSync(path, 0o600);
    const bytes = fs.readFileSync(path);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    fs.writeFileSync(path, bytes);
    const { report, wrong } = await s.run();
    assert.equal(report.wrong, 1, wrong.join('\n'));
    assert.match(wrong[0] ?? '', /\/source\/folder\/closed\/large: /);
    assert.ok(wrong[0]?.includes(`pack ${id}`), wrong.join('\n'));
    assert.equal(report.files, 21);
  });
});
