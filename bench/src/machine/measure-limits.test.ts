import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { hashesInLanes } from '@holdfast/native';
import { selectRows } from '../rows.ts';
import { measureLimits } from './measure-limits.ts';

test('every local row has a limit, with both ways of hashing, and nothing is left behind', async (t) => {
  const folder = temporaryFolder(t);
  const [workFolder, dataFolder] = [join(folder, 'work'), join(folder, 'data')];
  for (const one of [workFolder, dataFolder]) mkdirSync(one);
  const rows = selectRows([
    'big-text',
    'one-percent',
    'restore-big-text',
    'check-big-text',
    'no-change',
    'network',
    'prune',
  ]);
  const limits = await measureLimits({
    rows,
    sizes: {
      bigBytes: 1_000,
      textBytes: 20_000_000,
      smallFiles: 600,
      tinyFiles: 100,
      mixedBytes: 1_000_000,
      historyFiles: 100,
      historyBackups: 2,
      indexBlobs: 10_000,
    },
    repeats: 1,
    workFolder,
    dataFolder,
    signal: t.signal,
    onLimit: () => undefined,
  });
  assert.deepEqual(
    limits.map(({ row }) => row),
    ['big-text', 'one-percent', 'restore-big-text', 'check-big-text', 'no-change'],
  );
  for (const { oneByOneMs, lanesMs, row } of limits) {
    assert.ok(oneByOneMs > 0, row);
    assert.equal(lanesMs !== undefined, hashesInLanes(), row);
  }
  assert.deepEqual(readdirSync(workFolder), []);
});
