import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { openRepository } from '@holdfast/repository';
import { openLocalDisk, throttled } from '@holdfast/storage';
import { type FaultInjector, FaultyTarget, noFaults } from '@holdfast/storage/testing';
import { noise } from '../testing/nasty-tree.ts';
import { testPassword, testRepository } from '../testing/test-repository.ts';
import { backup } from './index.ts';
import { StagedFile } from './pack-staging.ts';

const mib = 1024 * 1024;

/** Where packs grow when it is not beside the repository, for the time of a test. */
function temporaryFiles(t: TestContext): string {
  const folder = temporaryFolder(t);
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = folder;
  t.after(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  return folder;
}

function source(folder: string, sizeBytes: number): string {
  const path = join(folder, 'source');
  fs.mkdirSync(path);
  fs.writeFileSync(join(path, 'large'), noise(sizeBytes));
  for (let at = 0; at < 100; at += 1) fs.writeFileSync(join(path, `${at}`), noise(20_000 + at, at + 2));
  return path;
}

describe('packs that grow in files', () => {
  for (const way of ['beside the repository', 'in the folder for temporary files'] as const)
    it(`are whole for restic, ${way}, and leave nothing else`, {
      skip: skipUnless({ programs: ['restic'] }),
    }, async (t) => {
      const beside = way === 'beside the repository';
      const { folder, repositoryFolder, repository } = await testRepository(t, async (options) => {
        const disk = await openLocalDisk(options);
        return beside ? disk : throttled(disk, {});
      });
      assert.equal(repository.target.staging !== undefined, beside);
      const temporary = temporaryFiles(t);
      const [old, open, young] = ['old', 'open', 'young'].map((name) => join(temporary, `holdfast-packs-${name}`));
      for (const left of [old, open, young]) fs.mkdirSync(left ?? '', { mode: 0o700 });
      // One that others may change is nothing to walk through and delete.
      fs.chmodSync(open ?? '', 0o777);
      for (const left of [old, open]) fs.utimesSync(left ?? '', 0, 0);
      const summary = await backup(repository, {
        sources: [source(folder, 60 * mib)],
        packSizeBytes: 4 * mib,
      });
      assert.ok(summary.bytesStored > 60 * mib);
      // A folder that a killed run left is swept up where such folders are made.
      const kept = [...(beside ? [old] : []), open, young].map((left) => basename(left ?? ''));
      assert.deepEqual(fs.readdirSync(temporary), kept);
      assert.deepEqual(fs.readdirSync(join(repositoryFolder, 'holdfast', 'tmp')), []);
      const packs = (await Array.fromAsync(repository.target.list('data'))).flat();
      // Where the content is cut is chance, and the last chunk of a pack may have 8 MiB.
      assert.ok(packs.length >= 62 / (4 + 8), `${packs.length} packs`);
      assert.ok(packs.filter(({ sizeBytes }) => sizeBytes < 4 * mib).length <= 2, 'the rests were put together');
      const checked = spawnSync(
        requireProgram('restic').path,
        ['--repo', repositoryFolder, '--no-cache', 'check', '--read-data'],
        { encoding: 'utf8', env: { ...process.env, RESTIC_PASSWORD: testPassword } },
      );
      assert.equal(checked.status, 0, checked.stderr + checked.stdout);
    });

  for (const failing of ['the first', 'the last'] as const)
    it(`that cannot be stored end the backup, ${failing} while the others wait, and leave nothing`, async (t) => {
      const { folder, repositoryFolder } = await testRepository(t, openLocalDisk);
      const waiting = Promise.withResolvers<undefined>();
      let packs = 0;
      let open: number | undefined;
      const faults: FaultInjector = {
        async pass({ method, name }, stage, options) {
          if (method !== 'create' || name.type !== 'data' || stage !== 'begin') return;
          packs += 1;
          if (failing === 'the last') {
            // Only what is left at the end is too small to be a pack of its own.
            if (packs === 1) throw new HoldfastError('storage.full');
            return;
          }
          // All uploads stand still, threads are given nothing more to do, and then the first fails.
          if (packs === 3) open = openFilesIn(join(repositoryFolder, 'holdfast', 'tmp'));
          if (packs === 3) setTimeout(() => waiting.resolve(undefined), 50);
          await Promise.race([waiting.promise, aborted(options.signal)]);
          throw new HoldfastError('storage.full');
        },
      };
      const disk = await openLocalDisk({ path: repositoryFolder });
      const repository = await openRepository(new FaultyTarget(disk, faults), { password: testPassword });
      const sizeBytes = failing === 'the first' ? 64 * mib : 3 * mib;
      await assert.rejects(backup(repository, { sources: [source(folder, sizeBytes)], packSizeBytes: 4 * mib }), {
        code: 'storage.full',
      });
      assert.ok(packs > 0);
      if (failing === 'the first') assert.ok((open ?? 3) >= 3, `${open} of the packs that wait are open`);
      assert.deepEqual(fs.readdirSync(join(repositoryFolder, 'holdfast', 'tmp')), []);
      for (const type of ['snapshot', 'index', 'lock'] as const)
        assert.deepEqual(await Array.fromAsync(disk.list(type)), [], type);
      const again = await openRepository(new FaultyTarget(disk, noFaults), { password: testPassword });
      assert.equal((await backup(again, { sources: [join(folder, 'source')] })).complete, true);
    });
});

describe('a staged file', () => {
  it('is made anew, goes on where it ended, and gives back what was written', (t) => {
    const place = { folder: temporaryFolder(t), prefix: 'x-', growingPacks: 1 };
    const open: number[] = [];
    t.after(() => open.forEach((fd) => fs.closeSync(fd)));
    const staged = (): StagedFile => new StagedFile(place, (fd) => open.push(fd));
    const file = staged();
    file.append(Buffer.from('one '));
    file.append(Buffer.from('two'));
    const { path } = file.written;
    assert.equal(fs.readFileSync(path, 'utf8'), 'one two');
    const back = Buffer.alloc(10, '.');
    file.takeBack(back);
    assert.equal(back.toString(), 'one two...');
    assert.equal(fs.existsSync(path), false);
    assert.equal(open.length, 1, 'it stays open');
    const cut = staged();
    cut.append(Buffer.alloc(100));
    fs.truncateSync(cut.written.path, 50);
    assert.throws(() => cut.takeBack(Buffer.alloc(100)), { code: 'storage.unavailable' });
  });
});

/** How many files of a folder this process has open; undefined where the system does not say. */
function openFilesIn(folder: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const links = fs.readdirSync('/proc/self/fd').map((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // Closed by another thread meanwhile.
      return '';
    }
  });
  return links.filter((path) => path.startsWith(folder)).length;
}

/** Rejects as soon as the signal aborts. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
