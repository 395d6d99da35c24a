import assert from 'node:assert/strict';
import fs from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import { openRepository, type Repository } from '@holdfast/repository';
import { openLocalDisk, type Target } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { makeNastyTree, noise } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import { MountFileSystem } from './mount-file-system.ts';
import { defaultTemplates } from './snapshot-folders.ts';
import { FakeKernel, operations, words } from './testing/fake-kernel.ts';

const { errno } = constants;

interface Stored {
  readonly source: string;
  readonly repository: Repository;
  readonly storage: { hangs: boolean; reads: number };
}

/** A repository of one snapshot. */
async function stored(after: (remove: () => void) => void, makeSource: (folder: string) => void): Promise<Stored> {
  const { folder, repository, target } = await testRepository({ after }, openLocalDisk);
  const source = join(folder, 'source');
  fs.mkdirSync(source);
  makeSource(source);
  await backup(repository, { sources: [source] });
  const storage = { hangs: false, reads: 0 };
  const opened = await openRepository(watched(target, storage), { masterKey: repository.masterKey });
  await opened.loadIndex();
  return { source, repository: opened, storage };
}

/** A file system of its own on it, and a kernel that asks. */
async function mounted(t: TestContext, from: Stored) {
  const ended = new AbortController();
  t.after(() => {
    ended.abort();
    from.storage.hangs = false;
  });
  const fileSystem = await fileSystemOf(from.repository, ended.signal);
  const kernel = new FakeKernel(fileSystem);
  const names = from.source.split('/').filter((name) => name !== '');
  const root = await kernel.walk('snapshots', await latest(kernel), ...names);
  return { ...from, fileSystem, kernel, root };
}

async function fileSystemOf(repository: Repository, signal: AbortSignal): Promise<MountFileSystem> {
  const fileSystem = new MountFileSystem(repository, {
    chosen: () => true,
    templates: defaultTemplates,
    owner: { root: false, uid: 11, gid: 22, timeNs: 33n },
    onProblem: (problem) => assert.fail(problem.message),
    signal,
  });
  await fileSystem.prepare();
  return fileSystem;
}

async function latest(kernel: FakeKernel): Promise<Buffer> {
  return (await kernel.call(operations.readlink, await kernel.walk('snapshots', 'latest'))).payload;
}

