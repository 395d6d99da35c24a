import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { type BenchmarkResult, runBenchmark } from './benchmark.ts';
import type { DataSetSizes } from './data/data-set.ts';
import type { Command } from './measure/run-command.ts';
import { ProgramFailure } from './program-failure.ts';
import { type BackupProgram, baseEnvironment, type Place, type Service } from './programs/backup-program.ts';
import { rows, selectRows } from './rows.ts';

const sizes: DataSetSizes = {
  bigBytes: 100_000,
  textBytes: 200_000,
  smallFiles: 40,
  tinyFiles: 200,
  mixedBytes: 2_000_000,
  historyFiles: 100,
  historyBackups: 5,
  indexBlobs: 20_000,
};

const shell = (place: Place, script: string): Command => ({
  file: '/bin/sh',
  args: ['-ec', script],
  env: baseEnvironment(place),
});

/** Backs up by copying; a part of it may be done wrongly. */
function copier(
  name: string,
  wrong: Partial<Record<'backup' | 'restore' | 'check' | 'prune', string>> = {},
  more: Partial<BackupProgram> = {},
): BackupProgram {
  return {
    name,
    version: '1',
    settings: 'none',
    init: (place) => [shell(place, `mkdir ${place.repository}/copy`)],
    backup: (place, source, sequence) =>
      shell(
        place,
        wrong.backup ??
          `rm -rf ${place.repository}/copy; cp -a ${source}/. ${place.repository}/copy; head -c 500 /dev/zero > ${place.repository}/old-${sequence}; echo ${sequence} > ${place.repository}/backups`,
      ),
    restore: (place, { target, sequence }) =>
      shell(
        place,
        `test "$(cat ${place.repository}/backups)" = ${sequence}; cp -a ${place.repository}/copy/. ${target}; cd ${target}; ${wrong.restore ?? ':'}`,
      ),
    format: 'own',
    restored: ({ part, target }) => join(target, part ?? ''),
    // What a backup adds and nothing needs is what a prune takes away.
    prune: (place, keep) => [
      shell(place, wrong.prune ?? `rm ${place.repository}/old-*; echo ${keep} > ${place.home}/kept`),
    ],
    check: (place) =>
      shell(
        place,
        wrong.check ??
          `cd ${place.repository}; find copy -type f | sort | xargs cat | cksum > ../sum.new; if test -e ../sum; then cmp ../sum ../sum.new; else mv ../sum.new ../sum; fi`,
      ),
    ...more,
  };
}

