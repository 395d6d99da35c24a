import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { isHoldfastError } from '@holdfast/core';
import fc from 'fast-check';
import { decodeIndex, encodeIndex } from '../format/index-file.ts';
import { objectIdOf } from '../format/object-id.ts';
import { encodeHeader } from '../format/pack-header.ts';
import { BlobIndex } from './blob-index.ts';

const idOf = (number: number): Buffer => hash('sha256', String(number), 'buffer');
const packId = objectIdOf(new Uint8Array(32).fill(7));

test('a blob is new once, then claimed, then stored with its place', () => {
  const index = BlobIndex.create();
  const id = idOf(1);
  assert.equal(index.lookup(id, 'data'), undefined);
  assert.equal(index.claim(id, 'data'), 'new');
  assert.equal(index.claim(objectIdOf(id), 'data'), 'claimed');
  assert.equal(index.claim(id, 'tree'), 'new');
  assert.equal(index.has(id, 'data'), false);
  assert.equal(index.lookup(id, 'data'), undefined);
  const place = { packId, offset: 4_000_000_000, length: 100, uncompressedLength: 4_294_967_295 };
  assert.equal(index.addBlob(id, 'data', place), 1);
  assert.equal(index.claim(id, 'data'), 'stored');
  assert.deepEqual(index.lookup(objectIdOf(id), 'data'), place);
  assert.equal(index.has(id, 'tree'), false);
  assert.equal(index.packEnd(packId), 4_000_000_100);
  assert.equal(index.addBlob(id, 'data', { ...place, offset: 0 }), 0);
  assert.equal(index.lookup(id, 'data')?.offset, 4_000_000_000);
  assert.equal(index.blobCount, 2);
  assert.deepEqual(index.blobAt(index.entryOf(id, 'tree')), { id: objectIdOf(id), type: 'tree' });
});

test('it grows from nothing, finds everything, and takes at most 80 bytes a blob', () => {
  const count = 200_000;
  const index = BlobIndex.create();
  for (let at = 0; at < count; at += 1)
    index.addBlob(idOf(at), 'data', { packId, offset: at, length: 40, uncompressedLength: 0 });
  for (let at = 0; at < count; at += 1) assert.equal(index.lookup(idOf(at), 'data')?.offset, at);
  for (let at = count; at < count + 10_000; at += 1) assert.equal(index.entryOf(idOf(at), 'data'), -1);
  assert.equal(index.blobCount, count);
  // Whole steps of growth for each of the three tables.
  assert.ok(index.sizeBytes <= count * 80 + 3 * 4 * 1024 * 1024, `${index.sizeBytes}`);
  const sized = BlobIndex.create({ expectedBlobs: count });
  for (let at = 0; at < count; at += 1) sized.claim(idOf(at), 'data');
  assert.ok(sized.sizeBytes <= index.sizeBytes);
});

test('ids that collide in shard and slot are still told apart', () => {
  const index = BlobIndex.create();
  const ids = Array.from({ length: 500 }, (_, at) => {
    const id = Buffer.alloc(32, 9);
    id.writeUInt32BE(at, 28);
    return id;
  });
  for (const id of ids) assert.equal(index.claim(id, 'tree'), 'new');
  for (const id of ids) assert.equal(index.claim(id, 'tree'), 'claimed');
});

test('an index that is full says so', () => {
  const index = BlobIndex.create({ maxBlobs: 1000 });
  assert.throws(
    () => {
      for (let at = 0; at < 200_000; at += 1) index.claim(idOf(at), 'data');
    },
    { code: 'internal.limit' },
  );
});

const workerSource = `
  import { hash } from 'node:crypto';
  import { parentPort, workerData } from 'node:worker_threads';
  const { BlobIndex } = await import(workerData.module);
  const index = BlobIndex.attach(workerData.handle);
  let won = 0;
  const start = workerData.seed * 7919;
  for (let step = 0; step < workerData.count; step += 1) {
    const number = (start + step) % workerData.count;
    const id = hash('sha256', String(number), 'buffer');
    if (index.claim(id, 'data') !== 'new') continue;
    won += 1;
    index.addBlob(id, 'data', { packId: workerData.packs[number % workerData.packs.length], offset: number, length: 50, uncompressedLength: 0 });
  }
  parentPort.postMessage(won);
`;