function watched(target: Target, storage: { hangs: boolean; reads: number }): Target {
  const read: Target['read'] = (name, options = {}) => {
    storage.reads += 1;
    if (!storage.hangs) return target.read(name, options);
    return new Promise((_resolve, reject) => {
      options.signal?.addEventListener('abort', () => reject(new HoldfastError('run.cancelled')), { once: true });
    });
  };
  return new Proxy(target, {
    get: (_, property) => {
      if (property === 'read') return read;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

const largeContent = noise(9_000_000, 2);

describe('the file system of a mount', { skip: skipUnless({ platform: 'linux' }) }, () => {
  let nasty: Stored;

  const removals: (() => void)[] = [];

  before(async () => {
    nasty = await stored((remove) => removals.push(remove), makeNastyTree);
  });
  after(() => {
    for (const remove of removals) remove();
  });

  it('reads any part of a file as it was', async (t) => {
    const content = largeContent;
    const { kernel, root } = await mounted(t, nasty);
    const node = await kernel.lookup(root, 'large');
    const handle = await kernel.openFile(node);
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state % below;
    };
    for (let round = 0; round < 60; round += 1) {
      const offset = random(content.length + 1000);
      const size = 1 + random(round % 2 === 0 ? 5000 : 1_000_000);
      const { payload } = await kernel.read(node, handle, { offset, size }).reply;
      assert.ok(payload.equals(content.subarray(offset, offset + size)), `${offset}+${size}`);
    }
    const whole: Buffer[] = [];
    for (let offset = 0; offset <= content.length; offset += 131_072)
      whole.push((await kernel.read(node, handle, { offset, size: 131_072 }).reply).payload);
    assert.ok(Buffer.concat(whole).equals(content));
    await kernel.call(operations.release, node, words(handle, 0, 0));
    assert.equal((await kernel.read(node, handle, { offset: 0, size: 1 }).reply).errno, errno.EBADF);
  });

  it('lists the same in pages of every size, with names of any bytes', async (t) => {
    const { kernel, root, source } = await mounted(t, nasty);
    const names = fs.readdirSync(source, { encoding: 'buffer' }).sort(Buffer.compare);
    const expected = ['.', '..', ...names.map((name) => name.toString('latin1'))];
    for (const plus of [false, true])
      for (const pageBytes of [200, 1000, 100_000]) {
        const lines = await kernel.readFolder(root, { plus, pageBytes });
        assert.deepEqual(
          lines.map(({ name }) => name.toString('latin1')),
          expected,
        );
      }
    for (const { name, ino } of await kernel.readFolder(root, { plus: false, pageBytes: 100_000 })) {
      if (name[0] === 0x2e) continue;
      const facts = await kernel.call(operations.getattr, await kernel.lookup(root, name), Buffer.alloc(16));
      assert.equal(facts.payload.readBigUInt64LE(16), ino, name.toString());
    }
  });

  it('hard links are one file, the same in every mount', async (t) => {
    const { kernel, root, repository } = await mounted(t, nasty);
    const inoOf = async (asked: FakeKernel, node: number): Promise<bigint> =>
      (await asked.call(operations.getattr, node, Buffer.alloc(16))).payload.readBigUInt64LE(16);
    const [one, two] = [await kernel.lookup(root, 'plain'), await kernel.lookup(root, 'second name')];
    assert.equal(one, two);
    const folder = await kernel.lookup(root, 'sub');
    assert.equal(await kernel.lookup(await kernel.lookup(folder, 'deep'), 'third name'), one);
    assert.notEqual(await kernel.lookup(root, 'empty'), one);
    const ended = new AbortController();
    const again = new FakeKernel(await fileSystemOf(repository, ended.signal));
    const stamp = await latest(again);
    assert.equal(
      await inoOf(again, await again.walk('snapshots', stamp)),
      await inoOf(kernel, await kernel.walk('snapshots', stamp)),
    );
    ended.abort();
  });

  it('remembers what the kernel knows and nothing else', async (t) => {
    const { kernel, fileSystem, root } = await mounted(t, nasty);
    const before = fileSystem.nodes.size;
    const lines = await kernel.readFolder(root, { plus: true, pageBytes: 4096 });
    const given = lines.filter(({ nodeId }) => nodeId !== 0);
    assert.ok(given.length > 10);
    const one = await kernel.lookup(root, 'plain');
    await kernel.lookup(root, 'second name');
    assert.equal(fileSystem.nodes.size, before + new Set(given.map(({ nodeId }) => nodeId)).size);
    // In two batches, and once more than it was told of.
    const body = Buffer.concat([
      Buffer.from([given.length, 0, 0, 0, 0, 0, 0, 0]),
      ...given.map(({ nodeId }) => words(nodeId, 1)),
    ]);
    kernel.tell(operations.batchForget, 0, body);
    assert.equal(fileSystem.nodes.size, before + 1);
    kernel.tell(operations.forget, one, words(3));
    kernel.tell(operations.forget, 1, words(1000));
    kernel.tell(operations.forget, 424_242, words(1));
    assert.equal(fileSystem.nodes.size, before);
    assert.equal((await kernel.call(operations.getattr, one, Buffer.alloc(16))).errno, errno.ESTALE);
  });

  it('answers an interrupted request at once while the storage hangs, and the end of the mount ends all', async (t) => {
    const { kernel, root, storage, fileSystem } = await mounted(t, nasty);
    const node = await kernel.lookup(root, 'medium');
    const handle = await kernel.openFile(node);
    const known = fileSystem.nodes.size;
    storage.hangs = true;
    const first = kernel.read(node, handle, { offset: 2_900_000, size: 4096 });
    const second = kernel.read(node, handle, { offset: 0, size: 4096 });
    kernel.tell(operations.interrupt, 0, words(first.unique));
    kernel.tell(operations.interrupt, 0, words(first.unique + 1000n));
    assert.equal((await first.reply).errno, errno.EINTR);
    // What needs no storage is answered meanwhile.
    assert.equal((await kernel.call(operations.getattr, node, Buffer.alloc(16))).errno, 0);
    assert.equal(kernel.session.pending, 1);
    kernel.session.abort();
    assert.equal((await second.reply).errno, errno.ECONNABORTED);
    assert.equal(fileSystem.nodes.size, known);
  });

  it('refuses every change, and what is not what it is asked as', async (t) => {
    const { kernel, root } = await mounted(t, nasty);
    const file = await kernel.lookup(root, 'plain');
    const link = await kernel.lookup(root, 'link');
    assert.equal((await kernel.call(operations.setattr, file, Buffer.alloc(88))).errno, errno.EROFS);
    const forWriting = Buffer.alloc(8);
    forWriting.writeUInt32LE(fs.constants.O_RDWR);
    assert.equal((await kernel.call(operations.open, file, forWriting)).errno, errno.EROFS);
    assert.equal(
      (await kernel.call(operations.access, file, Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]))).errno,
      errno.EROFS,
    );
    assert.equal((await kernel.call(operations.access, file, Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]))).errno, 0);
    assert.equal((await kernel.call(operations.opendir, file, Buffer.alloc(8))).errno, errno.ENOTDIR);
    assert.equal((await kernel.call(operations.readlink, file)).errno, errno.EINVAL);
    assert.equal((await kernel.call(operations.readlink, link)).payload.toString(), 'plain');
    assert.equal(await kernel.lookup(root, 'no such thing'), 0, 'no entry, which the kernel may keep');
    assert.equal(await kernel.lookup(1, 'no such thing'), -errno.ENOENT);
    assert.equal(await kernel.lookup(file, 'inside'), -errno.ENOTDIR);
    assert.equal((await kernel.call(99, root)).errno, errno.ENOSYS);
    assert.equal((await kernel.call(operations.lookup, root, Buffer.from('no end'))).errno, errno.EINVAL);
  });

  it('gives extended attributes by size and by name', async (t) => {
    const { kernel, root } = await mounted(t, nasty);
    const node = await kernel.lookup(root, 'medium');
    const asking = (size: number, name = ''): Buffer => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(size);
      return name === '' ? head : Buffer.concat([head, Buffer.from(`${name}\0`)]);
    };
    const names = await kernel.call(operations.listxattr, node, asking(1000));
    assert.deepEqual(names.payload.toString().split('\0').sort(), ['', 'user.empty', 'user.test']);
    assert.equal(
      (await kernel.call(operations.listxattr, node, asking(0))).payload.readUInt32LE(0),
      names.payload.length,
    );
    assert.equal((await kernel.call(operations.listxattr, node, asking(3))).errno, errno.ERANGE);
    const value = await kernel.call(operations.getxattr, node, asking(100, 'user.test'));
    assert.deepEqual([...value.payload], [0, 255, 10]);
    assert.equal((await kernel.call(operations.getxattr, node, asking(100, 'user.other'))).errno, errno.ENODATA);
  });

  it('agrees on a version with kernels of every age', async (t) => {
    const { fileSystem } = await mounted(t, nasty);
    const init = async (
      major: number,
      minor: number,
    ): Promise<{ errno: number; numbers: number[]; problems: number }> => {
      const kernel = new FakeKernel(fileSystem);
      const body = Buffer.alloc(64);
      for (const [at, value] of [major, minor, 131_072, 0xffffffff].entries()) body.writeUInt32LE(value, at * 4);
      const { errno: code, payload } = await kernel.call(operations.init, 0, body);
      const numbers = payload.length === 0 ? [] : [payload.readUInt32LE(0), payload.readUInt32LE(4)];
      return { errno: code, numbers, problems: kernel.problems.length };
    };
    assert.deepEqual(await init(7, 45), { errno: 0, numbers: [7, 31], problems: 0 });
    assert.deepEqual(await init(7, 27), { errno: 0, numbers: [7, 27], problems: 0 });
    assert.deepEqual(await init(8, 0), { errno: 0, numbers: [7, 31], problems: 0 });
    assert.deepEqual(await init(7, 8), { errno: errno.EPROTO, numbers: [], problems: 1 });
  });

  it('reads ahead in few requests, and what is kept not again', async (t) => {
    const content = largeContent;
    const { kernel, root, storage } = await mounted(t, nasty);
    const node = await kernel.lookup(root, 'large');
    const readAll = async (): Promise<void> => {
      const handle = await kernel.openFile(node);
      for (let offset = 0; offset < content.length; offset += 1_000_000)
        await kernel.read(node, handle, { offset, size: 1_000_000 }).reply;
    };
    const before = storage.reads;
    await readAll();
    const first = storage.reads - before;
    assert.ok(first >= 1 && first <= 12, `${first} reads for 9 MB`);
    await readAll();
    assert.equal(storage.reads - before, first);
  });
});
