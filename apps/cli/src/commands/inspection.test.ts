import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { makeSpecialFile } from '@holdfast/native';
import { jsonLines, jsonResult } from '../testing/run-cli.ts';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

/** What looks into snapshots prints what restic prints, on the same repository. */

const skip = skipUnless({ programs: ['restic'], platform: 'linux' });

describe('snapshots, ls, diff, find and stats print what restic prints', { skip }, () => {
  const { folder, freshRepository, holdfast, restic, tryRestic } = standAloneFixture();
  const source = join(folder, 'source');
  const inside = (name: string): string => join(source, name);
  let repository = '';
  let first = '';
  let second = '';

  before(async () => {
    repository = await freshRepository('repository');
    mkdirSync(inside('a/b'), { recursive: true });
    mkdirSync(inside('gone/deep'), { recursive: true });
    for (const name of ['a/One', 'a/b/two', 'gone/file', 'gone/deep/file', 'a/copy of One'])
      writeFileSync(inside(name), name);
    writeFileSync(inside('large'), Buffer.alloc(2_500_000, 'some text '));
    writeFileSync(inside('empty'), '');
    linkSync(inside('large'), inside('hard link'));
    symlinkSync('large', inside('link'));
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x6e, 0xff])]), 'not UTF-8');
    makeSpecialFile(Buffer.from(inside('fifo')), { type: 'fifo', permissions: 0o600 });
    chmodSync(inside('a/One'), 0o4755);
    await restic(repository, 'backup', '--quiet', '--host', 'web1', '--tag', 'x,y', source);
    appendFileSync(inside('a/b/two'), 'more');
    rmSync(inside('gone'), { recursive: true });
    rmSync(inside('link'));
    writeFileSync(inside('link'), 'a file now');
    mkdirSync(inside('new'));
    writeFileSync(inside('new/file'), 'new');
    chmodSync(inside('a/copy of One'), 0o600);
    await restic(repository, 'backup', '--quiet', '--host', 'web2', source);
    const ids = jsonResult<{ id: string }[]>(await restic(repository, 'snapshots', '--json')).map(({ id }) => id);
    [first = '', second = ''] = ids;
    assert.equal(ids.length, 2);
  });

  /** Runs both and compares every byte of the output, and the status. */
  async function assertSame(...args: string[]): Promise<string> {
    const [command = '', ...rest] = args;
    const theirs = await tryRestic(repository, args);
    const ours = await holdfast(command, repository, ...rest);
    assert.equal(ours.stdout, theirs.stdout, args.join(' '));
    assert.equal(ours.status, theirs.status, `${args.join(' ')}: ${ours.stderr}`);
    assert.notEqual(ours.stdout, '', args.join(' '));
    return ours.stdout;
  }

  test('diff', async () => {
    const text = await assertSame('diff', first, second);
    assert.match(text, /^T {4}.*\/link$/m);
    assert.match(text, /^M {4}.*\/a\/b\/two$/m);
    await assertSame('diff', '--json', '--metadata', first, second);
    await assertSame('diff', '--quiet', `${first}:${source}/a`, `${second}:${source}/a`);
  });

  test('find: names, times, and JSON', async () => {
    assert.match(await assertSame('find', '--long', '-i', 'ONE', '*/deep'), /^urwxr-xr-x .*\/a\/One$/m);
    const json = await assertSame('find', '--json', 'large', `${source}/*/file`, '--reverse');
    assert.equal((JSON.parse(json) as unknown[]).length, 2);
    assert.equal(await assertSame('find', '--json', '--newest', '2001-02-03 04:05', '*'), '[]\n');
    await assertSame('find', '--host', 'web2', '--oldest', '2001-02-03', 'file', '--human-readable', '-l');
    const wrong = await holdfast('find', repository, '--blob', '--tree', 'abcd');
    assert.equal(wrong.status, 2);
    assert.equal((await holdfast('find', repository, '--oldest', 'soon', 'x')).status, 2);
  });

  test('find: trees, blobs and packs', async () => {
    const snapshot = JSON.parse(await restic(repository, 'cat', 'snapshot', first)) as { tree: string };
    await assertSame('find', '--tree', snapshot.tree);
    await assertSame('find', '--tree', '--json', snapshot.tree.slice(0, 8));
    const files = jsonResult<{ matches: { size: number }[] }[]>(
      await restic(repository, 'find', '--json', 'empty', 'large'),
    );
    assert.ok(files.length === 2);
    // The whole of a file: one whose name restic can print.
    const blob = createHash('sha256').update('a/One').digest('hex');
    assert.match(await assertSame('find', '--blob', '--show-pack-id', blob), /Object belongs to pack/);
    await assertSame('find', '--json', '--blob', blob.slice(0, 8));
    for (const pack of (await restic(repository, 'list', 'packs')).trim().split('\n')) {
      const theirs = JSON.parse(await restic(repository, 'find', '--pack', '--json', pack)) as unknown;
      const ours = (await holdfast('find', repository, '--pack', '--json', pack)).stdout;
      // Ours also has the bytes of a name that is not UTF-8; which pack holds that file is left to chance by restic.
      assert.deepEqual(JSON.parse(ours.replaceAll(/"pathBase64":"[^"]*",/g, '')), theirs);
    }
    const missing = await holdfast('find', repository, '--pack', '0'.repeat(64));
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /No index file lists/);
  });

  test('stats in every mode', async () => {
    for (const mode of ['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data'])
      await assertSame('stats', '--json', '--mode', mode);
    await assertSame('stats', '--json', 'latest', '--host', 'web1');
    const text = (await holdfast('stats', repository, '--mode', 'raw-data')).stdout;
    const theirs = await restic(repository, 'stats', '--mode', 'raw-data', '--quiet');
    assert.equal(text, theirs.slice(theirs.indexOf('Stats in')));
  });

  test('ls: everything, folders, sorted, JSON and ncdu', async () => {
    await assertSame('ls', '--quiet', '--long', first);
    const ncdu: unknown = JSON.parse((await holdfast('ls', repository, '--ncdu', 'latest')).stdout);
    assert.deepEqual(ncdu, JSON.parse(await restic(repository, 'ls', '--ncdu', 'latest')));
    await assertSame('ls', '-q', '--sort', 'extension', 'latest', `${source}/a`);
    await assertSame(
      'ls',
      '-q',
      '-l',
      '--human-readable',
      '--sort',
      'size',
      '--reverse',
      'latest',
      source,
      '--recursive',
    );
    const names = { path: undefined, name: undefined, pathBase64: undefined };
    const theirs = jsonLines(await restic(repository, 'ls', '--json', `latest:${source}`));
    const ours = jsonLines((await holdfast('ls', repository, '--json', `latest:${source}`)).stdout);
    assert.deepEqual(
      ours.map((line) => ({ ...line, ...names })),
      theirs.map((line) => ({ ...line, ...names })),
    );
    const odd = ours.find((line) => line['pathBase64'] !== undefined);
    assert.equal(Buffer.from(String(odd?.['pathBase64']), 'base64').toString('latin1'), '/n\xff');
    assert.equal((await holdfast('ls', repository, 'latest', '/no/such/folder')).status, 1);
  });

  test('snapshots: all, by ids, the latest of each group', async () => {
    await assertSame('snapshots', '--json');
    await assertSame('snapshots', '--json', '--latest', '1', '--tag', 'x');
    await assertSame('snapshots', '--json', first.slice(0, 8), first);
    const order = (json: string): unknown[] => jsonResult<{ group_key: unknown }[]>(json).toSorted(byKey);
    const args = ['--json', '--group-by', 'tags,host', '--latest', '1'];
    assert.deepEqual(
      order((await holdfast('snapshots', repository, ...args)).stdout),
      order(await restic(repository, 'snapshots', ...args)),
    );
    const grouped = await holdfast('snapshots', repository, '-g', 'host', '-c');
    assert.match(grouped.stdout, /snapshots for \(host \[web1\]\):\n[^]*snapshots for \(host \[web2\]\):\n/);
    assert.equal((await holdfast('snapshots', repository, '--group-by', 'colour')).status, 2);
  });
});

function byKey(a: { group_key: unknown }, b: { group_key: unknown }): number {
  return JSON.stringify(a.group_key) < JSON.stringify(b.group_key) ? -1 : 1;
}
