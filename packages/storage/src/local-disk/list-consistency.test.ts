import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listsAreConsistent } from './list-consistency.ts';

test('lists of memory and disks of this computer are never late; of what is unknown nobody knows', {
  skip: process.platform !== 'linux' && 'it asks Linux',
}, async () => {
  assert.equal(await listsAreConsistent('/dev/shm'), true);
  assert.equal(await listsAreConsistent('/proc'), false);
  await assert.rejects(listsAreConsistent('/there/is/no/such/folder'), { code: 'ENOENT' });
});
