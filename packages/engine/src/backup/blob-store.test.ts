import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { BlobIndex, type BlobType, decodeHeader, type ObjectId } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { noise } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import { ThreadPool } from '../threads/thread-pool.ts';
import type { PackEvent, StagedPack } from './backup-jobs.ts';
import type { BackupThreads } from './backup-threads.ts';
import { BlobStore } from './blob-store.ts';
import { backup } from './index.ts';
import type { StagingPlace } from './pack-staging.ts';

const mib = 1024 * 1024;

function newStore(
  place: StagingPlace,
  options: {
    randomBelow?: (end: number) => number;
    nowMs?: () => number;
    packs?: StagedPack[];
    packSizeBytes?: number;
  } = {},
): BlobStore {
  const setup = {
    key: { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) },
    index: BlobIndex.create().handle(),
    packSizeBytes: options.packSizeBytes ?? 4 * mib,
    staging: place,
  };
  const emit = (event: PackEvent): void => {
    if ('pack' in event) options.packs?.push(event.pack);
  };
  return new BlobStore(setup, emit, options);
}

function testPlace(t: TestContext): StagingPlace {
  return { folder: temporaryFolder(t), prefix: 'test-', growingPacks: 4 };
}

/** Blob ids in the order of each pack that is not whole. */
function ordersOf(store: BlobStore, type: BlobType): ObjectId[][] {
  return store
    .flush()
    .flatMap((partial) => (partial.type === type ? [decodeHeader(partial.header).map((blob) => blob.id)] : []));
}

describe('blobs of one thread', () => {
  const plains = Array.from({ length: 200 }, (_, at) => noise(100 + at, at + 1));

  it('come into packs in another order each time', (t) => {
    const place = testPlace(t);
    const orders = [1, 2].map(() => {
      const store = newStore(place);
      const ids = store.keepData(plains.slice(0, 120)).concat(store.keepData(plains.slice(120)));
      const order = ordersOf(store, 'data').flat();
      assert.deepEqual(order.toSorted(), ids.toSorted());
      assert.notDeepEqual(order, ids);
      return order;
    });
    assert.notDeepEqual(orders[0], orders[1]);
    const store = newStore(place);
    const trees = plains.map((plain) => store.storeTree(Buffer.from(plain)));
    const order = ordersOf(store, 'tree').flat();
    assert.deepEqual(order.toSorted(), trees.toSorted());
    assert.notDeepEqual(order, trees);
  });

  it('have every order with the same chance: the choice is from what is left', (t) => {
    const place = testPlace(t);
    const ends: number[] = [];
    const store = newStore(place, {
      randomBelow: (end) => {
        ends.push(end);
        return 0;
      },
    });
    const ids = plains.slice(0, 5).map((plain) => store.storeTree(Buffer.from(plain)));
    assert.deepEqual(
      ordersOf(store, 'tree').map((pack) => pack.map((id) => ids.indexOf(id))),
      [[1, 2, 3, 4, 0]],
    );
    assert.deepEqual(ends, [5, 4, 3, 2]);
    const wrong = newStore(place, { randomBelow: (end) => end });
    assert.throws(() => wrong.storeData(plains.slice(0, 5)), RangeError);
  });

  it('are stored once, spread over several packs, counted when they are sealed, and named by the hash of their pack', (t) => {
    const packs: StagedPack[] = [];
    const place = testPlace(t);
    const store = newStore(place, { packs });
    const blobs = Array.from({ length: 48 }, (_, at) => noise(512 * 1024 + at, at + 1));
    const ids = [0, 12, 24, 36].flatMap((at) => store.storeData(blobs.slice(at, at + 12)));
    assert.deepEqual(store.storeData(blobs), ids);
    const stored = store.takeStored();
    assert.deepEqual([stored.dataBlobs, stored.bytes], [48, 48 * 512 * 1024 + (47 * 48) / 2]);
    const rests = store.flush();
    const found = [...packs, ...rests].flatMap(({ header }) => decodeHeader(header).map(({ id }) => id));
    assert.deepEqual(found.toSorted(), ids.toSorted());
    assert.ok(packs.length >= 4, 'packs grew side by side');
    for (const { id, file, header, blobCount } of packs) {
      const bytes = fs.readFileSync(file.path);
      assert.equal(hash('sha256', bytes), Buffer.from(id).toString('hex'));
      assert.equal(bytes.byteLength, file.sizeBytes);
      assert.ok(bytes.byteLength >= 4 * mib);
      assert.equal(decodeHeader(header).length, blobCount);
    }
    for (const { bytes, header } of rests) {
      const blobsOfRest = decodeHeader(header);
      const last = blobsOfRest.at(-1);
      assert.equal(bytes.byteLength, (last?.offset ?? 0) + (last?.length ?? 0));
      assert.ok(bytes.byteLength < 4 * mib);
    }
    // Only what is to be stored is left.
    assert.deepEqual(fs.readdirSync(place.folder).toSorted(), packs.map(({ file }) => basename(file.path)).toSorted());
    assert.deepEqual(store.flush(), []);
  });

  it('begin the next pack where the largest one has no room for them', (t) => {
    const packs: StagedPack[] = [];
    const place = { ...testPlace(t), growingPacks: 1 };
    const store = newStore(place, { packs, packSizeBytes: 128 * mib });
    const noRoom = randomBytes(128 * mib);
    const blobs = [0, 1, 2].map((at) => noRoom.subarray(at, at + 45 * mib));
    const ids = blobs.flatMap((blob) => store.storeData([blob]));
    const rests = store.flush();
    assert.deepEqual(
      [...packs, ...rests].map(({ header }) => decodeHeader(header).map(({ id }) => id)),
      [ids.slice(0, 2), ids.slice(2)],
    );
    assert.throws(() => store.storeData([noRoom]), { code: 'internal.limit' });
  });

  it('do not wait for a full pack for more than an hour', (t) => {
    const packs: StagedPack[] = [];
    let nowMs = 5000;
    const store = newStore(testPlace(t), { packs, nowMs: () => nowMs });
    const ids = store.storeData(plains.slice(0, 1));
    nowMs += 59 * 60_000;
    ids.push(...store.storeData(plains.slice(1, 2)));
    store.takeStored();
    assert.equal(packs.length, 0);
    nowMs += 2 * 60_000;
    store.takeStored();
    assert.deepEqual(
      packs.map(({ header }) => decodeHeader(header).map(({ id }) => id)),
      [ids],
    );
    store.storeData(plains.slice(2, 3));
    nowMs += 59 * 60_000;
    store.takeStored();
    assert.equal(packs.length, 1);
  });

  it('fail in words when there is no room for packs', (t) => {
    const store = newStore({ folder: join(temporaryFolder(t), 'gone'), prefix: '', growingPacks: 1 });
    store.storeData([noise(mib)]);
    assert.throws(() => store.storeData([noise(mib, 2)]), { code: 'storage.unavailable' });
  });
});

describe('a thread that dies', () => {
  it('fails the backup with what happened, and leaves neither snapshot nor lock nor thread', async (t) => {
    const { folder, repository, target } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (let number = 0; number < 6; number += 1) fs.writeFileSync(join(source, `${number}`), noise(4_500_000, number));
    const threads: BackupThreads = new ThreadPool({
      entry: new URL('../testing/crashing-backup-worker.ts', import.meta.url),
      size: 2,
    });
    await assert.rejects(backup(repository, { sources: [source], threads }), {
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
