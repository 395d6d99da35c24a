import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import type { RunRecord } from './report/run-record.ts';

const main = join(import.meta.dirname, 'main.ts');
const smallRows = 'small-files,no-change,restore-small-files,check-small-files';

test('Holdfast and restic are compared with each other, in small', {
  skip: skipUnless({ programs: ['restic'] }),
  timeout: 400_000,
}, (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'run.json');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ...[
        main,
        '--scale',
        '0.002',
        '--rounds',
        '1',
        '--rows',
        smallRows,
        '--programs',
        'holdfast,restic',
        '--no-limits',
      ],
      ...['--folder', folder, '--json', file],
    ],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /no-change: .*\n {2}holdfast .*×\n {2}restic .*1\.00×/);
  const record = JSON.parse(readFileSync(file, 'utf8')) as RunRecord;
  assert.deepEqual(record.failures, []);
  assert.equal(record.samples.length, 8);
  for (const sample of record.samples) {
    assert.ok(sample.wallMs > 0 && sample.repositoryBytes > 100_000, JSON.stringify(sample));
    if (process.platform === 'linux')
      assert.ok((sample.cpuMs ?? 0) > 0 && (sample.peakMemoryBytes ?? 0) > 10_000_000, JSON.stringify(sample));
  }
  const again = spawnSync(process.execPath, [main, '--from', file], { encoding: 'utf8' });
  assert.equal(again.stdout, stdout);
});

test('a wrong command line ends with 2 and the usage', () => {
  const { status, stderr } = spawnSync(process.execPath, [main, '--rows', 'nothing'], { encoding: 'utf8' });
  assert.equal(status, 2);
  assert.match(stderr, /there is no row nothing[\s\S]*usage: npm run bench/);
});
