import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { errnoOf, HoldfastError, hasCode } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import type { Repository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { engineLimits, listTree } from '../index.ts';
import { restore } from '../restore/index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import type { BackupSetup, FolderToScan, ScanResult } from './backup-jobs.ts';
import { BlobStore } from './blob-store.ts';
import { gearMemory } from './gear-scan.ts';
import { backup } from './index.ts';
import { PackStaging } from './pack-staging.ts';
import { LargeFileReader } from './read-large-file.ts';
import { FolderScanner } from './scan-folder.ts';

async function paths(repository: Repository, from: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path } of listTree(repository, { snapshotId: 'latest', path: from, recursive: true }))
    found.push(path.toString().slice(from.length + 1));
  return found;
}

async function setup(repository: Repository): Promise<BackupSetup> {
  const index = await repository.loadIndex();
  const { place } = await PackStaging.open(repository, AbortSignal.timeout(60_000));
  return {
    kind: 'setup',
    key: repository.masterKey,
    index: index.handle(),
    gear: repository.gearTable(),
    slabs: gearMemory(engineLimits.slabSizeBytes),
    excludes: [],
    oneFileSystem: false,
    packSizeBytes: undefined,
    staging: place,
  };
}

describe('backup', () => {
  it('leaves out what the patterns say', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(join(source, 'a/cache/deep'), { recursive: true });
    fs.mkdirSync(join(source, 'b'));
    for (const name of ['a/keep.log', 'a/drop.log', 'a/cache/deep/x', 'b/file', 'b/file.tmp'])
      fs.writeFileSync(join(source, name), name);
    await backup(repository, { sources: [source], excludes: ['cache', '*.log', '!keep.log', `${source}/b/*.tmp`] });
    assert.deepEqual(await paths(repository, source), ['a', 'a/keep.log', 'b', 'b/file']);
    await assert.rejects(backup(repository, { sources: [source], excludes: ['['] }), { code: 'usage.option' });
  });

  it('stores several sources under their absolute paths, and one inside another only once', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    for (const name of ['x/one', 'x/two', 'y']) fs.mkdirSync(join(folder, name), { recursive: true });
    for (const name of ['x/one/a', 'x/two/b', 'y/c', 'single']) fs.writeFileSync(join(folder, name), name);
    const sources = [
      join(folder, 'x/one'),
      join(folder, 'x'),
      join(folder, 'y/../y/'),
      Buffer.from(join(folder, 'single')),
    ];
    const summary = await backup(repository, { sources });
    assert.equal(summary.filesNew, 4);
    assert.deepEqual(await paths(repository, folder), [
      'single',
      ...['x', 'x/one', 'x/one/a', 'x/two', 'x/two/b'],
      ...['y', 'y/c'],
    ]);
  });

  it('stays on one file system when asked to', { skip: skipUnless({ root: true, platform: 'linux' }) }, async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(join(source, 'mount'), { recursive: true });
    if (spawnSync('mount', ['-t', 'tmpfs', 'none', join(source, 'mount')]).status !== 0) {
      t.skip('needs the right to mount file systems (run the tests as root with CAP_SYS_ADMIN)');
      return;
    }
    try {
      fs.writeFileSync(join(source, 'mount/other'), 'x');
      fs.writeFileSync(join(source, 'own'), 'x');
      await backup(repository, { sources: [source], oneFileSystem: true });
      assert.deepEqual(await paths(repository, source), ['mount', 'own']);
      await backup(repository, { sources: [source] });
      assert.deepEqual(await paths(repository, source), ['mount', 'mount/other', 'own']);
    } finally {
      spawnSync('umount', [join(source, 'mount')]);
    }
  });

  it('reports what is missing, and makes no snapshot of nothing', async (t) => {
    const { folder, repository, target } = await testRepository(t, openLocalDisk);
    fs.writeFileSync(join(folder, 'there'), 'x');
    const partly = await backup(repository, { sources: [join(folder, 'there'), join(folder, 'missing')] });
    assert.equal(partly.complete, false);
    assert.deepEqual(
      partly.problems.map(({ code }) => code),
      ['file.unreadable'],
    );
    const before = (await Array.fromAsync(target.list('snapshot'))).flat().length;
    for (const sources of [['/nonexistent/a', '/nonexistent/b'], [join(folder, 'missing')], [join(folder, 'no/way')]])
      await assert.rejects(backup(repository, { sources }), { code: 'backup.nothing' });
    await assert.rejects(backup(repository, { sources: [] }), { code: 'usage.option' });
    assert.equal((await Array.fromAsync(target.list('snapshot'))).flat().length, before);
  });

  it('reports files that vanish between listing and reading, and unreadable folders', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    fs.writeFileSync(join(folder, 'there'), 'x');
    const given = await setup(repository);
    const scanner = new FolderScanner(given, new BlobStore(given, () => undefined));
    const scan = (...folders: readonly Pick<FolderToScan, 'path' | 'names'>[]): ScanResult =>
      scanner.scan({
        kind: 'scan',
        folders: folders.map((one) => ({ named: false, device: undefined, parent: undefined, ...one })),
      });
    const isFailed = (result: ScanResult): (boolean | string)[] =>
      result.folders.map((one) => (typeof one === 'string' ? one : one.failed));
    const result = scan({ path: folder, names: ['gone', 'there'] });
    assert.deepEqual(isFailed(result), [false]);
    assert.deepEqual(result.files, { new: 1, changed: 0, unmodified: 0 });
    assert.deepEqual(
      result.problems.map(({ code }) => code),
      ['file.vanished'],
    );
    const missing = { path: join(folder, 'no'), names: undefined };
    assert.deepEqual(isFailed(scan(missing, { path: folder, names: undefined })), [true, false]);
    const link = join(folder, 'link');
    fs.symlinkSync('/etc', link);
    // A folder that somebody exchanged for a link is not followed.
    assert.deepEqual(isFailed(scan({ path: link, names: undefined })), [true]);
  });

  it('reports unreadable files and goes on', { skip: skipUnless({ root: true, platform: 'linux' }) }, async (t) => {
    const { folder, repository, repositoryFolder } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(join(source, 'closed'), { recursive: true });
    fs.writeFileSync(join(source, 'closed/inside'), 'x');
    fs.writeFileSync(join(source, 'secret'), 'x');
    fs.writeFileSync(join(source, 'open'), 'x');
    fs.chmodSync(join(source, 'closed'), 0);
    fs.chmodSync(join(source, 'secret'), 0);
    // Another process, because root reads everything and can't become root again.
    const script = `
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      const { FolderScanner } = await import('${import.meta.dirname}/scan-folder.ts');
      const { BlobStore } = await import('${import.meta.dirname}/blob-store.ts');
      const { BlobIndex } = await import('@holdfast/repository');
      const zero = { encrypt: new Uint8Array(32), macK: new Uint8Array(16), macR: new Uint8Array(16) };
      const setup = { kind: 'setup', key: zero, index: BlobIndex.create().handle(), gear: new Uint32Array(256),
        slabs: [], excludes: [], oneFileSystem: false, packSizeBytes: undefined,
        staging: { folder: '/nowhere', prefix: '', growingPacks: 1 } };
      const scanner = new FolderScanner(setup, new BlobStore(setup, () => {}));
      for (const path of ['${source}', '${source}/closed']) {
        const { files, folders, problems } = scanner.scan({ kind: 'scan', folders: [{ path, names: undefined,
          named: false, device: undefined, parent: undefined }] });
        const [{ failed }] = folders;
        console.log(JSON.stringify({ files: files.new, failed, codes: problems.map((problem) => problem.code) }));
      }`;
    fs.chmodSync(folder, 0o755);
    const answer = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    });
    assert.equal(answer.status, 0, answer.stderr);
    assert.deepEqual(
      answer.stdout
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
      [
        { files: 1, failed: false, codes: ['file.unreadable'] },
        { files: 0, failed: true, codes: ['file.unreadable'] },
      ],
    );
    assert.ok(repository.target.location.includes(repositoryFolder));
  });

  it('reports files that change while they are read, and stores what was read', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const path = join(folder, 'growing');
    fs.writeFileSync(path, noise(20_000_000));
    const given = await setup(repository);
    const reader = new LargeFileReader(given, new BlobStore(given, () => undefined));
    const job = { kind: 'read', path: Buffer.from(path), slab: 0 } as const;
    const first = reader.read({ ...job, open: undefined, offset: 0 });
    assert.equal(first.end, false);
    fs.appendFileSync(path, 'more');
    const second = reader.read({ ...job, open: first.open, offset: first.offset });
    assert.equal(second.end, true);
    assert.equal(second.failed, false);
    assert.equal(second.problem?.code, 'file.changed');
    assert.equal(second.offset, 20_000_004);
    // The reader never closes what others know of: the same file to its end, and no number twice.
    const { open } = second;
    assert.ok(open !== undefined && open.fd === first.open?.fd);
    fs.closeSync(open.fd);
    const unreadable = reader.read({ ...job, open, offset: 0 });
    assert.deepEqual([unreadable.failed, unreadable.open], [true, open]);
    const gone = reader.read({ ...job, path: Buffer.from(`${path}x`), open: undefined, offset: 0 });
    assert.deepEqual([gone.failed, gone.problem?.code], [true, 'file.vanished']);
  });

  it('stops soon after an abort, without a snapshot, a lock or a thread left', async (t) => {
    const { folder, repository, target } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (let number = 0; number < 16; number += 1)
      fs.writeFileSync(join(source, `${number}`), noise(4_500_000, number));
    const abort = new AbortController();
    const onProgress = ({ phase }: { phase: string }): void => {
      if (phase === 'backup') abort.abort();
    };
    await assert.rejects(backup(repository, { sources: [source], signal: abort.signal, onProgress }), {
      code: 'run.cancelled',
    });
    await assert.rejects(backup(repository, { sources: [source], signal: AbortSignal.abort() }));
    assert.deepEqual(await Array.fromAsync(target.list('snapshot')), []);
    assert.deepEqual(await Array.fromAsync(target.list('lock')), []);
    assert.equal(process.getActiveResourcesInfo().filter((resource) => resource === 'MessagePort').length, 0);
    // What it left behind does no harm.
    const again = await backup(repository, { sources: [source] });
    assert.equal(again.filesNew, 16);
  });

  it('leaves no file open, however it ends', { skip: skipUnless({ platform: 'linux' }) }, async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (const name of ['a', 'b', 'c']) fs.writeFileSync(join(source, name), noise(20_000_000, name.charCodeAt(0)));
    const openNow = (): string[] =>
      fs.readdirSync('/proc/self/fd').flatMap((fd) => {
        try {
          return [fs.readlinkSync(`/proc/self/fd/${fd}`)];
        } catch (error) {
          // Closed meanwhile by a thread, or what listed them.
          assert.equal(errnoOf(error), 'ENOENT');
          return [];
        }
      });
    const large = (): number => openNow().filter((path) => path.startsWith(`${source}/`)).length;
    let before: number | undefined;
    let cancelled = 0;
    for (let round = 0; round < 6; round += 1) {
      const abort = new AbortController();
      let over = false;
      const ended = backup(repository, { sources: [source], signal: abort.signal, workers: 2 })
        .catch((error: unknown) => {
          assert.ok(hasCode(error, 'run.cancelled'), String(error));
          cancelled += 1;
        })
        .finally(() => {
          over = true;
        });
      // At once after a thread opened one, and at other moments while they are read.
      while (large() === 0 && !over) await setImmediate();
      for (let turn = 0; turn < round * 4; turn += 1) await setImmediate();
      abort.abort();
      // Where this thread stood still meanwhile, it was over before.
      await ended;
      assert.equal(large(), 0);
      before ??= openNow().length;
      assert.equal(openNow().length, before);
    }
    assert.ok(cancelled > 0);
    assert.equal((await backup(repository, { sources: [source], workers: 2 })).filesNew, 3);
    assert.equal(openNow().length, before);
  });

  it('fails when the storage does, and writes no snapshot', async (t) => {
    const { folder, repository, target } = await testRepository(t, openLocalDisk);
    fs.writeFileSync(join(folder, 'file'), noise(1_000_000));
    const create = target.create.bind(target);
    t.mock.method(target, 'create', (...call: Parameters<typeof create>) =>
      call[0].type === 'data' ? Promise.reject(new HoldfastError('storage.full')) : create(...call),
    );
    await assert.rejects(backup(repository, { sources: [join(folder, 'file')] }), { code: 'storage.full' });
    assert.deepEqual(await Array.fromAsync(target.list('snapshot')), []);
    assert.deepEqual(await Array.fromAsync(target.list('index')), []);
  });

  it('reports progress that only grows, at most ten times a second', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    fs.writeFileSync(join(folder, 'file'), noise(20_000_000));
    const bytes: number[] = [];
    const phases = new Set<string>();
    const summary = await backup(repository, {
      sources: [join(folder, 'file')],
      onProgress: (progress) => {
        bytes.push(progress.bytesDone);
        phases.add(progress.phase);
      },
    });
    assert.deepEqual(
      bytes,
      bytes.toSorted((a, b) => a - b),
    );
    assert.ok(bytes.length <= summary.durationMs / 100 + 3);
    assert.deepEqual([...phases].at(-1), 'finish');
    await restore(repository, { snapshotId: summary.snapshotId.slice(0, 10), target: join(folder, 'target') });
  });
});
