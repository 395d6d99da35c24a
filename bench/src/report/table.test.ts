import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assess } from './assessment.ts';
import { renderPage } from './page.ts';
import { type Failure, type Sample, summarise } from './results.ts';
import type { RunRecord } from './run-record.ts';
import { renderTable } from './table.ts';

const sample = (program: string, wallMs: number): Sample => ({
  row: 'small-files',
  program,
  round: 1,
  wallMs,
  syncMs: 10,
  cpuMs: 2_500,
  peakMemoryBytes: 100 * 1024 * 1024,
  repositoryBytes: 12_340_000,
});
const failures: readonly Failure[] = [
  { rows: ['small-files'], program: 'borg', round: 1, kind: 'wrong', message: 'part-0/x is missing' },
];
const samples = [sample('holdfast', 1_000), sample('restic', 1_500)];
const programs = ['holdfast', 'restic', 'borg'];
const record: RunRecord = {
  format: 3,
  startedAt: '2026-01-02T03:04:05.000Z',
  durationMs: 1,
  machine: { processor: 'P', cores: 2, memoryBytes: 2 ** 34, system: 'linux', shaExtensions: false },
  rounds: 1,
  preset: 'standard',
  scale: 0.5,
  indexBlobs: 1_000_000,
  limits: [{ row: 'small-files', oneByOneMs: 900, lanesMs: 700 }],
  dataSets: [{ name: 'small-files', files: 40_000, bytes: 1024 }],
  programs: programs.map((name) => ({ name, version: '1', settings: 'defaults' })),
  missingPrograms: ['kopia'],
  rows: summarise({ rows: ['small-files'], programs }, samples, failures).map((row) => ({
    ...row,
    title: 'a title',
    target: 2,
  })),
  samples,
  failures,
};

test('the table aligns its columns, shows ratios, and no time of a wrong result', () => {
  const lines = renderTable(record).split('\n');
  const table = lines.slice(0, lines.indexOf('Against the aims')).filter((line) => line.startsWith('  '));
  assert.equal(new Set(table.map((line) => line.length)).size, 1, table.join('\n'));
  assert.match(renderTable(record), /small-files: a title\n/);
  assert.match(table[1] ?? '', /holdfast +1\.00 +1\.00 +1\.00 +0\.01 +2\.50 +100 +12\.3 +1\.50×$/);
  assert.match(table[2] ?? '', /restic +1\.50 .* 1\.00×$/);
  assert.match(table[3] ?? '', /borg +wrong +– /);
  assert.equal(lines.at(-1), 'WRONG RESULT: borg, round 1, small-files: part-0/x is missing');
});

test('the page says what was compared, on what, at which scale, and what failed', () => {
  const page = renderPage(record);
  for (const expected of [
    '| holdfast | 1.00 | 1.00 | 1.00 | 0.01 | 2.50 | 100 | 12.3 | 1.50× |',
    '**At scale 0.5 of the preset',
    '| small-files | 1.50× | 2.00× | 0.70 | 70 % | 2.50 | 2.50 | 100 | 160 | speed |',
    'so not compared: kopia',
    'without SHA extensions',
    '- WRONG RESULT: borg',
    '| small-files | 40,000 | 1.00 KiB |',
  ])
    assert.ok(page.includes(expected), `${expected} is not in\n${page}`);
  assert.doesNotMatch(renderPage({ ...record, scale: 1, failures: [] }), /At scale|## Failures/);
});

test('a record says the same after it was kept as JSON', () => {
  assert.equal(renderPage(JSON.parse(JSON.stringify(record)) as RunRecord), renderPage(record));
});

test('a row is compared with the machine and with restic', () => {
  const [one] = assess(record);
  assert.equal(one?.limitMs, 700, 'the faster way of hashing is the limit');
  assert.equal(one.reached, 0.7);
  assert.equal(one.speedMet, false);
  assert.equal(one.memoryMet, true);
  const limits = [{ row: 'small-files', oneByOneMs: 850, lanesMs: undefined }];
  assert.equal(assess({ ...record, limits })[0]?.speedMet, true, '80 % of the limit is enough');
  const heavy = samples.map((each) => (each.program === 'holdfast' ? { ...each, peakMemoryBytes: 2 ** 29 } : each));
  const rows = summarise({ rows: ['small-files'], programs }, heavy, []).map((row) => ({
    ...row,
    title: '',
    target: 1.5,
  }));
  const [changed] = assess({ ...record, limits: [], rows });
  assert.deepEqual([changed?.speedMet, changed?.memoryMet, changed?.reached], [true, false, undefined]);
});

test('with a large index memory is bounded by the index as well', () => {
  const large = samples.map((each) => ({ ...each, row: 'memory-prune', peakMemoryBytes: 2 ** 30 }));
  const rows = summarise({ rows: ['memory-prune'], programs }, large, []).map((row) => ({ ...row, title: '' }));
  const [one] = assess({ ...record, rows });
  assert.equal(one?.allowedMemoryBytes, 64_000_000 + 300 * 1024 * 1024);
  assert.equal(one.memoryMet, false);
});

test('a failed Holdfast misses its aim', () => {
  const lost = [{ ...failures[0], program: 'holdfast' } as Failure];
  const rows = summarise({ rows: ['small-files'], programs }, samples.slice(1), lost).map((row) => ({
    ...row,
    title: '',
    target: 2,
  }));
  assert.equal(assess({ ...record, rows })[0]?.speedMet, false);
});

test('a long message of a failure is cut in the table', () => {
  const long = { ...record, failures: [{ ...failures[0], message: 'x'.repeat(5_000) } as Failure] };
  assert.ok((renderTable(long).split('\n').at(-1)?.length ?? 0) < 600);
});

const kept = join(import.meta.dirname, '..', '..', 'results.json');
test('docs/benchmarks.md says what the kept results say', {
  skip: existsSync(kept) ? false : 'no results are kept yet (npm run bench -- --write)',
}, () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'benchmarks.md'), 'utf8');
  const current = renderPage(JSON.parse(readFileSync(kept, 'utf8')) as RunRecord) === page;
  assert.ok(current, 'make it anew: npm run bench -- --from bench/results.json --write');
});
