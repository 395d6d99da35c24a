import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { openLocalDisk, type Target } from '@holdfast/storage';
import { blobId, initRepository, objectIdOf, openRepository, PackBuilder } from '../index.ts';
import { limits } from '../limits.ts';
import { cheapKey, samplePassword } from '../testing/sample-repository.ts';
import { checkRepository } from './index.ts';

/** The same without `localFile`, as a target that is far away. */
function farAway(target: Target): Target {
  return new Proxy(target, {
    get: (it, name) => {
      const value: unknown = name === 'localFile' ? undefined : Reflect.get(it, name, it);
      return typeof value === 'function' ? (value.bind(it) as unknown) : value;
    },
  });
}

test('packs that threads read themselves are judged as those that are read for them', async (t) => {
  const folder = temporaryFolder(t);
  const target = await openLocalDisk({ path: folder, create: true });
  const repository = await initRepository(target, { password: samplePassword, keyOptions: cheapKey });
  const files: string[] = [];
  // Blobs that begin and end in any place of a window, long and short, compressed and not; more than is verified without threads.
  for (let number = 0; number < 8; number += 1) {
    const builder = new PackBuilder({ cipher: repository.cipher, type: 'data' });
    for (let size = 1 + number; builder.sizeBytes < 5_000_000; size = Math.ceil(size * 1.7) % 3_000_000) {
      const random = randomBytes(size + 100);
      for (const plain of [random, Buffer.concat([random.subarray(0, 50), Buffer.alloc(size, 'text ')])])
        builder.add(blobId(plain), plain);
    }
    const pack = builder.finish();
    assert.ok(pack);
    await repository.savePack(pack);
    await repository.saveIndex([pack]);
    const id = objectIdOf(pack.id);
    files.push(join(folder, 'data', id.slice(0, 2), id));
  }
  const [flipped = '', short = '', linked = '', gone = ''] = files;
  const { masterKey } = repository;
  const reports = async (readData: 'packs' | 'blobs'): ReturnType<typeof checkRepository> => {
    const near = await checkRepository(await openRepository(target, { masterKey }), { readData });
    const far = await checkRepository(await openRepository(farAway(target), { masterKey }), { readData });
    assert.deepEqual(near, far);
    return near;
  };
  assert.deepEqual((await reports('packs')).problems, []);

  for (const file of files) fs.chmodSync(file, 0o600);
  const bytes = fs.readFileSync(flipped);
  bytes[1_000_000] = (bytes[1_000_000] ?? 0) ^ 4;
  fs.writeFileSync(flipped, bytes);
  fs.truncateSync(short, 3_000_000);
  fs.renameSync(linked, join(folder, 'elsewhere'));
  fs.symlinkSync(join(folder, 'elsewhere'), linked);
  fs.rmSync(gone);
  const report = await reports('packs');
  assert.ok(report.bytesRead > limits.checkAloneBytes, 'threads read');
  const found = report.problems.filter(({ severity }) => severity === 'error').map(({ object }) => object);
  assert.deepEqual(
    [...new Set(found)].sort(),
    [flipped, short, linked, gone].map((file) => `pack ${file.slice(-64)}`).sort(),
  );
  assert.equal((await reports('blobs')).errors, report.errors - 2, 'all but the hashes of two packs');
});
