import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { type CliResult, jsonResult, runCli } from '../testing/run-cli.ts';
import { fixturePassword, standAloneFixture } from '../testing/stand-alone-fixture.ts';

describe('backup of standard input and of what a command prints', {
  skip: skipUnless({ programs: ['restic'], platform: 'linux' }),
}, () => {
  const { folder, freshRepository, holdfast, passwordFile, restic, tryRestic } = standAloneFixture();
  let repository = '';
  before(async () => {
    repository = await freshRepository('repository');
  });

  const piped = (input: string, ...args: string[]): Promise<CliResult> =>
    runCli(['backup', '--repo', repository, '--password-file', passwordFile, ...args], { input });
  const snapshotCount = async (): Promise<number> =>
    (JSON.parse(await restic(repository, 'snapshots', '--json')) as unknown[]).length;

  test('makes the tree that restic makes', async () => {
    const list = join(folder, 'dump');
    writeFileSync(list, 'insert into t values (1);');
    const args = [
      '--stdin-filename',
      'dumps/shop.sql',
      '--time',
      '2026-01-02 03:04:05',
      '--tag',
      'db',
      '--host',
      'shop',
    ];
    const ours = await piped('insert into t values (1);', '--stdin', ...args, '--json');
    assert.equal(ours.status, 0, ours.stderr);
    const { files_new, total_bytes_processed, snapshot_id, message_type } = jsonResult<Record<string, unknown>>(
      ours.stdout,
    );
    assert.deepEqual([message_type, files_new, total_bytes_processed], ['summary', 1, 25]);
    assert.match(await restic(repository, 'ls', String(snapshot_id)), /shop\.sql/);
    const command = ['--stdin-from-command', ...args, '--', 'cat', list];
    await restic(repository, 'backup', ...command);
    assert.equal((await holdfast('backup', repository, '--json', ...command)).status, 0);
    const found = JSON.parse(await restic(repository, 'snapshots', '--json')) as Record<string, unknown>[];
    const same = ['tree', 'paths', 'hostname', 'tags', 'time', 'username'];
    const [first, ...others] = found.map((snapshot) => same.map((name) => snapshot[name]));
    assert.equal(others.length, 2);
    for (const other of others) assert.deepEqual(other, first);
    assert.equal(await restic(repository, 'dump', 'latest', '/dumps/shop.sql'), 'insert into t values (1);');
  });

  test('makes no snapshot of a command that fails, or cannot be started, or of nothing', async () => {
    const count = await snapshotCount();
    const commands = [
      ['sh', '-c', 'echo part; echo "no such table" >&2; exit 3'],
      ['/nonexistent/dump'],
      ['sh', '-c', 'kill $$'],
    ];
    for (const command of commands) {
      const result = await holdfast('backup', repository, '--stdin-from-command', '--', ...command);
      assert.equal(result.status, 1);
      assert.match(result.stderr, /backup\.command/);
      if (command[2]?.includes('table')) assert.match(result.stderr, /^no such table$/m);
      assert.equal((await tryRestic(repository, ['backup', '--stdin-from-command', '--', ...command])).status, 1);
    }
    const nothing = await piped('', '--stdin');
    assert.deepEqual([nothing.status, nothing.stdout], [1, '']);
    assert.match(nothing.stderr, /backup\.nothing/);
    assert.equal(await snapshotCount(), count);
  });

  test('hides passwords from the command, and nothing else', async () => {
    const environment = { HOLDFAST_PASSWORD: fixturePassword, PGPASSWORD: 'of the database' };
    const command = ['--stdin-from-command', '--stdin-filename', 'env', '--', 'env'];
    const result = await runCli(['backup', '--repo', repository, '--json', ...command], { env: environment });
    assert.equal(jsonResult<{ totalFiles: number }>(result.stdout).totalFiles, 1, result.stderr);
    const seen = await restic(repository, 'dump', 'latest', 'env');
    assert.match(seen, /^PGPASSWORD=of the database$/m);
    assert.doesNotMatch(seen, /HOLDFAST_PASSWORD/);
  });

  test('leaves all of standard input to the backup, whatever the password command reads', async () => {
    const greedy = join(folder, 'password.sh');
    writeFileSync(greedy, `#!/bin/sh\ncat > /dev/null\ncat ${passwordFile}\n`, { mode: 0o700 });
    const args = ['backup', '--repo', repository, '--stdin', '--stdin-filename', 'whole'];
    const { status, stderr } = await runCli([...args, '--password-command', greedy], { input: 'the whole dump' });
    assert.equal(status, 0, stderr);
    assert.equal(await restic(repository, 'dump', 'latest', 'whole'), 'the whole dump');
  });

  test('refuses to take the password from what is backed up, however that is asked for', async () => {
    const args = ['backup', '--repo', repository, '--stdin'];
    const asked = [
      { options: ['-p', '-'], env: {} },
      { options: [], env: { HOLDFAST_PASSWORD_FILE: '-' } },
      { options: [], env: { RESTIC_PASSWORD_FILE: '-' } },
    ];
    for (const { options, env } of asked) {
      const { status, stderr } = await runCli([...args, ...options], { input: fixturePassword, env });
      assert.equal(status, 2, stderr);
      assert.match(stderr, /the password cannot be read from it/);
    }
    const env = { RESTIC_PASSWORD_FILE: '-' };
    const other = await runCli([...args, '--password-command', `cat ${passwordFile}`], { input: 'x', env });
    assert.equal(other.status, 0, other.stderr);
  });

  test('refuses what cannot be meant', async () => {
    for (const args of [
      ['--stdin', folder],
      ['--stdin', '--files-from', passwordFile],
      ['--stdin', '--use-fs-snapshot'],
      ['--stdin', '--stdin-filename', '/'],
      ['--stdin-from-command'],
    ]) {
      const { status, stderr } = await piped('x', ...args);
      assert.equal(status, 2, `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, /usage\.option/);
    }
  });
});
