import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { jsonResult, runCli } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

interface Summary {
  readonly snapshotId?: string;
  readonly parentId?: string;
  readonly dryRun: boolean;
  readonly skipped: boolean;
  readonly files: { readonly new: number; readonly changed: number; readonly unmodified: number };
  readonly readBytes: number;
  readonly newBytes: number;
}

describe('options of backup do what restic does with them', {
  skip: skipUnless({ programs: ['restic'], platform: 'linux' }),
}, () => {
  const { folder, freshRepository, holdfast, passwordFile, restic, tryRestic } = standAloneFixture();
  const source = join(folder, 'source');
  const inside = (...names: string[]): string => join(source, ...names);
  const file = (content: string | Buffer, ...names: string[]): void => writeFileSync(inside(...names), content);
  let repository = '';

  before(async () => {
    repository = await freshRepository('repository');
    for (const path of ['tagged/sub', 'cache/sub', 'both', 'wrong', 'marked by a folder/.nobackup', 'link'])
      mkdirSync(inside(path), { recursive: true });
    const signature = 'Signature: 8a477f597d28d172789f06886806bc55';
    for (const path of ['tagged/.nobackup', 'tagged/x', 'tagged/sub/y', 'cache/a', 'cache/sub/b']) file(path, path);
    for (const path of ['both/.nobackup', 'both/z', 'wrong/w', 'marked by a folder/q', 'link/l', 'h1'])
      file(path, path);
    file(`${signature}\n# more`, 'cache/CACHEDIR.TAG');
    file(signature, 'both/CACHEDIR.TAG');
    file('Signature: 8a', 'wrong/CACHEDIR.TAG');
    file(Buffer.alloc(2000), 'big');
    file(Buffer.alloc(1024), 'edge');
    symlinkSync('nowhere', inside('link/.nobackup'));
  });

  const list = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  /** What the newest snapshot has. */
  const stored = async (): Promise<string[]> =>
    (await restic(repository, 'ls', 'latest'))
      .split('\n')
      .filter((line) => line.startsWith(`${folder}/`))
      .sort();

  async function ours(...args: string[]): Promise<Summary> {
    const result = await holdfast('backup', repository, ...args, '--json');
    assert.equal(result.status, 0, `${args.join(' ')}: ${result.stderr}`);
    return jsonResult<Summary>(result.stdout);
  }

  test('what is left out, and what is listed', async () => {
    const patterns = list('patterns', '# one\n\n$HOLDFAST_TEST_NAME\n${HOLDFAST_TEST_UNSET}cache/sub\na$$b\n');
    const env = { HOLDFAST_TEST_NAME: 'tagged' };
    const many = `# comment\n\n  ${source}/ta*  \n${source}/h[0-9]\n${source}/*/sub\n${source}/nothing*\n`;
    for (const args of [
      [source, '--exclude-if-present', '.nobackup', '--exclude-caches'],
      [source, '--exclude-if-present', 'CACHEDIR.TAG:Sig'],
      [source, '--exclude-larger-than', '1k'],
      [source, '--iexclude', '*.NOBACKUP', '--iexclude-file', list('any case', 'CACHE\n')],
      [source, '--exclude-file', patterns],
      // Not what was named.
      [inside('tagged/x'), inside('both/.nobackup'), inside('h1'), '--exclude-if-present', '.nobackup'],
      [
        inside('big'),
        inside('h1'),
        inside('tagged'),
        '--exclude-larger-than',
        '1k',
        '--exclude',
        'h1',
        '--iexclude',
        'BIG',
      ],
      ['--files-from', list('many', many)],
      ['--files-from-verbatim', list('verbatim', `${source}/h1\r\n\n${source}/marked by a folder\n`)],
      [
        '--files-from-raw',
        list('raw', `${source}/h1\0`),
        '--files-from-raw',
        list('raw 2', `${source}/link\0`),
        inside('edge'),
      ],
    ]) {
      const theirs = await tryRestic(repository, ['backup', '--quiet', ...args], env);
      assert.equal(theirs.status, 0, theirs.stderr);
      const expected = await stored();
      const result = await runCli(
        ['backup', '--repo', repository, '--password-file', passwordFile, '--force', ...args],
        { env },
      );
      assert.equal(result.status, 0, result.stderr);
      assert.deepEqual(await stored(), expected, args.join(' '));
    }
    for (const args of [
      [source, '--exclude-if-present', ''],
      [source, '--exclude-if-present', 'a/b'],
      [source, '--exclude-larger-than', '1q'],
      ['--files-from-raw', list('cut', `${source}/h1`)],
      ['--files-from-raw', list('empty path', `${source}/h1\0\0`)],
      ['--files-from', list('empty', '# nothing\n')],
      ['--files-from', join(folder, 'no such list')],
      [source, '--group-by', 'size'],
      [source, '--time', 'yesterday'],
      [source, '--pack-size', '3'],
    ])
      assert.equal((await holdfast('backup', repository, ...args)).status, 2, args.join(' '));
  });

  test('a dry run stores nothing and tells the same, beside an exclusive lock too', async () => {
    const path = await freshRepository('dry');
    const objects = (): string[] => readdirSync(path, { recursive: true }).map(String).sort();
    const none = objects();
    const dry = await holdfast('backup', path, source, '--dry-run', '--json');
    assert.equal(dry.status, 0, dry.stderr);
    assert.deepEqual(objects(), none);
    const real = await holdfast('backup', path, source, '--json');
    const [told, done] = [dry, real].map(({ stdout }) => jsonResult<Summary>(stdout));
    assert.ok(told && done);
    assert.deepEqual([told.dryRun, told.snapshotId, told.files], [true, undefined, done.files]);
    // The folder for temporary files is on the way to the source, and the text of its time may have become longer.
    assert.ok(Math.abs(told.newBytes - done.newBytes) < 100, `${told.newBytes} and ${done.newBytes}`);
    assert.equal(done.dryRun, false);
    const text = await holdfast('backup', path, source, '--dry-run');
    assert.match(text.stdout, /^Nothing was stored\.\n[^]*To add {4}/);
  });

  test('without changes no snapshot is made; the parent is of the group, and not newer', async () => {
    // The folders on the way to it are part of the backup, and nobody changes these.
    const path = '/usr/bin/env';
    const first = await ours(path, '--host', 'one', '--tag', 'a', '--skip-if-unchanged');
    assert.equal(first.skipped, false);
    const before = (await restic(repository, 'list', 'snapshots')).length;
    const second = await ours(path, '--host', 'one', '--tag', 'a', '--skip-if-unchanged');
    assert.deepEqual([second.skipped, second.snapshotId], [true, first.snapshotId]);
    assert.equal((await restic(repository, 'list', 'snapshots')).length, before);
    assert.equal((await ours(path, '--host', 'two')).parentId, undefined);
    const grouped = await ours(path, '--host', 'three', '--group-by', 'paths,tags', '--tag', 'a');
    assert.equal(grouped.parentId, first.snapshotId);
    assert.ok((await ours(inside('edge'), '--host', 'four', '--group-by', '')).parentId);
    const old = await ours(path, '--host', 'one', '--time', '2020-01-31 12:00:00');
    assert.equal(old.parentId, undefined, 'the others are newer');
    const [listed] = jsonResult<{ time: string }[]>(
      await restic(repository, 'snapshots', '--json', old.snapshotId ?? ''),
    );
    assert.equal(new Date(listed?.time ?? 0).getTime(), new Date('2020-01-31T12:00:00').getTime());
  });

  test('another inode or change time counts only where it is asked for', async () => {
    const path = inside('wrong');
    const args = [path, '--host', 'five'];
    await ours(...args);
    // Changes the change time alone.
    utimesSync(join(path, 'w'), 0, 0);
    await ours(...args);
    utimesSync(join(path, 'w'), 0, 0);
    assert.equal((await ours(...args, '--ignore-ctime')).files.unmodified, 2);
    utimesSync(join(path, 'w'), 0, 0);
    assert.equal((await ours(...args)).files.changed, 1);
    utimesSync(join(path, 'w'), 0, 0);
    assert.equal((await ours(...args, '--ignore-inode')).files.unmodified, 2);
  });

  test('packs have the size that is asked for', async () => {
    const path = await freshRepository('packs');
    const data = join(folder, 'random');
    writeFileSync(data, randomBytes(30_000_000));
    const result = await holdfast('backup', path, data, '--pack-size', '4');
    assert.equal(result.status, 0, result.stderr);
    // One of folders, and each of the others has at most a chunk of 8 MiB more than 4 MiB.
    const packs = (await restic(path, 'list', 'packs')).trim().split('\n').length;
    assert.ok(packs >= 4, `${packs} packs`);
    assert.match(await restic(path, 'check', '--read-data'), /no errors were found/);
  });
});
