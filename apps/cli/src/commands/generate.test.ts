import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { runCli, runProgram } from '../testing/run-cli.ts';

/** Completions asked in the real shells, manual pages read by the real reader. */

const folder = temporaryFolder({ after });
const man = join(folder, 'man');
const [bash, zsh, fish] = ['bash', 'zsh', 'fish'].map((name) => join(folder, name)) as [string, string, string];

before(async () => {
  mkdirSync(man);
  const files = ['--bash-completion', bash, '--zsh-completion', zsh, '--fish-completion', fish, '--man', man];
  const { status, stderr } = await runCli(['generate', ...files]);
  assert.equal(status, 0, stderr);
});

/** What each shell has to offer behind these words; the last is the one that is being typed. */
const asked: readonly { readonly words: readonly string[]; readonly offered: readonly string[] }[] = [
  { words: ['holdfast', 'snapsh'], offered: ['snapshots'] },
  { words: ['holdfast', 'jobs', 'cre'], offered: ['create'] },
  { words: ['holdfast', 'job', 'create', '--retry-'], offered: ['--retry-pause'] },
  { words: ['holdfast', '-r', 'store', 'forget', '--keep-da'], offered: ['--keep-daily'] },
  { words: ['holdfast', 'init', '--repository-version', 'st'], offered: ['stable'] },
  { words: ['holdfast', 'cat', 'snap'], offered: ['snapshot'] },
  { words: ['holdfast', 'snapshots', 'nothing-like-that'], offered: [] },
];

async function offersOf(shell: string, args: readonly string[]): Promise<string[]> {
  const { status, stdout, stderr } = await runProgram(shell, args, { cwd: man });
  assert.equal(stderr, '');
  assert.equal(status, 0);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/[\t:].*/, ''));
}

test('bash completes commands, options and values', async () => {
  const script =
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _holdfast; printf "%s\\n" "${COMPREPLY[@]}"';
  for (const { words, offered } of asked)
    assert.deepEqual(await offersOf('bash', ['-c', script, 'bash', bash, ...words]), offered, words.join(' '));
  // It takes --option=value apart before it asks.
  const apart = ['holdfast', 'init', '--repository-version', '=', 'la'];
  assert.deepEqual(await offersOf('bash', ['-c', script, 'bash', bash, ...apart]), ['latest']);
});

test('zsh completes commands, options and values', { skip: skipUnless({ programs: ['zsh'] }) }, async () => {
  // What these do belongs to the line editor, which a script has not: here they print what matches of what they are given.
  const script = `compdef() { : }; _files() { : }
_describe() { [[ $1 == -o ]] && shift; local word; for word in "\${(@P)2}"; do [[ $word == $words[CURRENT]* ]] && print -r -- $word; done; return 0 }
source "$1"; shift; words=("$@"); CURRENT=$#; _holdfast`;
  for (const { words, offered } of asked)
    assert.deepEqual(await offersOf('zsh', ['-f', '-c', script, 'zsh', zsh, ...words]), offered, words.join(' '));
});

test('fish completes commands, options and values', { skip: skipUnless({ programs: ['fish'] }) }, async () => {
  for (const { words, offered } of asked) {
    const script = `set -x HOME '${folder}'; source '${fish}'; complete -C '${words.join(' ')}'`;
    assert.deepEqual(await offersOf('fish', ['--no-config', '-c', script]), offered, words.join(' '));
  }
});

test('each command has a manual page that is read without a complaint', {
  skip: skipUnless({ programs: ['man', 'groff'] }),
}, async () => {
  const pages = readdirSync(man);
  assert.ok(pages.length > 100 && pages.includes('holdfast.1') && pages.includes('holdfast-job-create.1'));
  const roff = await runProgram('groff', ['-man', '-Tutf8', '-ww', '-z', '-K', 'utf8', ...pages], { cwd: man });
  assert.deepEqual([roff.status, roff.stderr], [0, '']);
  const page = await runProgram('man', ['-l', 'holdfast-job-create.1'], { cwd: man, env: { MANWIDTH: '100' } });
  assert.match(page.stdout, /NAME\n\s+holdfast-job-create - /);
  assert.match(page.stdout, /OPTIONS[\s\S]+--retries[\s\S]+NOTES[\s\S]+Example/);
});

test('what can not be written, and nothing to write, is said', async () => {
  const nothing = await runCli(['generate']);
  assert.equal(nothing.status, 2);
  assert.match(nothing.stderr, /--bash-completion/);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const place of [file, join(folder, 'absent')]) {
    const { status, stderr } = await runCli(['generate', '--man', place]);
    assert.equal(status, 2);
    assert.match(stderr, /can't be written to/);
  }
});
