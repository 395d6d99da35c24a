import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { type CliResult, jsonLines, runCli, runProgram } from '../testing/run-cli.ts';

/** `restore` beside restic's: the same options over the same target do and say the same. */

describe('restore side by side with restic', { skip: skipUnless({ programs: ['restic'], platform: 'linux' }) }, () => {
  const folder = temporaryFolder({ after });
  const source = join(folder, 'source');
  const repository = join(folder, 'repository');
  const passwordFile = join(folder, 'password');
  const env = {
    RESTIC_PASSWORD_FILE: passwordFile,
    RESTIC_CACHE_DIR: join(folder, 'cache'),
    RESTIC_REPOSITORY: repository,
  };
  const restic = (...args: string[]): Promise<CliResult> => runProgram(requireProgram('restic').path, args, { env });
  const holdfast = (...args: string[]): Promise<CliResult> => runCli(args, { env });

  test('a repository of restic', async () => {
    writeFileSync(passwordFile, 'side by side\n');
    mkdirSync(join(source, 'sub/Deep'), { recursive: true });
    for (const [name, content] of [
      ['one.txt', 'one'],
      ['two.TXT', 'two'],
      ['sub/three', 'x'.repeat(100_000)],
      ['sub/Deep/four', ''],
    ] as const) {
      writeFileSync(join(source, name), content);
      utimesSync(join(source, name), 1_000_000, 1_000_000);
    }
    symlinkSync('one.txt', join(source, 'link'));
    assert.equal((await restic('init')).status, 0);
    assert.equal((await restic('backup', source)).status, 0);
  });

  /** A target in which everything is there already, a bit differently. */
  function prepared(name: string): string {
    const target = join(folder, name);
    rmSync(target, { recursive: true, force: true });
    cpSync(source, target, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    writeFileSync(join(target, 'one.txt'), 'ONE');
    utimesSync(join(target, 'one.txt'), 2_000_000, 2_000_000);
    rmSync(join(target, 'sub/three'));
    mkdirSync(join(target, 'sub/extra'));
    writeFileSync(join(target, 'sub/extra/file'), 'extra');
    return target;
  }

  /** What was done, without the order; what was deleted without the name of the target. */
  function entriesOf({ stdout }: CliResult, target: string): string[] {
    return jsonLines(stdout)
      .filter((line) => line['message_type'] === 'verbose_status')
      .map(({ action, item, size }) => `${String(action)} ${String(item).replace(target, '')} ${String(size)}`)
      .sort();
  }

  // Not total_files: restic's leaves out folders that only lead to something, and may be below files_restored.
  const counted = ['files_restored', 'files_skipped', 'files_deleted', 'bytes_restored', 'bytes_skipped'];

  for (const [title, options] of [
    ['no option', []],
    ['--overwrite if-changed', ['--overwrite', 'if-changed']],
    ['--overwrite if-newer', ['--overwrite', 'if-newer']],
    ['--overwrite never', ['--overwrite', 'never']],
    ['--delete', ['--delete']],
    ['--delete --dry-run', ['--delete', '--dry-run']],
    ['--delete --include', ['--delete', '--include', '/sub/extra', '--include', 'three']],
    ['--exclude', ['--exclude', 'sub', '--delete']],
    ['--iinclude', ['--iinclude', '*.txt', '--iinclude', 'DEEP']],
    ['--verify', ['--verify', '--sparse']],
  ] as const)
    test(title, async () => {
      const results: { entries: string[]; counts: unknown[]; target: string }[] = [];
      for (const [name, run] of [
        ['by-restic', restic],
        ['by-holdfast', holdfast],
      ] as const) {
        const target = prepared(name);
        const result = await run('restore', `latest:${source}`, '--target', target, '--json', '-v', '-v', ...options);
        assert.equal(result.status, 0, result.stderr);
        const summary = jsonLines(result.stdout).at(-1) ?? {};
        assert.equal(summary['message_type'], 'summary');
        results.push({
          entries: entriesOf(result, target),
          counts: counted.map((field) => summary[field] ?? 0),
          target,
        });
      }
      const [theirs, ours] = results;
      assert.ok(theirs && ours);
      assert.deepEqual(ours.entries, theirs.entries);
      assert.deepEqual(ours.counts, theirs.counts);
      const difference = await runProgram('diff', ['-r', '--no-dereference', theirs.target, ours.target]);
      assert.equal(difference.stdout, '');
    });

  test('text: what was done, and the summary', async () => {
    const target = prepared('text');
    const shown = await holdfast('restore', `latest:${source}`, '-t', target, '-vv', '--delete');
    assert.match(shown.stdout, /^restoring snapshot [0-9a-f]{8} of \[.*\] at .* by .*@.* to /);
    assert.match(shown.stdout, /^updated {3}\/one\.txt with size 3 B$/m);
    assert.match(shown.stdout, /^deleted {3}\/sub\/extra\/file$/m);
    assert.match(
      shown.stdout,
      /^Summary: Restored 5 files\/dirs \(97\.659 KiB\) in .*, skipped 2 files\/dirs 3 B, deleted 2/m,
    );
    const quiet = await holdfast('restore', `latest:${source}`, '-t', target, '-q');
    assert.equal(quiet.stdout, '');
  });

  test('patterns from files, and what is refused', async () => {
    const patterns = join(folder, 'patterns');
    writeFileSync(patterns, '# a comment\nONE.txt\n');
    const target = join(folder, 'by-pattern');
    const args = ['restore', `latest:${source}`, '-t', target];
    assert.equal((await holdfast(...args, '--iinclude-file', patterns)).status, 0);
    assert.ok(existsSync(join(target, 'one.txt')) && !existsSync(join(target, 'link')));
    assert.equal((await holdfast(...args, '--include-file', join(folder, 'none'))).status, 2);
    const everything = await holdfast('restore', 'latest', '-t', '/', '--delete', '--dry-run');
    assert.equal(everything.status, 2);
    assert.match(everything.stderr, /--target \/ with --delete/);
    const wrong = await holdfast(...args, '--overwrite', 'sometimes');
    assert.equal(wrong.status, 2);
    assert.ok(lstatSync(join(target, 'one.txt')).isFile());
    assert.equal(readFileSync(join(target, 'one.txt'), 'utf8'), 'one');
  });
});
