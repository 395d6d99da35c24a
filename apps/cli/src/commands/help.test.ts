import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../testing/run-cli.ts';

/** Every command as a person finds it: by the help of the one above. */

/** As many as a small computer runs side by side. */
const parallel = 4;

/** What lists of commands begin with. */
const headings =
  /^(Commands|Run|Protect and restore|Keep a repository healthy|Manage a fleet|When nothing is left|People and their rights|The network):\n/;

/** Names of the commands that a help text lists. */
function commandsIn(help: string): string[] {
  return (
    help
      .split('\n\n')
      .filter((section) => headings.test(section))
      .flatMap((section) => [...section.matchAll(/^ {2}(\w\S*)/gm)])
      // Another name of a command follows a bar.
      .map((match) => match[1]?.split('|')[0] ?? '')
      .filter((name) => name !== '' && name !== 'help')
  );
}

async function helpOf(command: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCli([...command, '--help']);
  assert.equal(status, 0, `${command.join(' ')} --help: ${stderr}`);
  assert.match(stdout, new RegExp(`^Usage: holdfast ${command.join(' ')}`));
  return stdout;
}

test('the help of every command works, and teaches by examples', async () => {
  const root = await helpOf([]);
  const names = commandsIn(root);
  for (const name of [
    'backup',
    'restore',
    'snapshots',
    'ls',
    'check',
    'repair',
    'migrate',
    'repo',
    'job',
    'run',
    'token',
    'computers',
    'status',
    'login',
    'users',
    'audit',
  ])
    assert.ok(names.includes(name), `${name} is not listed`);
  const waiting = names.map((name) => [name]);
  let withExamples = 0;
  const reader = async (): Promise<void> => {
    for (let command = waiting.shift(); command !== undefined; command = waiting.shift()) {
      const help = await helpOf(command);
      const below = commandsIn(help);
      if (/\nExamples?:\n {2}\$ holdfast /.test(help)) withExamples += 1;
      const group = command;
      waiting.push(...below.map((name) => [...group, name]));
    }
  };
  await Promise.all(Array.from({ length: parallel }, reader));
  assert.ok(withExamples >= 25, `${withExamples} commands have examples`);
});

test('restic users find exit statuses and variables in the help', async () => {
  const help = await helpOf(['backup']);
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
  assert.match(ls.stderr, /executor[\s\S]*grant create/);
  const backup = await runCli(['backup', '/etc']);
  assert.match(backup.stderr, /job create/);
});
