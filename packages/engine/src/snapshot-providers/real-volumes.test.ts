import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hasCode } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { initRepository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/backup.ts';
import { listTree } from '../list-tree.ts';
import { type HoldOptions, holdVolumes } from './hold-volumes.ts';

/** On real file systems, on loop devices. */

const limitMs = 60_000;

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: limitMs });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}${error ?? ''}`);
}

/** False, or why file systems can't be mounted here. */
function cannotMount(type: 'btrfs' | 'ext4'): string | false {
  const missing = skipUnless({ platform: 'linux', root: true, programs: ['mount', `mkfs.${type}`] });
  if (missing !== false) return missing;
  if (!readFileSync('/proc/filesystems', 'utf8').includes(`\t${type}\n`)) return `needs a kernel with ${type}`;
  return spawnSync('losetup', ['--find']).status === 0 ? false : 'needs loop devices';
}

/** A fresh file system, unmounted and removed after the test. */
function mounted(t: TestContext, type: 'btrfs' | 'ext4'): string {
  // What is registered first is done first: before the folder is removed.
  let mountPoint = '';
  t.after(() => {
    if (mountPoint === '') return;
    // Lazily, whatever a failed test has left.
    spawnSync('fsfreeze', ['--unfreeze', mountPoint]);
    spawnSync('umount', ['--lazy', mountPoint]);
  });
  const folder = temporaryFolder(t);
  const image = join(folder, 'image');
  mountPoint = join(folder, 'mounted here');
  writeFileSync(image, '');
  truncateSync(image, 256 * 1024 * 1024);
  mkdirSync(mountPoint);
  run(`mkfs.${type}`, '-q', image);
  run('mount', '-o', 'loop', image, mountPoint);
  return mountPoint;
}

const options = (source: string, more: Partial<HoldOptions> = {}): HoldOptions => ({
  sources: [source],
  provider: 'auto',
  oneFileSystem: false,
  busyPaths: [],
  onNote: () => {},
  ...more,
});

test('btrfs: a backup sees one moment, nested subvolumes as they are, and the snapshot is gone afterwards', {
  skip: cannotMount('btrfs'),
}, async (t) => {
  const mountPoint = mounted(t, 'btrfs');
  const source = join(mountPoint, 'data');
  mkdirSync(join(source, 'below'), { recursive: true });
  writeFileSync(join(source, 'below', 'file'), 'before');
  run('btrfs', 'subvolume', 'create', join(source, 'nested'));
  writeFileSync(join(source, 'nested', 'inside'), 'inside');
  // A crash left one; a running backup (this process) has another.
  run('btrfs', 'subvolume', 'snapshot', '-r', mountPoint, join(mountPoint, '.holdfast-999999999-1-1'));
  const other = await holdVolumes(options(source));

  const notes: string[] = [];
  const link = join(mountPoint, '..', 'link');
  symlinkSync(mountPoint, link);
  // Through a link on the way, as a person may give it.
  const given = join(link, 'data');
  const held = await holdVolumes(options(given, { onNote: (note) => notes.push(note) }));
  assert.deepEqual(held.held, [{ mountPoint, provider: 'btrfs' }]);
  assert.match(notes.join('\n'), /nested is a subvolume of its own/);
  assert.equal(existsSync(join(mountPoint, '.holdfast-999999999-1-1')), false, 'the leftover is gone');
  writeFileSync(join(source, 'below', 'file'), 'after, which is longer');
  writeFileSync(join(source, 'below', 'new'), 'new');

  await using target = await openLocalDisk({ path: join(temporaryFolder(t), 'repository'), create: true });
  const repository = await initRepository(target, { password: 'x', keyOptions: { cost: { N: 16, r: 8, p: 1 } } });
  const { snapshotId, problems } = await backup(repository, { sources: [given], readingPlaces: held.places });
  assert.deepEqual(problems, []);
  const found: string[] = [];
  for await (const { path, node } of listTree(repository, { snapshotId, path: given, recursive: true }))
    found.push(`${path.toString().slice(given.length)} ${node.size ?? ''}`.trim());
  assert.deepEqual(found, ['/below', '/below/file 6', '/nested', '/nested/inside 6']);
  await held.release();
  assert.equal(readdirSync(mountPoint).filter((name) => name.startsWith('.holdfast')).length, 1, 'the other one stays');
  await other.release();
  assert.deepEqual(readdirSync(mountPoint), ['data']);
});

test('ext4: auto says that nothing fits, a named provider is an error', { skip: cannotMount('ext4') }, async (t) => {
  const mountPoint = mounted(t, 'ext4');
  const notes: string[] = [];
  await using held = await holdVolumes(options(mountPoint, { onNote: (note) => notes.push(note) }));
  assert.deepEqual(held.places, []);
  assert.match(notes.join(), /is read as it is/);
  await assert.rejects(holdVolumes(options(mountPoint, { provider: 'btrfs' })), (error) =>
    hasCode(error, 'backup.volume'),
  );
  const busy = options(mountPoint, { provider: 'fsfreeze', busyPaths: [join(mountPoint, 'lost+found')] });
  await assert.rejects(holdVolumes(busy), /which this command needs/);
  await assert.rejects(holdVolumes(options('/etc', { provider: 'fsfreeze' })), /must not be frozen|needs, lies on it/);
});

/** Somebody who wants to write. */
function writer(path: string): ChildProcess {
  return spawn('dd', ['if=/dev/zero', `of=${path}`, 'bs=4096', 'count=1'], { stdio: 'ignore' });
}

test('fsfreeze: writers wait until it is released', { skip: cannotMount('ext4') }, async (t) => {
  const mountPoint = mounted(t, 'ext4');
  writeFileSync(join(mountPoint, 'file'), 'content');
  const held = await holdVolumes(options(mountPoint, { provider: 'fsfreeze' }));
  const waiting = writer(join(mountPoint, 'written'));
  const ended = once(waiting, 'exit');
  // It has come as far as it can when it waits in the kernel.
  while (!/^State:\tD/m.test(readFileSync(`/proc/${waiting.pid}/status`, 'utf8'))) {
    assert.equal(waiting.exitCode, null, 'it wrote to a frozen file system');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(readFileSync(join(mountPoint, 'file'), 'utf8'), 'content');
  await held.release();
  assert.deepEqual(await ended, [0, null]);
});

test('fsfreeze: a killed backup leaves nothing frozen', { skip: cannotMount('ext4') }, async (t) => {
  const mountPoint = mounted(t, 'ext4');
  const entry = new URL('./hold-volumes.ts', import.meta.url).href;
  const program = `import { holdVolumes } from ${JSON.stringify(entry)};
await holdVolumes({ sources: [${JSON.stringify(mountPoint)}], provider: 'fsfreeze', oneFileSystem: false, busyPaths: [], onNote: () => {} });
console.log('frozen'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: '/',
  });
  await once(holder.stdout, 'data');
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  assert.deepEqual(await once(writer(join(mountPoint, 'written')), 'exit'), [0, null]);
});
