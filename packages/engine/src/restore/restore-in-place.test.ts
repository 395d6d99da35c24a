import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { blobId, encodeNode, objectIdOf } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { makeNastyTree, noise } from '../testing/nasty-tree.ts';
import { storeByHand, testRepository } from '../testing/test-repository.ts';
import { describeTree } from '../testing/tree-walk.ts';
import { type RestoredEntry, type RestoreOptions, restore } from './index.ts';

const mib = 1024 * 1024;

async function backedUp(t: TestContext, make: (source: string) => void) {
  const made = await testRepository(t, openLocalDisk);
  const source = join(made.folder, 'source');
  fs.mkdirSync(source);
  make(source);
  await backup(made.repository, { sources: [source] });
  const target = join(made.folder, 'target');
  const entries: string[] = [];
  const again = (options: Partial<RestoreOptions> = {}) => {
    entries.length = 0;
    const onEntry = ({ action, path }: RestoredEntry): void => void entries.push(`${action} ${path.toString()}`);
    return restore(made.repository, {
      snapshotId: 'latest',
      subfolder: source,
      target,
      overwrite: 'always',
      onEntry,
      ...options,
    });
  };
  return { ...made, source, target, again, entries };
}

describe('restore in place', { skip: skipUnless({ platform: 'linux' }) }, () => {
  it('restores a subfolder straight into the target, and does nothing twice', async (t) => {
    const { source, target, again } = await backedUp(t, makeNastyTree);
    const first = await again();
    assert.deepEqual(first.problems, []);
    assert.equal(first.filesUnchanged, 0);
    const expected = describeTree(source).slice(1);
    assert.deepEqual(describeTree(target).slice(1), expected);
    for (const overwrite of ['always', 'if-changed'] as const) {
      const second = await again({ overwrite, deletes: true, verify: true });
      assert.deepEqual(second.problems, []);
      assert.equal(second.bytesRestored, 0);
      assert.equal(second.itemsDeleted, 0);
      assert.equal(second.filesRestored, first.filesRestored);
      assert.equal(
        second.filesVerified,
        fs.readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length,
      );
      assert.deepEqual(describeTree(target).slice(1), expected);
    }
    await assert.rejects(again({ subfolder: join(source, 'plain') }), { code: 'request.missing' });
    await assert.rejects(again({ subfolder: '/nowhere' }), { code: 'request.missing' });
  });

  it('writes only the blobs of a large file that are wrong, into the same file', async (t) => {
    const content = noise(12 * mib, 3);
    const { source, target, again } = await backedUp(t, (folder) => fs.writeFileSync(join(folder, 'large'), content));
    await again();
    const file = join(target, 'large');
    const { ino } = fs.statSync(file);
    const fd = fs.openSync(file, 'r+');
    fs.writeSync(fd, Buffer.alloc(100_000), 0, 100_000, 6 * mib);
    fs.closeSync(fd);
    const { mtime } = fs.statSync(join(source, 'large'));
    fs.utimesSync(file, mtime, mtime);
    const summary = await again();
    assert.ok(summary.bytesRestored > 0 && summary.bytesRestored < 11 * mib, `${summary.bytesRestored} bytes`);
    assert.ok(fs.readFileSync(file).equals(content));
    assert.equal(fs.statSync(file).ino, ino);
    assert.deepEqual(describeTree(target).slice(1), describeTree(source).slice(1));
  });

  it('continues what was interrupted: an unfinished file has another size, and keeps what is right', async (t) => {
    const { repository, source, target, again } = await backedUp(t, (folder) => {
      for (const name of ['one', 'two']) fs.writeFileSync(join(folder, name), noise(12 * mib, name.length));
      fs.writeFileSync(join(folder, 'two'), noise(12 * mib, 9));
    });
    const abort = new AbortController();
    const { onProgress } = { onProgress: ({ bytesDone }: { bytesDone: number }) => bytesDone > 0 && abort.abort() };
    const onEntry = (): void => abort.abort();
    const stopped = restore(repository, {
      snapshotId: 'latest',
      subfolder: source,
      target,
      signal: abort.signal,
      onProgress,
      onEntry,
    });
    await assert.rejects(stopped, { code: 'run.cancelled' });
    for (const name of fs.readdirSync(target)) {
      const whole = fs.readFileSync(join(target, name)).equals(fs.readFileSync(join(source, name)));
      assert.ok(whole || fs.statSync(join(target, name)).size !== 12 * mib, `${name} looks whole and is not`);
    }
    // As it stands when power fails: nearly everything is there, but nothing says so.
    fs.writeFileSync(
      join(target, 'one'),
      Buffer.concat([noise(12 * mib, 3).subarray(0, 10 * mib), Buffer.alloc(2 * mib + 1)]),
    );
    const summary = await again({ overwrite: 'if-changed' });
    assert.deepEqual(summary.problems, []);
    assert.ok(summary.bytesRestored < 22 * mib, `${summary.bytesRestored} bytes`);
    assert.deepEqual(describeTree(target).slice(1), describeTree(source).slice(1));
  });

  it('keeps what a policy keeps', async (t) => {
    const { target, again, entries } = await backedUp(t, (folder) => {
      for (const name of ['older', 'newer', 'missing']) fs.writeFileSync(join(folder, name), `snapshot's ${name}`);
      for (const name of ['older', 'newer', 'missing']) fs.utimesSync(join(folder, name), 1_000_000, 1_000_000);
    });
    const prepare = (): void => {
      fs.rmSync(target, { recursive: true, force: true });
      fs.mkdirSync(target);
      for (const [name, time] of [
        ['older', 999_999],
        ['newer', 1_000_001],
      ] as const) {
        fs.writeFileSync(
          join(target, name),
          `snapshot's OTHER`.padEnd(10 + name.length + 1).slice(0, 11 + name.length),
        );
        fs.utimesSync(join(target, name), time, time);
      }
    };
    const own = (): string[] =>
      ['older', 'newer', 'missing'].filter(
        (name) => fs.readFileSync(join(target, name), 'utf8') === `snapshot's ${name}`,
      );
    for (const [overwrite, restored] of [
      ['never', ['missing']],
      ['if-newer', ['older', 'missing']],
      ['if-changed', ['older', 'newer', 'missing']],
      ['always', ['older', 'newer', 'missing']],
    ] as const) {
      prepare();
      const summary = await again({ overwrite, verify: true });
      assert.deepEqual(own(), restored, overwrite);
      assert.equal(summary.itemsKept, 3 - restored.length);
      assert.equal(summary.filesVerified, restored.length, 'what is kept is not compared');
      assert.ok(summary.complete);
      assert.ok(entries.includes('restored /missing'));
      assert.equal(entries.includes('updated /newer'), restored.length === 3);
    }
    // Believed by size and time, and only by 'if-changed'.
    fs.writeFileSync(join(target, 'older'), "SNAPSHOT's older");
    fs.utimesSync(join(target, 'older'), 1_000_000, 1_000_000);
    assert.equal((await again({ overwrite: 'if-changed' })).filesUnchanged, 3);
    assert.equal((await again({ overwrite: 'always' })).filesUnchanged, 2);
  });

  it('never writes through other names of a file, nor into what took its place', async (t) => {
    const { folder, target, again } = await backedUp(t, (source) => {
      for (const name of ['linked', 'fifo', 'folder', 'link'])
        fs.writeFileSync(join(source, name), noise(3 * mib, name.length));
    });
    await again();
    const outside = join(folder, 'outside');
    fs.writeFileSync(outside, Buffer.concat([noise(3 * mib, 6).subarray(0, 2 * mib), Buffer.alloc(mib)]));
    for (const name of ['linked', 'fifo', 'folder', 'link']) fs.rmSync(join(target, name));
    fs.linkSync(outside, join(target, 'linked'));
    fs.symlinkSync(outside, join(target, 'link'));
    fs.mkdirSync(join(target, 'folder'));
    const before = fs.readFileSync(outside);
    const summary = await again();
    assert.deepEqual(summary.problems, []);
    assert.ok(fs.readFileSync(outside).equals(before));
    assert.ok(fs.readFileSync(join(target, 'linked')).equals(noise(3 * mib, 6)));
    assert.ok(fs.lstatSync(join(target, 'link')).isFile());
    assert.ok(fs.lstatSync(join(target, 'folder')).isFile());
    fs.rmSync(join(target, 'folder'));
    fs.mkdirSync(join(target, 'folder/full'), { recursive: true });
    assert.match((await again()).problems[0]?.message ?? '', /\/folder: .*ENOTEMPTY/);
    assert.deepEqual((await again({ deletes: true })).problems, []);
    assert.ok(fs.lstatSync(join(target, 'folder')).isFile());
  });

  it('deletes what the snapshot does not have, only where it was asked to, and never through links', async (t) => {
    const { folder, repositoryFolder, target, again, entries } = await backedUp(t, (source) => {
      for (const name of ['a', 'b']) {
        fs.mkdirSync(join(source, name));
        fs.writeFileSync(join(source, name, 'file'), name);
      }
    });
    await again();
    const outside = join(folder, 'outside');
    fs.mkdirSync(join(outside, 'inner'), { recursive: true });
    fs.writeFileSync(join(outside, 'inner/file'), 'untouched');
    const add = (): void => {
      fs.mkdirSync(join(target, 'a/extra/deep'), { recursive: true });
      fs.writeFileSync(join(target, 'a/extra/deep/file'), 'x');
      for (const link of ['a/link', 'a/extra/link']) fs.symlinkSync(outside, join(target, link));
      fs.writeFileSync(join(target, 'b/extra'), 'x');
      fs.writeFileSync(join(target, 'top'), 'x');
    };
    add();
    const before = describeTree(target);
    const dry = await again({ deletes: true, dryRun: true });
    const deleted = ['/a/extra', '/a/extra/deep', '/a/extra/deep/file', '/a/extra/link', '/a/link', '/b/extra', '/top'];
    const told = (): string[] =>
      entries
        .filter((entry) => entry.startsWith('deleted '))
        .map((entry) => entry.slice(8))
        .sort();
    assert.deepEqual(told(), deleted);
    assert.equal(dry.itemsDeleted, 7);
    assert.deepEqual(describeTree(target), before, 'a dry run changes nothing');
    await again({ deletes: true, include: ['/a'] });
    assert.deepEqual(told(), deleted.slice(0, 5));
    add();
    await again({ deletes: true, exclude: ['/b/extra', 'deep'] });
    assert.deepEqual(told(), ['/a/extra', '/a/extra/deep', '/a/extra/deep/file', '/a/extra/link', '/a/link', '/top']);
    assert.deepEqual(fs.readdirSync(join(target, 'b')), ['extra', 'file']);
    // The repository itself may be what is in the way.
    const inside = join(target, 'kept');
    fs.renameSync(repositoryFolder, inside);
    fs.symlinkSync(inside, repositoryFolder);
    const spared = await again({ deletes: true, protect: [repositoryFolder] });
    assert.match(spared.problems[0]?.message ?? '', /kept: it could not be deleted .*EBUSY/);
    assert.ok(fs.existsSync(join(inside, 'config')));
    assert.equal(fs.readFileSync(join(outside, 'inner/file'), 'utf8'), 'untouched');
  });

  it('deletes nothing in a folder whose list cannot be read', async (t) => {
    const { repository, folder } = await testRepository(t, openLocalDisk);
    const time = '2026-01-01T00:00:00Z';
    const base = {
      mode: 0o755 + 2 ** 31,
      mtime: time,
      atime: time,
      ctime: time,
      uid: 0,
      gid: 0,
      content: null,
    } as const;
    const node = encodeNode({
      ...base,
      name: Buffer.from('lost'),
      type: 'dir',
      subtree: objectIdOf(Buffer.alloc(32, 7)),
    });
    const plain = Buffer.from(`{"nodes":[${node}]}\n`);
    await storeByHand(repository, [{ type: 'tree', id: blobId(plain), plain }]);
    const snapshotId = await repository.saveSnapshot({ time, tree: objectIdOf(blobId(plain)), paths: ['/'] });
    const target = join(folder, 'target');
    fs.mkdirSync(join(target, 'lost'), { recursive: true });
    fs.writeFileSync(join(target, 'lost/file'), 'the only copy');
    const summary = await restore(repository, { snapshotId, target, overwrite: 'always', deletes: true });
    assert.equal(summary.damage?.code, 'repository.damaged');
    assert.equal(summary.itemsDeleted, 0);
    assert.ok(fs.existsSync(join(target, 'lost/file')));
  });

  it('tells in a dry run what it would do, and makes nothing', async (t) => {
    const { source, target, again, entries } = await backedUp(t, makeNastyTree);
    await again({ dryRun: true });
    const told = entries.toSorted();
    assert.ok(!fs.existsSync(target));
    await again();
    assert.deepEqual(entries.toSorted(), told);
    fs.writeFileSync(join(target, 'plain'), 'OTHER');
    fs.rmSync(join(target, 'sub'), { recursive: true });
    const before = describeTree(target);
    await again({ dryRun: true });
    const changed = entries.toSorted();
    assert.deepEqual(describeTree(target), before);
    await again();
    assert.deepEqual(entries.toSorted(), changed);
    assert.ok(changed.includes('updated /plain') && changed.includes('unchanged /large'));
    assert.deepEqual(describeTree(target).slice(1), describeTree(source).slice(1));
  });

  it('notices with --verify what a disk gives back wrong', async (t) => {
    const { target, again } = await backedUp(t, (source) => {
      for (const name of ['a', 'b', 'c']) fs.writeFileSync(join(source, name), noise(2 * mib, name.charCodeAt(0)));
    });
    const spoil = ({ phase }: { phase: string }): void => {
      if (phase !== 'finish') return;
      const fd = fs.openSync(join(target, 'b'), 'r+');
      fs.writeSync(fd, 'x', mib);
      fs.closeSync(fd);
      fs.rmSync(join(target, 'c'));
    };
    const summary = await again({ verify: true, onProgress: spoil });
    assert.equal(summary.filesVerified, 1);
    assert.equal(summary.complete, false);
    assert.deepEqual(summary.problems.map(({ message }) => message.slice(0, 3)).sort(), ['/b:', '/c:']);
    assert.equal(summary.damage, undefined, 'the repository is not at fault');
  });

  it('reads a damaged blob from a second pack, data and trees', async (t) => {
    const { repository, repositoryFolder, folder } = await testRepository(t, openLocalDisk);
    const small = noise(50_000, 1);
    const parts = [noise(600_000, 2), noise(700_000, 3)];
    const time = '2026-01-01T00:00:00Z';
    const base = { mode: 0o644, mtime: time, atime: time, ctime: time, uid: 0, gid: 0 } as const;
    const idOf = (bytes: Buffer) => objectIdOf(blobId(bytes));
    const nodes = [
      encodeNode({ ...base, name: Buffer.from('large'), type: 'file', content: parts.map(idOf) }),
      encodeNode({ ...base, name: Buffer.from('small'), type: 'file', content: [idOf(small)] }),
    ];
    const tree = Buffer.from(`{"nodes":[${nodes.join(',')}]}\n`);
    const blobs = [
      ...[small, ...parts].map((plain) => ({ type: 'data' as const, id: blobId(plain), plain })),
      { type: 'tree' as const, id: blobId(tree), plain: tree },
    ];
    await storeByHand(repository, blobs);
    await storeByHand(repository, blobs);
    const snapshotId = await repository.saveSnapshot({ time, tree: idOf(tree), paths: ['/'] });
    const index = await repository.loadIndex();
    const flip = (type: 'data' | 'tree', id: ReturnType<typeof idOf>): string => {
      const place = index.lookup(id, type);
      assert.ok(place);
      const path = join(repositoryFolder, 'data', place.packId.slice(0, 2), place.packId);
      fs.chmodSync(path, 0o600);
      const bytes = fs.readFileSync(path);
      bytes[place.offset + 20] = (bytes[place.offset + 20] ?? 0) ^ 1;
      fs.writeFileSync(path, bytes);
      return path;
    };
    flip('data', idOf(small));
    flip('tree', idOf(tree));
    const firstPack = flip('data', idOf(parts[1] ?? small));
    const check = async (name: string, healed: number): Promise<void> => {
      const target = join(folder, name);
      const summary = await restore(repository, { snapshotId, target });
      assert.deepEqual(summary.problems, []);
      assert.equal(summary.blobsHealed, healed);
      assert.ok(fs.readFileSync(join(target, 'small')).equals(small));
      assert.ok(fs.readFileSync(join(target, 'large')).equals(Buffer.concat(parts)));
    };
    await check('flipped', 2);
    fs.rmSync(firstPack);
    await check('pack gone', 3);
  });
});
