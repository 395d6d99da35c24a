import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { openLocalDisk } from '@holdfast/storage';
import { engineLimits, listTree } from '../index.ts';
import { restore } from '../restore/index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import { backup, type StreamSource } from './index.ts';

/** A stream of these pieces, and then perhaps a failure. */
function stream(path: string, pieces: readonly Uint8Array[], failure?: Error): StreamSource {
  return {
    path,
    async *open() {
      yield* pieces;
      if (failure !== undefined) throw failure;
    },
  };
}

/** The same bytes in pieces of all sizes. */
function inPieces(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 3_000_017)
    pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

describe('backup of a stream', () => {
  it('gives it back byte by byte, in the folders of its name, and finds what a file has stored', async (t) => {
    const { folder, repository } = await testRepository(t, openLocalDisk);
    // More than all slabs together, zeros among it, and an end in the middle of a chunk.
    const slabs = noise(3 * engineLimits.slabSizeBytes + 12_345);
    const content = Buffer.concat([slabs, Buffer.alloc(2 * engineLimits.chunkMaxSizeBytes), noise(700_000)]);
    const time = new Date('2026-01-02T03:04:05Z');
    const summary = await backup(repository, {
      sources: stream('dumps/../dumps//shop.sql', inPieces(content)),
      time,
      workers: 2,
    });
    assert.deepEqual(
      [summary.filesNew, summary.foldersNew, summary.bytesProcessed, summary.complete],
      [1, 1, content.length, true],
    );
    const { snapshot } = await repository.loadSnapshot(summary.snapshotId);
    assert.deepEqual(snapshot.paths, ['/dumps/shop.sql']);
    for await (const { node } of listTree(repository, { snapshotId: 'latest', path: '/', recursive: true }))
      assert.equal(new Date(node.mtime).getTime(), time.getTime());
    await restore(repository, { snapshotId: 'latest', target: join(folder, 'restored'), workers: 2 });
    assert.ok(fs.readFileSync(join(folder, 'restored/dumps/shop.sql')).equals(content));
    // The same chunks as those of a file: where they end depends on the content alone.
    const file = join(folder, 'file');
    fs.writeFileSync(file, content);
    const again = await backup(repository, { sources: [file], workers: 2 });
    assert.ok(again.bytesNew < 10_000, `${again.bytesNew} new bytes`);
  });

  it('saves nothing when the stream fails or is empty', async (t) => {
    const { repository } = await testRepository(t, openLocalDisk);
    const failure = new HoldfastError('backup.command');
    await assert.rejects(
      backup(repository, { sources: stream('a', [noise(20_000_000)], failure), workers: 2 }),
      failure,
    );
    await assert.rejects(backup(repository, { sources: stream('a', []), workers: 1 }), { code: 'backup.nothing' });
    for (const path of ['', '/', 'a/..', 'a\0b'])
      await assert.rejects(backup(repository, { sources: stream(path, [noise(1)]) }), { code: 'usage.option' });
    assert.deepEqual(await repository.list('snapshot'), []);
    assert.deepEqual(await repository.list('lock'), []);
  });

  it('ends when it is cancelled, while the stream gives nothing', async (t) => {
    const { repository } = await testRepository(t, openLocalDisk);
    const abort = new AbortController();
    const told = Promise.withResolvers<void>();
    const source: StreamSource = {
      path: 'never',
      async *open(signal) {
        yield noise(100);
        const silence = Promise.withResolvers<never>();
        signal.addEventListener('abort', () => {
          told.resolve();
          silence.reject(signal.reason);
        });
        abort.abort();
        await silence.promise;
      },
    };
    await assert.rejects(backup(repository, { sources: source, workers: 1, signal: abort.signal }), {
      code: 'run.cancelled',
    });
    await told.promise;
  });

  it('ends the stream when nothing can be stored any more', async (t) => {
    const { repository, target } = await testRepository(t, openLocalDisk);
    const full = new HoldfastError('storage.full');
    const { staging } = target;
    assert.ok(staging);
    t.mock.method(staging, 'create', () => Promise.reject(full));
    let aborted = false;
    const source: StreamSource = {
      path: 'endless',
      async *open(signal) {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        for (let seed = 1; !signal.aborted; seed += 1) yield noise(1_000_000, seed);
      },
    };
    await assert.rejects(backup(repository, { sources: source, workers: 2 }), { code: 'storage.full' });
    assert.ok(aborted);
    assert.deepEqual(await repository.list('snapshot'), []);
  });
});
