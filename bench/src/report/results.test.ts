import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Failure, type Sample, summarise } from './results.ts';

const sample = (program: string, wallMs: number, more: Partial<Sample> = {}): Sample => ({
  row: 'a',
  program,
  round: 1,
  wallMs,
  syncMs: 0,
  cpuMs: undefined,
  peakMemoryBytes: undefined,
  repositoryBytes: 10,
  ...more,
});
const failure = (program: string, kind: Failure['kind'], rows = ['a']): Failure => ({
  rows,
  program,
  round: 1,
  kind,
  message: 'why',
});
const order = { rows: ['a'], programs: ['holdfast', 'restic', 'borg'] };
const ratios = (samples: readonly Sample[], failures: readonly Failure[] = []) =>
  summarise(order, samples, failures)[0]?.programs.map(({ speedRatio }) => speedRatio);

test('the ratio is the median of the fastest peer by the own median, and Holdfast is no peer', () => {
  const samples = [...[90, 100, 500].map((ms) => sample('holdfast', ms)), sample('restic', 200), sample('borg', 400)];
  assert.deepEqual(ratios(samples), [2, 1, 0.5]);
  assert.deepEqual(ratios([sample('holdfast', 100)]), [undefined]);
});

test('a fast wrong result, or one failure, takes a peer out of the row', () => {
  const samples = [sample('holdfast', 100), sample('restic', 1), sample('borg', 400)];
  assert.deepEqual(ratios(samples, [failure('restic', 'wrong')]), [4, undefined, 1]);
  assert.deepEqual(ratios(samples, [failure('restic', 'failed')]), [4, undefined, 1]);
  assert.deepEqual(ratios(samples, [failure('restic', 'wrong', ['b'])]), [0.01, 1, 1 / 400]);
});

test('who neither ran nor failed has no part in a row', () => {
  const [row] = summarise(order, [sample('restic', 1)], [failure('borg', 'failed')]);
  assert.deepEqual(
    row?.programs.map(({ program, outcome }) => [program, outcome]),
    [
      ['restic', 'right'],
      ['borg', 'failed'],
    ],
  );
});

test('Holdfast with a wrong result has no ratio, and wrong is told rather than failed', () => {
  const samples = [sample('holdfast', 1), sample('restic', 100)];
  const [row] = summarise(order, samples, [failure('holdfast', 'failed'), failure('holdfast', 'wrong')]);
  assert.equal(row?.programs[0]?.outcome, 'wrong');
  assert.equal(row.programs[0].speedRatio, undefined);
});

test('medians take what is known', () => {
  const samples = [sample('holdfast', 1, { cpuMs: 30 }), sample('holdfast', 2), sample('holdfast', 3, { cpuMs: 50 })];
  const holdfast = summarise(order, samples, [])[0]?.programs[0];
  assert.equal(holdfast?.rounds, 3);
  assert.equal(holdfast.cpuMs, 40);
  assert.equal(holdfast.peakMemoryBytes, undefined);
  assert.equal(holdfast.repositoryBytes, 10);
});
