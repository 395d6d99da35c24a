import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { standAloneFixture } from '../testing/stand-alone-fixture.ts';

describe('attributes are backed up and restored as restic does', {
  skip: skipUnless({ programs: ['restic', 'setfattr'], platform: 'linux', root: true }),
}, () => {
  const { folder, freshRepository, holdfast, restic, tryRestic } = standAloneFixture();
  const source = join(folder, 'source');
  const file = join(source, 'file');
  let repository = '';
  const setAttribute = (path: string, name: string, value: string): void => {
    const { status, stderr } = spawnSync('setfattr', ['-n', name, '-v', value, path], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const attributes = (path: string): string =>
    spawnSync('getfattr', ['--absolute-names', '-d', path], { encoding: 'utf8' }).stdout;

  before(async () => {
    mkdirSync(source);
    writeFileSync(file, 'content');
    chownSync(file, 12_345, 12_346);
    for (const name of ['user.a', 'user.b']) setAttribute(file, name, 'stored');
    repository = await freshRepository('repository');
    await restic(repository, 'backup', source);
  });

  /** Restores with both programs over a file that has other attributes, and gives the two folders. */
  async function restoreBoth(name: string, ...args: string[]): Promise<[ours: string, theirs: string]> {
    const targets: [string, string] = [join(folder, `ours ${name}`), join(folder, `theirs ${name}`)];
    for (const target of targets) {
      mkdirSync(target);
      writeFileSync(join(target, 'file'), 'content');
      for (const other of ['user.a', 'user.z']) setAttribute(join(target, 'file'), other, 'old');
    }
    const ours = await holdfast('restore', repository, `latest:${source}`, '--target', targets[0], ...args);
    assert.equal(ours.status, 0, ours.stderr);
    await restic(repository, 'restore', `latest:${source}`, '--target', targets[1], ...args);
    return targets;
  }

  for (const [option, pattern] of [
    ['--exclude-xattr', 'user.a'],
    ['--include-xattr', '*.b'],
  ] as const)
    test(`${option} ${pattern}`, async () => {
      const [ours, theirs] = await restoreBoth(option, option, pattern);
      const left = attributes(join(theirs, 'file')).replaceAll(theirs, ours);
      assert.match(left, /user\.a="old"\nuser\.b="stored"/);
      assert.equal(attributes(join(ours, 'file')), left);
    });

  test('--include-xattr with --exclude-xattr is refused by both', async () => {
    const args = ['latest', '--target', join(folder, 'none'), '--include-xattr', 'user.*', '--exclude-xattr', 'user.a'];
    assert.equal((await holdfast('restore', repository, ...args)).status, 2);
    assert.equal((await tryRestic(repository, ['restore', ...args])).status, 1);
  });

  test('--ownership-by-name', async () => {
    const [ours, theirs] = await restoreBoth('owner', '--ownership-by-name');
    const owner = (target: string): number[] => {
      const { uid, gid } = lstatSync(join(target, 'file'));
      return [uid, gid];
    };
    assert.deepEqual(owner(theirs), [0, 0]);
    assert.deepEqual(owner(ours), owner(theirs));
  });

  test('--ownership-by-name makes no program that runs as root of one whose owner is not known', async () => {
    const programs = join(folder, 'programs');
    mkdirSync(programs);
    const owners = [
      { name: 'both', uid: 12_345, gid: 12_346, mode: 0o755 },
      { name: 'group known', uid: 12_345, gid: 0, mode: 0o2755 },
      { name: 'both known', uid: 0, gid: 0, mode: 0o6755 },
    ];
    for (const { name, uid, gid } of owners) {
      writeFileSync(join(programs, name), '');
      chownSync(join(programs, name), uid, gid);
      chmodSync(join(programs, name), 0o6755);
    }
    const own = await freshRepository('programs repository');
    await restic(own, 'backup', programs);
    const target = join(folder, 'restored programs');
    const result = await holdfast('restore', own, `latest:${programs}`, '--target', target, '--ownership-by-name');
    assert.equal(result.status, 0, result.stderr);
    for (const { name, mode } of owners) {
      const restored = lstatSync(join(target, name));
      assert.deepEqual([restored.uid, restored.gid, restored.mode & 0o7777], [0, 0, mode], name);
    }
  });

  test('restore --no-lock makes none', async () => {
    const target = join(folder, 'unlocked');
    // No lock can be made in what is no folder.
    const locks = join(repository, 'locks');
    rmSync(locks, { recursive: true });
    writeFileSync(locks, '');
    const args = [`latest:${source}`, '--target', target];
    assert.notEqual((await holdfast('restore', repository, ...args)).status, 0);
    const result = await holdfast('restore', repository, ...args, '--no-lock');
    assert.equal(result.status, 0, result.stderr);
    rmSync(locks);
    mkdirSync(locks);
    assert.equal(attributes(join(target, 'file')).includes('user.a="stored"'), true);
  });

  test('backup --with-atime stores what restic stores, and reading changes it neither of files nor of folders', async () => {
    const folder = join(source, 'folder');
    const mark = join(folder, '.skip');
    mkdirSync(folder);
    writeFileSync(mark, 'skip this');
    const args = ['backup', source, '--with-atime', '--read-concurrency', '4', '--exclude-if-present', '.skip:skip'];
    const read = [file, mark, folder, source];
    const neverRead = (): void => {
      for (const path of read) utimesSync(path, 1_000_000_000, 1_200_000_000);
    };
    neverRead();
    await restic(repository, ...args);
    const theirs = await restic(repository, 'ls', 'latest', '--json');
    neverRead();
    assert.equal((await holdfast('backup', repository, ...args.slice(1))).status, 0);
    for (const path of read) assert.equal(statSync(path).atimeMs, 1e12, path);
    const ours = await restic(repository, 'ls', 'latest', '--json');
    const times = (listed: string): string[] =>
      listed
        .split('\n')
        .filter((line) => line.includes('"node"'))
        .map((line) => JSON.parse(line) as { path: string; atime: string })
        // Those above are looked at by everybody.
        .filter(({ path }) => read.includes(path))
        .map(({ path, atime }) => `${path} ${atime}`);
    assert.deepEqual(times(ours), times(theirs));
    const since = '2001-09-09T01:46:40Z';
    assert.deepEqual(times(ours).toSorted(), read.map((path) => `${path} ${since}`).toSorted());
  });
});
