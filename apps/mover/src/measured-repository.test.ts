import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { openLocalDisk } from '@holdfast/storage';
import { measureRepository } from './measured-repository.ts';

test('what a repository takes is the sum of its objects', async (t) => {
  const root = temporaryFolder(t);
  const path = join(root, 'local', 'books');
  await using disk = await openLocalDisk({ path, create: true, clock: new ManualClock() });
  const of = { tenant: 'local', repository: 'books' };
  assert.deepEqual(await measureRepository(root, of), { usedBytes: 0, objects: 0 });
  const write = async (type: 'config' | 'data' | 'index', content: Buffer): Promise<void> => {
    const id = type === 'config' ? '' : createHash('sha256').update(content).digest('hex');
    await disk.create({ type, id }, [content]);
  };
  await write('config', Buffer.alloc(10, 1));
  await write('data', Buffer.alloc(1_000, 2));
  await write('data', Buffer.alloc(2_000, 3));
  await write('index', Buffer.alloc(300, 4));
  assert.deepEqual(await measureRepository(root, of), { usedBytes: 3_310, objects: 4 });
  await assert.rejects(measureRepository(root, { ...of, repository: 'none' }), { code: 'repository.missing' });
});
