import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { type BenchmarkResult, runBenchmark } from './benchmark.ts';
import type { Command } from './measure/run-command.ts';
import { type BackupProgram, baseEnvironment, type Place } from './programs/backup-program.ts';
import { rows, selectRows } from './rows.ts';

const shell = (place: Place, script: string): Command => ({
  file: '/bin/sh',
  args: ['-ec', script],
  env: baseEnvironment(place),
});

/** Backs up by copying; a part of it may be done wrongly. */
function copier(name: string, wrong: Partial<Record<'backup' | 'restore' | 'check', string>> = {}): BackupProgram {
  return {
    name,
    version: '1',
    settings: 'none',
    init: (place) => [shell(place, `mkdir ${place.repository}/copy`)],
    backup: (place, source, sequence) =>
      shell(
        place,
        wrong.backup ?? `cp -a ${source}/. ${place.repository}/copy; echo ${sequence} > ${place.repository}/backups`,
      ),
    restore: (place, { target, sequence }) =>
      shell(
        place,
        `test "$(cat ${place.repository}/backups)" = ${sequence}; cp -a ${place.repository}/copy/. ${target}; cd ${target}; ${wrong.restore ?? ':'}`,
      ),
    restored: (_source, target) => target,
    check: (place) =>
      shell(
        place,
        wrong.check ??
          `cd ${place.repository}; find copy -type f | sort | xargs cat | cksum > ../sum.new; if test -e ../sum; then cmp ../sum ../sum.new; else mv ../sum.new ../sum; fi`,
      ),
  };
}

async function run(t: TestContext, programs: readonly BackupProgram[], more: { rows?: string; rounds?: number } = {}) {
  const folder = temporaryFolder(t);
  const [workFolder, dataFolder] = [join(folder, 'work'), join(folder, 'data')];
  for (const one of [workFolder, dataFolder]) mkdirSync(one);
  const order: string[] = [];
  const result = await runBenchmark({
    rows: more.rows === undefined ? rows : selectRows(more.rows.split(',')),
    programs,
    rounds: more.rounds ?? 1,
    sizes: { bigBytes: 100_000, smallFiles: 40 },
    workFolder,
    dataFolder,
    signal: t.signal,
    onEvent: (event) => {
      if (event.kind === 'sample') order.push(`${event.sample.row} ${event.sample.program} ${event.sample.round}`);
    },
  });
  assert.deepEqual(readdirSync(workFolder), [], 'nothing is left behind');
  return { ...result, order };
}

const rowsOf = ({ samples }: BenchmarkResult, program: string): readonly string[] =>
  samples.filter((sample) => sample.program === program).map(({ row }) => row);

test('programs take turns in each step, and another one begins in each round', async (t) => {
  const { order, failures } = await run(t, [copier('a'), copier('b')], { rows: 'small-files,no-change', rounds: 2 });
  assert.deepEqual(failures, []);
  assert.deepEqual(order, [
    ...['small-files a 1', 'small-files b 1', 'no-change a 1', 'no-change b 1'],
    ...['small-files b 2', 'small-files a 2', 'no-change b 2', 'no-change a 2'],
  ]);
});

test('every row of a right program has a sample with its repository size', async (t) => {
  const result = await run(t, [copier('a')]);
  assert.deepEqual(result.failures, []);
  assert.deepEqual(rowsOf(result, 'a').toSorted(), rows.map(({ id }) => id).toSorted());
  assert.ok(result.samples.every(({ repositoryBytes }) => repositoryBytes > 10_000));
  assert.deepEqual(
    result.dataSets.map(({ name, files }) => [name, files]),
    [
      ['big-random', 1],
      ['small-files', 40],
    ],
  );
});

test('a restore that loses a file is wrong and takes the backup with it, measured or not', async (t) => {
  const lossy = copier('lossy', { restore: 'find . -type f | head -1 | xargs rm' });
  const all = await run(t, [copier('right'), lossy], { rows: 'small-files,restore-small-files,check-small-files' });
  assert.deepEqual(rowsOf(all, 'lossy'), []);
  assert.equal(rowsOf(all, 'right').length, 3);
  assert.equal(all.failures.length, 1);
  assert.equal(all.failures[0]?.kind, 'wrong');
  assert.match(all.failures[0].message, /is missing/);
  const backupOnly = await run(t, [lossy], { rows: 'big-random' });
  assert.deepEqual(backupOnly.samples, []);
  assert.deepEqual(backupOnly.failures[0]?.rows, ['big-random']);
});

test('a check that reads nothing is wrong, and only the check', async (t) => {
  const result = await run(t, [copier('blind', { check: ':' })], { rows: 'big-random,check-big-random' });
  assert.deepEqual(rowsOf(result, 'blind'), ['big-random']);
  assert.deepEqual(result.failures[0]?.rows, ['check-big-random']);
  assert.match(result.failures[0].message, /does not notice a changed byte/);
});

test('a program that fails says how, and the others go on', async (t) => {
  const broken = copier('broken', { backup: 'echo no space >&2; exit 3' });
  const result = await run(t, [broken, copier('right')], { rows: 'big-random,restore-big-random' });
  assert.deepEqual(rowsOf(result, 'right'), ['big-random', 'restore-big-random']);
  assert.deepEqual(rowsOf(result, 'broken'), []);
  assert.equal(result.failures[0]?.kind, 'failed');
  assert.match(result.failures[0].message, /ended with 3: no space/);
});
