import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireProgram, skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { openRepository } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { makeLargeIndex } from './large-index.ts';
import { filesBelow, sizeOfFolder } from './page-cache.ts';

const blobs = 30_000;
const password = 'a password';

test('restic takes the large index for real and frees the unused half of the packs', {
  skip: skipUnless({ programs: ['restic'] }),
}, async (t) => {
  const parent = temporaryFolder(t);
  const folder = join(parent, 'repository');
  await makeLargeIndex({ folder, password, blobs });
  const repository = await openRepository(await openLocalDisk({ path: folder }), { password });
  const index = await repository.loadIndex();
  assert.ok(index.blobCount >= blobs, `${index.blobCount} blobs`);
  assert.ok(sizeOfFolder(folder) < 20_000_000, 'packs are holes');
  const passwordFile = join(parent, 'password');
  writeFileSync(passwordFile, password);
  const restic = (...args: readonly string[]): string => {
    const all = ['--repo', folder, '--password-file', passwordFile, '--no-cache', ...args];
    const { status, stdout, stderr } = spawnSync(requireProgram('restic').path, all, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const packs = (): number => [...filesBelow(join(folder, 'data'))].length;
  const before = packs();
  assert.match(restic('ls', 'latest'), /folder-000000\/file-0/);
  // 30,000 blobs are six packs, of which three are in use; one more has the trees.
  assert.equal(before, 7);
  restic('prune');
  assert.equal(packs(), 4);
  restic('check');
});

test('it is made once', async (t) => {
  const folder = join(temporaryFolder(t), 'repository');
  await makeLargeIndex({ folder, password, blobs: 10_000 });
  const before = [...filesBelow(folder)];
  await makeLargeIndex({ folder, password, blobs: 10_000 });
  assert.deepEqual([...filesBelow(folder)], before);
});
