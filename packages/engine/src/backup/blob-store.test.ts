import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BlobIndex, type BlobType, decodeHeader, type ObjectId } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import type { PackEvent } from './backup-jobs.ts';
import { BlobStore } from './blob-store.ts';
import { PackMemory } from './pack-memory.ts';

const mib = 1024 * 1024;

function newStore(options: { randomBelow?: (end: number) => number; packs?: PackEvent[]; count?: number } = {}): {
  store: BlobStore;
  memory: PackMemory;
} {
  const memory = PackMemory.create({ count: options.count ?? 3, sizeBytes: 16 * mib });
  const setup = {
    key: { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) },
    index: BlobIndex.create().handle(),
    packSizeBytes: 4 * mib,
    packMemory: memory.handle,
  };
  return { store: new BlobStore(setup, (event) => options.packs?.push(event), options.randomBelow), memory };
}

function orderOf(store: BlobStore, type: BlobType): ObjectId[] {
  return store
    .flush()
    .flatMap((partial) => (partial.type === type ? decodeHeader(partial.header).map((blob) => blob.id) : []));
}

describe('blobs of one thread', () => {
  const plains = Array.from({ length: 200 }, (_, at) => noise(100 + at, at + 1));

  it('come into packs in another order each time', () => {
    const orders = [1, 2].map(() => {
      const { store } = newStore();
      const ids = store.keepData(plains.slice(0, 120)).concat(store.keepData(plains.slice(120)));
      const order = orderOf(store, 'data');
      assert.deepEqual(order.toSorted(), ids.toSorted());
      assert.notDeepEqual(order, ids);
      return order;
    });
    assert.notDeepEqual(orders[0], orders[1]);
    const { store } = newStore();
    const trees = plains.map((plain) => store.storeTree(Buffer.from(plain)));
    const order = orderOf(store, 'tree');
    assert.deepEqual(order.toSorted(), trees.toSorted());
    assert.notDeepEqual(order, trees);
  });

  it('have every order with the same chance: the choice is from what is left', () => {
    const ends: number[] = [];
    const { store } = newStore({
      randomBelow: (end) => {
        ends.push(end);
        return 0;
      },
    });
    const ids = store.storeData(plains.slice(0, 5));
    assert.deepEqual(ends, [5, 4, 3, 2]);
    assert.deepEqual(
      orderOf(store, 'data').map((id) => ids.indexOf(id)),
      [1, 2, 3, 4, 0],
    );
    assert.throws(() => newStore({ randomBelow: (end) => end }).store.storeData(plains.slice(0, 5)), RangeError);
  });

  it('are stored once, counted when they are sealed, and named by the hash of their pack', async () => {
    const packs: PackEvent[] = [];
    const { store, memory } = newStore({ packs });
    const large = Array.from({ length: 9 }, (_, at) => noise(mib + at, at + 1));
    const ids = store.storeData(large);
    assert.deepEqual(store.storeData(large), ids);
    const stored = store.takeStored();
    assert.deepEqual([stored.dataBlobs, stored.bytes], [9, 9 * mib + 36]);
    assert.equal(packs.length, 2);
    for (const { pack, memory: number } of packs) {
      const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(pack.bytes));
      assert.deepEqual(Buffer.from(pack.id), Buffer.from(hash));
      assert.equal(memory.buffer(number).byteLength, 16 * mib);
    }
  });
});

describe('memory of packs', () => {
  it('is given to one at a time, and to the next when it comes back', () => {
    const memory = PackMemory.create({ count: 2, sizeBytes: 10 });
    const other = new PackMemory(structuredClone(memory.handle));
    assert.deepEqual([memory.take(), other.take(), memory.tryTake()], [0, 1, -1]);
    memory.give(0);
    assert.equal(other.take(), 0);
    assert.equal(memory.tryTake(), -1);
    assert.throws(() => memory.buffer(2), RangeError);
  });
});

describe('a thread that dies', () => {
  it('fails the backup with what happened, and leaves neither snapshot nor lock nor thread', async (t) => {
    const { folder, repository, target } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (let number = 0; number < 6; number += 1) fs.writeFileSync(join(source, `${number}`), noise(4_500_000, number));
    const threads = { entry: new URL('../testing/crashing-backup-worker.ts', import.meta.url) };
    await assert.rejects(backup(repository, { sources: [source] }, threads), {
      code: 'internal.unexpected',
      message: /worker thread ended by itself \(exit code 7\)/,
    });
    for (const type of ['snapshot', 'lock', 'index'] as const)
      assert.deepEqual(await Array.fromAsync(target.list(type)), [], type);
    assert.equal(process.getActiveResourcesInfo().filter((resource) => resource === 'MessagePort').length, 0);
    const after = await backup(repository, { sources: [source] });
    assert.deepEqual([after.filesNew, after.complete], [6, true]);
  });
});
