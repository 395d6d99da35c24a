import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { configName, contentOf, MiB, nameOf, pagesOf, rejects } from '../conformance/content.ts';
import type { ObjectName } from '../target.ts';
import { openLocalDisk } from './open-local-disk.ts';

const body = contentOf('body', 5000);
const name = nameOf('data', body);

async function freshDisk(t: TestContext, path = join(temporaryFolder(t), 'repository')) {
  const target = await openLocalDisk({ path, create: true });
  const fileOf = ({ type, id }: ObjectName): string =>
    type === 'data' ? join(path, 'data', id.slice(0, 2), id) : join(path, type === 'index' ? 'index' : `${type}s`, id);
  return { path, target, fileOf, leftovers: () => readdirSync(join(path, 'holdfast', 'tmp')) };
}

/** Mounts a small file system in memory for the time of a test. */
function smallFileSystem(t: TestContext, sizeBytes: number): { path: string; remount: (options: string) => void } {
  let path = '';
  // Hooks run in the order in which they are made: unmounted first, then removed.
  t.after(() => assert.equal(spawnSync('umount', [path]).status, 0));
  path = join(temporaryFolder(t), 'small');
  mkdirSync(path);
  const mount = (options: string): void => {
    const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'holdfast-test', path], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
  };
  mount(`size=${sizeBytes}`);
  return { path, remount: (options) => mount(`remount,${options}`) };
}

const mounts = skipUnless({ root: true, platform: 'linux', programs: ['mount'] });

test('a full disk is storage.full, nothing is left, and smaller objects still fit', { skip: mounts }, async (t) => {
  const { path } = smallFileSystem(t, 6 * MiB);
  const { target, leftovers } = await freshDisk(t, join(path, 'repository'));
  const large = contentOf('large', 10 * MiB);
  const largeName = nameOf('data', large);
  await rejects(target.create(largeName, [large]), 'storage.full');
  assert.equal(await target.stat(largeName), undefined);
  assert.deepEqual(leftovers(), []);
  const stream = Readable.from([large.subarray(0, 5 * MiB), large.subarray(5 * MiB)]);
  await rejects(target.createFromStream(largeName, stream), 'storage.full');
  assert.deepEqual(await pagesOf(target, 'data'), []);
  assert.deepEqual(leftovers(), []);
  assert.equal(await target.create(name, [body]), 'created');
  // To the last byte: what is there already can be posted again.
  for (let index = 0, full = false; !full; index += 1) {
    const filling = contentOf(`filling ${index}`, 1 * MiB);
    full = await target.create(nameOf('data', filling), [filling]).then(
      () => false,
      (error: unknown) => rejects(Promise.reject(error), 'storage.full').then(() => true),
    );
  }
  assert.equal(await target.create(name, [body]), 'identical');
  for (const page of await pagesOf(target, 'data'))
    for (const { id } of page) assert.equal(nameOf('data', await target.read({ type: 'data', id })).id, id);
});

test('a repository on a read-only file system can be read, and says why it can not be written', {
  skip: mounts,
}, async (t) => {
  const small = smallFileSystem(t, 4 * MiB);
  const path = join(small.path, 'repository');
  const { target: before } = await freshDisk(t, path);
  await before.create(name, [body], { retainUntil: new Date('2020-01-01') });
  small.remount('ro');
  const target = await openLocalDisk({ path });
  assert.deepEqual(Buffer.from(await target.read(name)), body);
  const other = contentOf('other', 10);
  const refusal = await rejects(target.create(nameOf('data', other), [other]), 'storage.permission');
  assert.match(refusal.message, /read-only/);
  await rejects(target.delete(name), 'storage.permission');
  assert.equal(await target.create(name, [body]), 'identical');
  small.remount('rw');
});

test('a folder without rights is storage.permission', {
  skip: process.platform === 'win32' && 'needs modes',
}, async (t) => {
  const root = process.getuid?.() === 0;
  const { path, target, fileOf } = await freshDisk(t);
  await target.create(name, [body]);
  // Root may do everything, so it becomes somebody else for a while: `nobody`.
  const nobody = 65_534;
  if (root) {
    chmodSync(join(path, '..'), 0o711);
    for (const item of [path, join(path, 'data'), join(path, 'index')]) chownSync(item, nobody, nobody);
    process.seteuid?.(nobody);
  }
  try {
    chmodSync(join(path, 'index'), 0);
    const disk = await openLocalDisk({ path });
    await rejects(pagesOf(disk, 'index'), 'storage.permission');
    await rejects(disk.read(nameOf('index', body)), 'storage.permission');
    if (root) {
      // Owned by root, mode 0700.
      await rejects(disk.read(name), 'storage.permission');
      await rejects(disk.create(nameOf('index', body), [body]), 'storage.permission');
      await rejects(disk.delete(name), 'storage.permission');
    }
    const closed = await rejects(disk.stat(nameOf('index', body)), 'storage.permission');
    assert.equal(closed.context['errno'], 'EACCES');
  } finally {
    if (root) process.seteuid?.(0);
    chmodSync(join(path, 'index'), 0o700);
  }
  assert.ok(statSync(fileOf(name)).isFile());
});

