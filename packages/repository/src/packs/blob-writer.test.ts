import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { skipUnless } from '@holdfast/core/testing';
import { BlobIndex } from '../blob-index/blob-index.ts';
import { blobId } from '../format/blob.ts';
import { idBytes, type ObjectId, objectIdOf } from '../format/object-id.ts';
import { encodeTree } from '../format/tree.ts';
import { resticChecks } from '../testing/restic.ts';
import { type Sample, sampleRepository } from '../testing/sample-repository.ts';
import { BlobWriter } from './blob-writer.ts';

/** Writers of small packs, so that a few kilobytes make several. */
const packSizeBytes = 40_000;

function packOf(sample: Sample, id: ObjectId): ObjectId | undefined {
  return sample.repository.index.lookup(id, 'data')?.packId;
}

test('blobs that are given plain or sealed come back, in packs of one type, named by index files', async (t) => {
  const sample = await sampleRepository();
  const { repository, target } = sample;
  await repository.loadIndex();
  const plains = Array.from({ length: 50 }, (_, at) =>
    at % 3 === 0 ? Buffer.alloc(9000, `${at}`) : randomBytes(5000),
  );
  const written = await (async () => {
    await using writer = new BlobWriter({ repository, packSizeBytes, index: repository.index });
    for (const [at, plain] of plains.entries()) {
      const id = blobId(plain);
      if (at % 2 === 0) await writer.add('data', id, plain);
      else
        await writer.addSealed(
          { type: 'data', id: objectIdOf(id), uncompressedLength: 0 },
          repository.cipher.seal(plain),
        );
    }
    const tree = encodeTree([]);
    await writer.add('tree', blobId(tree), tree);
    return await writer.settle();
  })();
  assert.ok(written.packs.length > 4, 'several packs');
  assert.equal(written.indexes.length, 1);
  for (const plain of plains) {
    const id = objectIdOf(blobId(plain));
    assert.ok(written.packs.includes(packOf(sample, id) ?? id), 'the index given knows it already');
    assert.deepEqual(await repository.loadBlob('data', id), plain);
  }
  await repository.loadIndex();
  for (const plain of plains) assert.deepEqual(await repository.loadBlob('data', objectIdOf(blobId(plain))), plain);
  assert.ok(target.ids('data').every((id) => target.objects.has(`data:${id}`)));
  if (skipUnless({ programs: ['restic'] }) === false) resticChecks(target, t);
});

test('an index file is written when every pack that it names is durable, and none for packs that failed', async () => {
  const { repository, target } = await sampleRepository();
  const before = target.ids('index').length;
  let creates = 0;
  target.fail = (call, name) => {
    if (call !== 'create' || name.type !== 'data') return;
    creates += 1;
    if (creates === 3) throw new HoldfastError('storage.full');
  };
  await using writer = new BlobWriter({ repository, packSizeBytes });
  await assert.rejects(
    async () => {
      for (let at = 0; at < 40; at += 1) {
        const plain = randomBytes(9000);
        await writer.add('data', blobId(plain), plain);
      }
      await writer.settle();
    },
    { code: 'storage.full' },
  );
  await assert.rejects(writer.settle(), { code: 'storage.full' });
  await assert.rejects(writer.add('data', randomBytes(32), randomBytes(10)), { code: 'storage.full' });
  assert.equal(target.ids('index').length, before);
});

test('what is settled is told once, and more may follow', async () => {
  const { repository } = await sampleRepository();
  await using writer = new BlobWriter({ repository });
  assert.deepEqual(await writer.settle(), { packs: [], indexes: [] });
  const add = async (): Promise<void> => {
    const plain = randomBytes(100);
    await writer.add('data', blobId(plain), plain);
  };
  await add();
  const first = await writer.settle();
  await add();
  const second = await writer.settle();
  assert.deepEqual([first.packs.length, first.indexes.length], [1, 1]);
  assert.deepEqual([second.packs.length, second.indexes.length], [1, 1]);
  assert.notEqual(first.packs[0], second.packs[0]);
});

test('at most as many packs are under way as the storage takes at once', async () => {
  const { repository, target } = await sampleRepository();
  let running = 0;
  let most = 0;
  const create = target.create.bind(target);
  target.create = async (...args) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return create(...args);
  };
  await using writer = new BlobWriter({ repository, packSizeBytes: 5000 });
  const adding = Array.from({ length: 60 }, async () => {
    const plain = randomBytes(6000);
    await writer.add('data', blobId(plain), plain);
  });
  await Promise.all(adding);
  assert.equal((await writer.settle()).packs.length, 60);
  assert.ok(most > 1 && most <= 5, `${most} at once`);
});

test('an abort ends a writer that waits for room, and nothing of it is indexed', async () => {
  const { repository, target } = await sampleRepository();
  const before = target.ids('index').length;
  const controller = new AbortController();
  const stuck = Promise.withResolvers<never>();
  target.create = (_name, _body, options) => {
    options?.signal?.addEventListener('abort', () => stuck.reject(new HoldfastError('run.cancelled')));
    return stuck.promise;
  };
  await using writer = new BlobWriter({ repository, packSizeBytes: 5000, signal: controller.signal });
  const adding = Array.from({ length: 7 }, () => writer.add('data', randomBytes(32), randomBytes(6000)));
  setImmediate(() => controller.abort());
  const outcomes = await Promise.allSettled(adding);
  assert.ok(outcomes.some(({ status }) => status === 'rejected'));
  await assert.rejects(writer.settle());
  assert.equal(target.ids('index').length, before);
});

test('a blob that would make a pack too large begins the next one', async () => {
  const { repository } = await sampleRepository();
  const index = BlobIndex.create();
  await using writer = new BlobWriter({ repository, index, packSizeBytes: 128 * 1024 * 1024 });
  const large = new Uint8Array(70 * 1024 * 1024);
  const ids = [randomBytes(32), randomBytes(32)];
  for (const id of ids) await writer.addSealed({ type: 'data', id, uncompressedLength: 0 }, large);
  assert.equal((await writer.settle()).packs.length, 2);
  assert.ok(ids.every((id) => index.has(idBytes(objectIdOf(id)), 'data')));
});
