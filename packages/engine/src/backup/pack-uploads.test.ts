import assert from 'node:assert/strict';
import { hash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { objectIdOf, PackBuilder, type PartialPack } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { testRepository } from '../testing/test-repository.ts';
import { PackStaging } from './pack-staging.ts';
import { PackUploads } from './pack-uploads.ts';

const mib = 1024 * 1024;

test('what the threads have left becomes packs of any size that is allowed, none above the largest', async (t) => {
  const { repository, target } = await testRepository(t, openLocalDisk);
  const index = await repository.loadIndex();
  const { signal } = new AbortController();
  await using staging = await PackStaging.open(repository, signal);
  const create = target.create.bind(target);
  const stored: string[] = [];
  target.create = async (name, body, options) => {
    if (name.type !== 'data') return create(name, body, options);
    stored.push(name.id);
    return 'created';
  };
  const fail = (error: unknown): never => {
    throw error;
  };
  const uploads = new PackUploads({
    repository,
    signal,
    staging,
    name: async (packs) => packs.map(({ bytes }) => new Uint8Array(hash('sha256', bytes, 'buffer'))),
    onRoom: () => {},
    onFailure: fail,
  });
  const ids = [0, 1, 2].map(() => randomBytes(32));
  const partials = ids.map((id, at): PartialPack => {
    const builder = new PackBuilder({ cipher: repository.cipher, type: 'data' });
    builder.addSealed({ id, uncompressedLength: 0 }, new Uint8Array(at < 2 ? 70 * mib : mib));
    const partial = builder.finishPartial();
    assert.ok(partial);
    return partial;
  });
  await uploads.addPartials(partials, 128 * mib);
  await uploads.settle();
  assert.equal(stored.length, 2);
  for (const id of ids) assert.ok(index.has(id, 'data'), objectIdOf(id));
});
