import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { openLocalDisk } from '@holdfast/storage';
import { limits } from '../limits.ts';
import { makeNastyTree } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import type { BackupProgress } from './backup.ts';
import type { FolderToCount } from './backup-jobs.ts';
import { FileCounter } from './count-files.ts';
import type { ExclusionOptions } from './exclusions.ts';
import { backup } from './index.ts';

interface Counted {
  readonly files: number;
  readonly bytes: number;
  readonly jobs: number;
}

function countAll(source: string, options: ExclusionOptions = {}): Counted {
  const counter = new FileCounter({ oneFileSystem: false, ...options });
  let left: readonly FolderToCount[] = [{ path: source, names: undefined, device: undefined }];
  let [files, bytes, jobs] = [0, 0, 0];
  for (; left.length > 0; jobs += 1) {
    const counted = counter.count(left);
    files += counted.files;
    bytes += counted.bytes;
    ({ left } = counted);
  }
  return { files, bytes, jobs };
}

describe('files counted ahead', () => {
  it('are those that the backup finds, and progress tells their number', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    makeNastyTree(source);
    for (const options of [
      {},
      { excludes: ['sub', '*large*'], excludeLargerThanBytes: 1_000_000 },
      { excludeIfPresent: [{ name: 'empty', header: '' }] },
    ]) {
      const progress: BackupProgress[] = [];
      // One thread counts before it looks at the files.
      const run = { ...options, sources: [source], workers: 1, countAhead: true };
      const summary = await backup(repository, { ...run, onProgress: (report) => progress.push(report) });
      const { files, bytes } = countAll(source, options);
      assert.equal(files, summary.filesNew);
      assert.equal(bytes, summary.bytesProcessed);
      const last = progress.at(-1);
      assert.deepEqual([last?.filesTotal, last?.bytesTotal], [files, bytes]);
    }
    const quiet: BackupProgress[] = [];
    await backup(repository, { sources: [source], onProgress: (report) => quiet.push(report) });
    assert.ok(quiet.every(({ filesTotal, bytesTotal }) => filesTotal === undefined && bytesTotal === undefined));
  });

  it('are counted in several jobs where there are many, and what can not be read is none', (t) => {
    const folder = temporaryFolder(t);
    const perFolder = Math.ceil(limits.entriesCountedPerJob / 4);
    for (let number = 0; number < 6; number += 1) {
      const inside = join(folder, `${number}`, 'inside');
      fs.mkdirSync(inside, { recursive: true });
      for (let file = 0; file < perFolder; file += 1)
        fs.writeFileSync(join(inside, `${file}`), file === 0 ? 'four' : '');
    }
    const { files, bytes, jobs } = countAll(folder);
    assert.deepEqual([files, bytes], [6 * perFolder, 24]);
    assert.equal(jobs, 2);
    assert.deepEqual(countAll(join(folder, 'missing')), { files: 0, bytes: 0, jobs: 1 });
  });
});