async function run(t: TestContext, programs: readonly BackupProgram[], more: { rows?: string; rounds?: number } = {}) {
  const folder = temporaryFolder(t);
  const [workFolder, dataFolder] = [join(folder, 'work'), join(folder, 'data')];
  for (const one of [workFolder, dataFolder]) mkdirSync(one);
  const order: string[] = [];
  const result = await runBenchmark({
    rows: more.rows === undefined ? localRows : selectRows(more.rows.split(',')),
    programs,
    rounds: more.rounds ?? 1,
    sizes,
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

/** Those that need no server and no repository of restic's format. `mixed` is another tree on each machine. */
const localRows = rows.filter(
  ({ scenario }) => !scenario.remote && scenario.prepared !== 'index' && scenario.id !== 'mixed',
);

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
  assert.deepEqual(rowsOf(result, 'a').toSorted(), localRows.map(({ id }) => id).toSorted());
  assert.ok(result.samples.every(({ repositoryBytes }) => repositoryBytes > 5_000));
  assert.deepEqual(
    result.dataSets.map(({ name, files }) => [name, files]),
    [
      ['big-random', 1],
      ['big-text', 1],
      ['small-files', 40],
      ['tiny-files', 200],
      ['history', 100],
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

test('a history is backed up by every program, each prunes a copy of its own in each round, and keeps one in five', async (t) => {
  const kept: string[] = [];
  const watching = copier('watching');
  const noting: BackupProgram = {
    ...watching,
    prune: (place, keep) => {
      kept.push(`${keep} of ${readFileSync(join(place.repository, 'backups'), 'utf8').trim()}`);
      return watching.prune(place, keep);
    },
  };
  const { order, failures } = await run(t, [noting, copier('other')], { rows: 'prune', rounds: 2 });
  assert.deepEqual(failures, []);
  assert.deepEqual(order, ['prune watching 1', 'prune other 1', 'prune other 2', 'prune watching 2']);
  assert.deepEqual(kept, ['1 of 5', '1 of 5']);
});

test('a prune that frees nothing, or takes what is needed, is wrong', async (t) => {
  const lazy = copier('lazy', { prune: ':' });
  const greedy = copier('greedy', { prune: 'rm -r repository/copy/part-0/folder-1; rm repository/old-*' });
  const inPlace: BackupProgram = {
    ...greedy,
    prune: (place, keep) =>
      greedy.prune(place, keep).map((command) => ({ ...command, cwd: join(place.repository, '..') })),
  };
  const result = await run(t, [lazy, inPlace], { rows: 'prune' });
  assert.deepEqual(result.samples, []);
  assert.match(result.failures.find(({ program }) => program === 'lazy')?.message ?? '', /freed nothing/);
  assert.match(result.failures.find(({ program }) => program === 'greedy')?.message ?? '', /is missing/);
});

test('who cannot make the history is out, and the others go on', async (t) => {
  const broken = copier('broken', { backup: 'echo no space >&2; exit 3' });
  const result = await run(t, [broken, copier('right')], { rows: 'prune' });
  assert.deepEqual(rowsOf(result, 'right'), ['prune']);
  assert.deepEqual(
    result.failures.map(({ program, round, rows: concerned }) => [program, round, concerned]),
    [['broken', 0, ['prune']]],
  );
});

test('the changed text is what is backed up and restored in one-percent', async (t) => {
  // It keeps the first backup for good: only that of the unchanged text would be right.
  const stale = copier('stale', {
    backup:
      'test -e repository/copy/text.log || cp -a "$0"/. repository/copy; date +%s%N > repository/n; echo 2 > repository/backups',
  });
  const withSource: BackupProgram = {
    ...stale,
    backup: (place, source, sequence) => {
      const command = stale.backup(place, source, sequence);
      return { ...command, args: [...command.args, source], cwd: join(place.repository, '..') };
    },
  };
  const result = await run(t, [withSource, copier('right')], { rows: 'big-text,one-percent' });
  assert.deepEqual(rowsOf(result, 'right'), ['big-text', 'one-percent']);
  assert.deepEqual(rowsOf(result, 'stale'), []);
  assert.match(result.failures[0]?.message ?? '', /text\.log has (another|other|\d+ bytes)/);
});

test('a program is measured together with its server, which is stopped', async (t) => {
  let stopped = 0;
  const burn = 'console.log(1); const until = Date.now() + 60000; while (Date.now() < until);';
  const serve = async (folder: string): Promise<Service> => {
    const storage = join(folder, '..', 'repository');
    const child = spawn(process.execPath, ['-e', burn], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    return {
      remote: { address: 'rest:https://127.0.0.1:1/', caFile: '/ca.pem', environment: { TOKEN: 'granted' } },
      storage,
      pid: child.pid ?? 0,
      stop: async () => {
        stopped += 1;
        child.kill('SIGKILL');
      },
    };
  };
  const result = await run(t, [copier('local'), copier('served', {}, { serve })], { rows: 'network-small-files' });
  assert.deepEqual(result.failures, []);
  assert.deepEqual(rowsOf(result, 'local'), [], 'without a server there is nothing to compare');
  assert.equal(stopped, 1);
  const [sample] = result.samples;
  assert.equal(sample?.program, 'served');
  assert.ok(sample.repositoryBytes > 10_000);
  // A shell that copies has much less than a Node that runs.
  if (process.platform === 'linux') assert.ok((sample.peakMemoryBytes ?? 0) > 8_000_000, `${sample.peakMemoryBytes}`);
});

test('a server that does not start is a failure of that program only', async (t) => {
  const serve = (): Promise<Service> => Promise.reject(new ProgramFailure('failed', 'the port is taken'));
  const result = await run(t, [copier('served', {}, { serve })], { rows: 'network-small-files,small-files' });
  assert.deepEqual(rowsOf(result, 'served'), ['small-files']);
  assert.match(result.failures[0]?.message ?? '', /the port is taken/);
});

test('unmeasured restores are made in the last round only', async (t) => {
  const restored: number[] = [];
  const right = copier('right');
  const counting: BackupProgram = {
    ...right,
    restore: (place, backup) => {
      restored.push(backup.sequence);
      return right.restore(place, backup);
    },
  };
  await run(t, [counting], { rows: 'no-change', rounds: 3 });
  assert.deepEqual(restored, [2]);
});