test('opening sweeps up temporary files after a day, not those of work under way', async (t) => {
  const { path, leftovers } = await freshDisk(t);
  const folder = join(path, 'holdfast', 'tmp');
  mkdirSync(folder, { recursive: true });
  for (const file of ['old', 'young', `${name.id}.reserved`]) writeFileSync(join(folder, file), 'left by a crash');
  mkdirSync(join(folder, 'folder'));
  const clock = new ManualClock(new Date('2026-06-02T12:00:00Z'));
  utimesSync(join(folder, 'old'), new Date('2026-06-01T11:59:59Z'), new Date('2026-06-01T11:59:59Z'));
  utimesSync(join(folder, 'young'), new Date('2026-06-01T12:00:01Z'), new Date('2026-06-01T12:00:01Z'));
  utimesSync(join(folder, `${name.id}.reserved`), new Date('2026-05-01'), new Date('2026-05-01'));
  await openLocalDisk({ path, clock });
  assert.deepEqual(leftovers().sort(), ['folder', 'young']);
});

test('without hard links, a name reserved by another process is respected until that must be dead', async (t) => {
  const path = join(temporaryFolder(t), 'repository');
  const clock = new ManualClock(new Date());
  const target = await openLocalDisk({ path, create: true, clock, hardLinks: 'avoid' });
  const reservation = join(path, 'holdfast', 'tmp', `${name.id}.reserved`);
  mkdirSync(join(path, 'holdfast', 'tmp'), { recursive: true });
  writeFileSync(reservation, '');
  await rejects(target.create(name, [body]), 'storage.unavailable');
  assert.equal(await target.stat(name), undefined);
  clock.advance(11 * 60_000);
  assert.equal(await target.create(name, [body]), 'created');
  assert.deepEqual(readdirSync(join(path, 'holdfast', 'tmp')), []);
});

test('files that are no objects are left out of lists and left alone', async (t) => {
  const { path, target, fileOf } = await freshDisk(t);
  await target.create(name, [body]);
  const index = nameOf('index', body);
  await target.create(index, [body]);
  const other = nameOf('data', contentOf('elsewhere', 1)).id;
  const wrongFolder = other.startsWith('00') ? 'ff' : '00';
  writeFileSync(join(path, 'data', wrongFolder, other), 'in a folder that is not its own');
  writeFileSync(`${fileOf(name)}-tmp-123`, 'as restic names temporary files');
  writeFileSync(join(path, 'data', 'README'), 'x');
  mkdirSync(join(path, 'data', 'zz'));
  mkdirSync(join(path, 'index', 'a'.repeat(64)));
  symlinkSync(fileOf(index), join(path, 'index', 'b'.repeat(64)));
  writeFileSync(join(path, 'index', 'C'.repeat(64)), 'upper case');
  assert.deepEqual((await pagesOf(target, 'data')).flat(), [{ id: name.id, sizeBytes: body.length }]);
  assert.deepEqual((await pagesOf(target, 'index')).flat(), [{ id: index.id, sizeBytes: body.length }]);
});

test('links, pipes and folders in the place of an object are never followed', async (t) => {
  const outside = temporaryFolder(t);
  const { path, target, fileOf } = await freshDisk(t);
  writeFileSync(join(outside, 'secret'), body);
  symlinkSync(join(outside, 'secret'), fileOf(name));
  symlinkSync(join(outside, 'dangling'), join(path, 'config'));
  const places = [name, configName];
  if (process.platform !== 'win32') {
    const pipe = nameOf('index', contentOf('pipe', 1));
    assert.equal(spawnSync('mkfifo', [fileOf(pipe)]).status, 0);
    places.push(pipe);
  }
  for (const place of places) {
    await rejects(target.read(place), 'storage.tampered');
    await rejects(target.stat(place), 'storage.tampered');
    await rejects(target.create(place, [body]), 'storage.tampered');
    await rejects(target.delete(place), 'storage.tampered');
  }
  assert.deepEqual(readFileSync(join(outside, 'secret')), body);
  assert.deepEqual(readdirSync(outside), ['secret']);
});

