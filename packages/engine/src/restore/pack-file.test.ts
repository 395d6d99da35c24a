import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { objectIdOf } from '@holdfast/repository';
import { openLocalDisk } from '@holdfast/storage';
import { backup } from '../backup/index.ts';
import { noise } from '../testing/nasty-tree.ts';
import { testRepository } from '../testing/test-repository.ts';
import { restore } from './index.ts';
import { readFromPack } from './pack-file.ts';

describe('reading a pack in a thread', () => {
  it('reads blobs that lie apart, and leaves to others what is no whole file', (t) => {
    const folder = temporaryFolder(t);
    const content = randomBytes(600_000);
    const file = join(folder, 'pack');
    fs.writeFileSync(file, content);
    const id = objectIdOf(randomBytes(32));
    const places = [0, 100, 5000, 300_000, 599_990].map((offset) => ({ offset, length: 10, uncompressedLength: 0 }));
    const wanted = places.map(({ offset }) => content.toString('hex', offset, offset + 10));
    const read = readFromPack({ id, file }, places);
    assert.deepEqual(
      read?.map((bytes) => bytes.toString('hex')),
      wanted,
    );
    fs.truncateSync(file, 599_999);
    assert.equal(readFromPack({ id, file }, places), undefined);
    fs.symlinkSync('pack', join(folder, 'link'));
    assert.equal(readFromPack({ id, file: join(folder, 'link') }, places.slice(0, 1)), undefined);
    assert.equal(readFromPack({ id, file: join(folder, 'missing') }, places), undefined);
  });

  it('restores some files of a pack, and tells what is wrong when it is gone', async (t) => {
    const { folder, repository, repositoryFolder, target: disk } = await testRepository(t, openLocalDisk);
    const source = join(folder, 'source');
    fs.mkdirSync(source);
    for (let number = 0; number < 60; number += 1)
      fs.writeFileSync(join(source, `${number}.${number % 3}`), noise(100_000 + number, number));
    await backup(repository, { sources: [source] });
    const { receivedBytes } = disk.transferred();
    const summary = await restore(repository, { snapshotId: 'latest', target: join(folder, 'a'), include: ['*.1'] });
    assert.deepEqual([summary.complete, summary.filesRestored], [true, 20]);
    for (const name of fs.readdirSync(join(folder, 'a', source)))
      assert.ok(fs.readFileSync(join(folder, 'a', source, name)).equals(fs.readFileSync(join(source, name))));
    // A thread has read them.
    assert.ok(disk.transferred().receivedBytes - receivedBytes < 1_000_000);

    for (const entry of fs.readdirSync(join(repositoryFolder, 'data'), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && fs.statSync(path).size > 100_000) fs.rmSync(path);
    }
    const gone = await restore(repository, { snapshotId: 'latest', target: join(folder, 'b'), include: ['*.1'] });
    assert.deepEqual([gone.damage?.code, gone.itemsFailed], ['storage.missing', 20]);
    assert.deepEqual(fs.readdirSync(join(folder, 'b', source)), []);
  });
});
