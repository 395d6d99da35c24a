import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandGroups, createProgram } from '../command-table.ts';
import { commandTree, everyCommand } from '../generate/command-tree.ts';
import { runCli } from '../testing/run-cli.ts';

/** Every command as a person finds it: by the help of the one above. */

test('every command is found, says what it does, and teaches by examples', async () => {
  const all = everyCommand(commandTree(await createProgram()));
  for (const { path, description } of all) assert.notEqual(description, '', path.join(' '));
  const withExamples = all.filter(({ remarks }) => /(^|\n)Examples?:\n {2}\$ holdfast /.test(remarks));
  assert.ok(withExamples.length >= 100, `${withExamples.length} of ${all.length} commands have examples`);
  const root = await runCli(['--help']);
  assert.equal(root.status, 0);
  for (const name of ['backup', 'restore', 'snapshots', 'job', 'recovery-kit', 'login', 'ports', 'generate'])
    assert.match(root.stdout, new RegExp(`^  ${name}\\b`, 'm'));
  const { status, stdout } = await runCli(['repo', 'create', '--help']);
  assert.equal(status, 0);
  assert.match(stdout, /^Usage: holdfast repo create/);
});

test('what was asked for is in the file that is loaded for it', async () => {
  for (const file of Object.values(commandGroups).flat()) {
    const { commands } = await createProgram((one) => one === file);
    assert.deepEqual(
      commands.flatMap((command) => [command.name(), ...command.aliases()]).sort(),
      [...file.names].sort(),
    );
  }
});

test('restic users find exit statuses and variables in the help', async () => {
  const { stdout: help } = await runCli(['backup', '--help']);
  assert.match(help, /RESTIC_/);
  assert.match(help, /12 {2}wrong password/);
  assert.match(help, /130 stopped by Ctrl-C/);
});

test('an unknown command or option, a wrong value or a missing argument is status 2 and does nothing', async () => {
  const wrong = [
    ['bogus'],
    ['backup', '--bogus'],
    ['snapshots', '--latest', 'many'],
    ['ls'],
    ['restore', 'latest'],
    ['repo'],
    ['repo', 'bogus'],
  ];
  const results = await Promise.all(wrong.map((args) => runCli(args)));
  for (const [at, { status, stderr }] of results.entries()) {
    assert.equal(status, 2, `${wrong[at]?.join(' ')}: ${stderr}`);
    assert.notEqual(stderr, '');
  }
});

test('without a server and without --repo it is said what is missing', async () => {
  const status = await runCli(['status']);
  assert.equal(status.status, 2);
  assert.match(status.stderr, /--server, --token-file, --cacert not given/);
  const ls = await runCli(['ls', 'latest']);
  assert.equal(ls.status, 2);
  assert.match(ls.stderr, /--server, --token-file, --cacert not given/);
  const mount = await runCli(['mount', '/mnt']);
  assert.match(mount.stderr, /executor[\s\S]*grant create/);
  const backup = await runCli(['backup', '/etc']);
  assert.match(backup.stderr, /job create/);
});