test('folders that are links out of the repository are refused, the repository itself may be one', async (t) => {
  const outside = temporaryFolder(t);
  const { path, fileOf } = await freshDisk(t);
  rmdirSync(join(path, 'data', name.id.slice(0, 2)));
  symlinkSync(outside, join(path, 'data', name.id.slice(0, 2)));
  rmSync(join(path, 'index'), { recursive: true });
  symlinkSync(outside, join(path, 'index'));
  const target = await openLocalDisk({ path });
  await rejects(target.create(name, [body]), 'storage.tampered');
  await rejects(target.create(nameOf('index', body), [body]), 'storage.tampered');
  await rejects(target.read(name), 'storage.tampered');
  await rejects(pagesOf(target, 'data'), 'storage.tampered');
  await rejects(pagesOf(target, 'index'), 'storage.tampered');
  assert.deepEqual(readdirSync(outside), []);
  const link = join(outside, 'link');
  symlinkSync(path, link);
  const linked = await openLocalDisk({ path: link });
  assert.equal(await linked.create(nameOf('key', body), [body]), 'created');
  assert.ok(statSync(fileOf(nameOf('key', body))).isFile());
});

test('a temporary folder that leads elsewhere is refused', async (t) => {
  const outside = temporaryFolder(t);
  const { path } = await freshDisk(t);
  mkdirSync(join(path, 'holdfast'));
  symlinkSync(outside, join(path, 'holdfast', 'tmp'));
  await rejects(openLocalDisk({ path }), 'storage.tampered');
});

test('posting what is stored damaged is refused, because it would not be stored', async (t) => {
  const { target, fileOf } = await freshDisk(t);
  await target.create(name, [body]);
  chmodSync(fileOf(name), 0o600);
  truncateSync(fileOf(name), 4000);
  await rejects(target.create(name, [body]), 'storage.exists');
  await rejects(target.read(name, { offset: 3999, length: 2 }), 'storage.range');
});

test('folders that vanish are made again', async (t) => {
  const { path, target } = await freshDisk(t);
  await target.create(name, [body]);
  renameSync(join(path, 'data'), join(path, 'moved away'));
  rmSync(join(path, 'moved away'), { recursive: true });
  assert.deepEqual(await pagesOf(target, 'data'), []);
  assert.equal(await target.create(name, [body]), 'created');
});

test('a place without a repository is repository.missing, unless one is to be made', async (t) => {
  const folder = temporaryFolder(t);
  await rejects(openLocalDisk({ path: join(folder, 'none') }), 'repository.missing');
  writeFileSync(join(folder, 'file'), '');
  await rejects(openLocalDisk({ path: join(folder, 'file') }), 'repository.missing');
  await rejects(openLocalDisk({ path: join(folder, 'file', 'below'), create: true }), 'storage.tampered');
  await openLocalDisk({ path: join(folder, 'a', 'b', 'c'), create: true });
  const mode = (path: string): number => statSync(path).mode & 0o777;
  if (process.platform === 'win32') return;
  assert.equal(mode(join(folder, 'a', 'b', 'c')), 0o700);
  assert.equal(mode(join(folder, 'a', 'b', 'c', 'data', 'ff')), 0o700);
});

test('finished objects are readable by their owner only, and writable by nobody', async (t) => {
  const { target, fileOf } = await freshDisk(t);
  await target.create(name, [body]);
  if (process.platform !== 'win32') assert.equal(statSync(fileOf(name)).mode & 0o777, 0o400);
});

test('a record of protection that is unreadable keeps the object', async (t) => {
  const { path, target } = await freshDisk(t);
  await target.create(name, [body], { retainUntil: new Date('2020-01-01T00:00:00Z') });
  const record = join(path, 'holdfast', 'retention', 'data', name.id.slice(0, 2), name.id);
  assert.equal(readFileSync(record, 'utf8'), '2020-01-01T00:00:00.000Z\n');
  for (const text of ['', '2020-01-01', '2020-13-01T00:00:00.000Z\n', `2020-01-01T00:00:00.000Z\n${'x'.repeat(200)}`]) {
    rmSync(record);
    writeFileSync(record, text);
    await rejects(target.delete(name), 'storage.tampered');
  }
  rmSync(record);
  await target.delete(name);
});
