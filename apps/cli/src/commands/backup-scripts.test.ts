import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { skipUnless } from '@holdfast/core/testing';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { fixturePassword, standAloneFixture } from '../testing/stand-alone-fixture.ts';

const { folder, freshRepository, holdfast } = standAloneFixture();
const source = join(folder, 'source');
mkdirSync(source);
const log = join(folder, 'log');

function script(name: string, body: string): string {
  const path = join(folder, `${name}.sh`);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A process that has ended may still wait for its parent; then it has no command line any more. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

test('both scripts run around the backup, without its password, and their output stays off standard output', async () => {
  const repository = await freshRepository('around');
  const before = script('before', `echo hello; echo dumped > '${source}/dump'; env > '${log}'`);
  const after = script(
    'after',
    `rm '${source}/dump'; echo "$HOLDFAST_BACKUP_STATUS $HOLDFAST_SNAPSHOT_ID" >> '${log}'`,
  );
  const result = await runCli(
    ['backup', source, '-r', repository, '--pre-script', before, '--post-script', after, '--json'],
    { env: { HOLDFAST_PASSWORD: fixturePassword, RESTIC_FROM_PASSWORD: 'other secret' } },
  );
  assert.equal(result.status, 0, result.stderr);
  const { snapshotId, totalFiles } = jsonResult<{ snapshotId: string; totalFiles: number }>(result.stdout);
  assert.equal(totalFiles, 1, 'what the first script made is in the backup');
  assert.equal(existsSync(join(source, 'dump')), false);
  assert.match(result.stderr, /hello/);
  const logged = readFileSync(log, 'utf8');
  assert.ok(logged.endsWith(`complete ${snapshotId}\n`));
  assert.doesNotMatch(logged, new RegExp(`${fixturePassword}|other secret`));
});

test('when the first script fails, is missing or takes too long there is no backup and no second script', {
  skip: skipUnless({ platform: 'linux' }),
}, async () => {
  const repository = await freshRepository('fails');
  const after = script('not-run', `echo run >> '${folder}/was-run'`);
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [script('fails', 'exit 7'), '1h', /ended with 7/],
    [join(folder, 'missing'), '1h', /could not be started \(ENOENT\)/],
    // Its child would keep running for an hour if only the shell were ended. A busy machine takes a while to start both.
    [script('hangs', `sleep 3600 & echo $! > '${folder}/child'; wait`), '4s', /took longer than/],
  ];
  for (const [before, limit, expected] of cases) {
    const args = ['--pre-script', before, '--post-script', after, '--script-timeout', limit];
    const result = await holdfast('backup', repository, source, ...args);
    assert.equal(result.status, 1, result.stderr);
    assert.match(result.stderr, expected);
    assert.match(result.stderr, /Code: backup\.script/);
  }
  const listed = await holdfast('snapshots', repository, '--json');
  assert.deepEqual(jsonResult<unknown[]>(listed.stdout), []);
  assert.equal(existsSync(join(folder, 'was-run')), false);
  const child = Number(readFileSync(join(folder, 'child'), 'utf8'));
  // It has been told to end, which is not the same as having ended.
  for (const limit = performance.now() + 60_000; isRunning(child) && performance.now() < limit; ) await delay(50);
  assert.equal(isRunning(child), false);
});

test('the second script runs also after a failed backup; when it fails itself the snapshot stands and the status is 3', async () => {
  const repository = await freshRepository('after');
  const after = script('after-failure', `echo "$HOLDFAST_BACKUP_STATUS." > '${log}'; exit 1`);
  const fails = await holdfast('backup', repository, source, '--parent', 'ffff', '--post-script', after);
  assert.equal(fails.status, 1, fails.stderr);
  assert.match(fails.stderr, /snapshot\.missing/);
  assert.equal(readFileSync(log, 'utf8'), 'failed.\n');
  const result = await holdfast('backup', repository, source, '--post-script', after, '--json');
  assert.equal(result.status, 3, result.stderr);
  assert.match(result.stderr, /backup\.script/);
  assert.equal(readFileSync(log, 'utf8'), 'complete.\n');
});

test('a dry run runs no script and makes no snapshot of a file system', async () => {
  const repository = await freshRepository('dry');
  const runs = script('runs', `echo run >> '${folder}/dry-was-run'`);
  // Would be refused: the folder is on no such file system.
  const volumes = ['--snapshot-provider', 'zfs'];
  assert.equal((await holdfast('backup', repository, source, ...volumes)).status, 1);
  const scripts = ['--pre-script', runs, '--post-script', runs];
  const dry = await holdfast('backup', repository, source, ...scripts, ...volumes, '--dry-run');
  assert.equal(dry.status, 0, dry.stderr);
  assert.equal(existsSync(join(folder, 'dry-was-run')), false);
  assert.match((await runCli(['backup', '--help'])).stdout, /--dry-run[^-]*without a lock, scripts\s+and\s+snapshots/);
});
