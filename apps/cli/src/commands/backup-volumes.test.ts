import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { jsonResult } from '../testing/run-cli.ts';

let mountPoint = '';
// Registered before the fixture's folder is made, so that it is done before that is removed.
after(() => {
  if (mountPoint !== '') spawnSync('umount', ['--lazy', mountPoint]);
});
const { standAloneFixture } = await import('../testing/stand-alone-fixture.ts');
const { folder, freshRepository, holdfast, restic } = standAloneFixture();

function cannotMount(): string | false {
  const missing = skipUnless({ platform: 'linux', root: true, programs: ['mount', 'mkfs.btrfs', 'restic'] });
  if (missing !== false) return missing;
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\tbtrfs\n')) return 'needs a kernel with btrfs';
  return spawnSync('losetup', ['--find']).status === 0 ? false : 'needs loop devices';
}

test('a backup with btrfs snapshots has the paths of the files, goes on from its parent, and leaves nothing', {
  skip: cannotMount(),
}, async () => {
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, 256 * 1024 * 1024);
  const mounted = join(folder, 'volume');
  mkdirSync(mounted);
  for (const [program = '', ...args] of [
    ['mkfs.btrfs', '-q', image],
    ['mount', '-o', 'loop', image, mounted],
  ])
    assert.equal(spawnSync(program, args).status, 0, program);
  mountPoint = mounted;
  writeFileSync(join(mounted, 'file'), 'content');
  const repository = await freshRepository('volumes');
  const backup = () => holdfast('backup', repository, mounted, '--snapshot-provider', 'btrfs', '-x', '--json');
  const first = await backup();
  assert.equal(first.status, 0, first.stderr);
  const second = await backup();
  assert.equal(second.status, 0, second.stderr);
  const { files, readBytes } = jsonResult<{ files: { unmodified: number }; readBytes: number }>(second.stdout);
  assert.deepEqual({ files, readBytes }, { files: { new: 0, changed: 0, unmodified: 1 }, readBytes: 0 });
  const listed = await restic(repository, 'ls', 'latest');
  assert.match(listed, new RegExp(`^${mounted}/file$`, 'm'));
  assert.doesNotMatch(listed, /holdfast-\d/);
  assert.deepEqual(readdirSync(mounted), ['file']);
  assert.match(await restic(repository, 'check', '--read-data'), /no errors were found/);
  const wrong = await holdfast('backup', repository, mounted, '--snapshot-provider', 'zfs');
  assert.equal(wrong.status, 1, wrong.stderr);
  assert.match(wrong.stderr, /backup\.volume/);
});

test('where nothing fits, auto says so and goes on; an unknown name is status 2', {
  skip: skipUnless({ platform: 'linux' }),
}, async () => {
  const source = join(folder, 'plain');
  mkdirSync(source);
  writeFileSync(join(source, 'file'), 'content');
  const repository = await freshRepository('plain-repository');
  const result = await holdfast('backup', repository, source, '--snapshot-provider', 'auto', '--json');
  assert.equal(result.status, 0, result.stderr);
  assert.equal(jsonResult<{ totalFiles: number }>(result.stdout).totalFiles, 1);
  const asRestic = await holdfast('backup', repository, source, '--use-fs-snapshot');
  assert.equal(asRestic.status, 0, asRestic.stderr);
  assert.match(asRestic.stderr, /is read as it is|kernel makes up/);
  assert.equal((await holdfast('backup', repository, source, '--snapshot-provider', 'shadow')).status, 2);
});
