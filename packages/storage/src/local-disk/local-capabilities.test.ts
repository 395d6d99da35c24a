import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localCapabilities } from './local-capabilities.ts';

test('lists of memory and disks of this computer are never late; of what is unknown nobody knows', {
  skip: process.platform !== 'linux' && 'it asks Linux',
}, async () => {
  assert.equal((await localCapabilities('/dev/shm')).consistentLists, true);
  assert.equal((await localCapabilities('/proc')).consistentLists, false);
  await assert.rejects(localCapabilities('/there/is/no/such/folder'), { code: 'ENOENT' });
});