test('threads that claim the same blobs get each exactly once, while the index grows under them', async () => {
  const count = 60_000;
  const index = BlobIndex.create();
  const packs = Array.from({ length: 50 }, () => objectIdOf(randomBytes(32)));
  const module = new URL('./blob-index.ts', import.meta.url).href;
  const won = await Promise.all(
    [0, 1, 2, 3].map(
      (seed) =>
        new Promise<number>((resolve, reject) => {
          const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(workerSource)}`), {
            workerData: { module, handle: index.handle(), seed, count, packs },
          });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  assert.equal(
    won.reduce((sum, one) => sum + one, 0),
    count,
  );
  assert.equal(index.blobCount, count);
  assert.equal(index.packCount, packs.length);
  for (let at = 0; at < count; at += 1) {
    const location = index.lookup(idOf(at), 'data');
    assert.equal(location?.offset, at);
    assert.equal(location?.packId, packs[at % packs.length]);
  }
});

test('a pack added by its header is found blob by blob, and an index file says the same', () => {
  const blobs = [1, 2, 3].map((at) => ({
    type: 'tree' as const,
    id: idOf(at),
    length: 40 + at,
    uncompressedLength: at === 2 ? 99 : 0,
  }));
  const header = encodeHeader(blobs);
  const index = BlobIndex.create();
  index.claim(idOf(2), 'tree');
  const id = idOf(100);
  assert.equal(index.addPack(id, header), 3);
  assert.equal(index.addPack(id, header), 0);
  assert.deepEqual(index.lookup(idOf(3), 'tree'), {
    packId: objectIdOf(id),
    offset: 83,
    length: 43,
    uncompressedLength: 0,
  });
  assert.equal(index.packEnd(objectIdOf(id)), 126);
  const [pack, ...rest] = decodeIndex(encodeIndex([{ id, header }]), 'it');
  assert.deepEqual(rest, []);
  assert.equal(pack?.id, objectIdOf(id));
  for (const blob of pack?.blobs ?? []) {
    const { packId: _, ...place } = index.lookup(blob.id, blob.type) ?? { packId };
    assert.deepEqual({ type: blob.type, id: blob.id, ...place }, blob);
  }
});

test('any JSON, and any bytes, are an index file or are refused in words', () => {
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(null, -1, 1.5, 2 ** 32, 'tree', 'data', 33, 0, packId));
  const blob = fc.record(
    { id: value, type: value, offset: value, length: value, uncompressed_length: value },
    { requiredKeys: [] },
  );
  const pack = fc.record({ id: fc.oneof(value, fc.constant(packId)), blobs: fc.oneof(value, fc.array(blob)) });
  const file = fc.record({ supersedes: value, packs: fc.oneof(value, fc.array(pack)) });
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    file.map((it) => JSON.stringify(it)),
  );
  fc.assert(
    fc.property(text, (json) => {
      try {
        for (const one of decodeIndex(Buffer.from(json), 'it'))
          for (const entry of one.blobs) {
            assert.match(entry.id, /^[0-9a-f]{64}$/);
            assert.ok(entry.offset + entry.length < 2 ** 32);
          }
      } catch (error) {
        assert.ok(isHoldfastError(error) && error.code === 'repository.damaged', String(error));
      }
    }),
    { numRuns: 500 },
  );
  assert.deepEqual(decodeIndex(Buffer.from('{"supersedes":["x"],"packs":null}'), 'it'), []);
});

test('what is guessed from the size of index files is bounded, and right for those that are not compressed', () => {
  const ofSize = (sizeBytes: number, version: 1 | 2): number =>
    BlobIndex.forFiles([{ sizeBytes }], { version }).sizeBytes;
  assert.equal(ofSize(1_000_000 * 120, 1), ofSize(1_000_000 * 40, 2));
  // A list of files may say anything: address space for as many as there can be, and nothing else.
  assert.ok(ofSize(Number.MAX_SAFE_INTEGER, 2) <= 2 ** 31);
});
