import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { syncFileSystem, syncFileSystemEarly } from './sync-file-system.ts';

test('syncing a file system tells whether it worked', { skip: skipUnless({ platform: 'linux' }) }, async () => {
  // One without a disk behind it: nothing else on this machine is made to wait.
  const fd = fs.openSync('/proc', fs.constants.O_RDONLY);
  try {
    assert.equal(syncFileSystem(fd), true);
    assert.equal(await syncFileSystemEarly(fd), true);
  } finally {
    fs.closeSync(fd);
  }
  assert.throws(() => syncFileSystem(-1), { code: 'EBADF' });
  assert.equal(await syncFileSystemEarly(-1), false);
});
