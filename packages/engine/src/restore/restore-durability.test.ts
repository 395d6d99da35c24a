import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
import { syncFileSystemEarly } from '@holdfast/native';
import { limits } from '../limits.ts';
import { RestoreDurability } from './restore-durability.ts';
import { newFolder } from './restore-folders.ts';

const folder = newFolder({
  parent: undefined,
  name: Buffer.alloc(0),
  attributes: undefined,
  path: Buffer.from('/restored'),
  parts: [],
});

describe('durability of a restore', { skip: skipUnless({ platform: 'linux' }) }, () => {
  it('fails when the end can not be made durable, whatever became of syncing before', async () => {
    // No descriptor: each call fails.
    const durability = new RestoreDurability({ devices: [{ folder, fd: -1, earlyFd: -1 }] });
    durability.written(limits.restoreSyncBytes);
    durability.written(limits.restoreSyncBytes);
    await assert.rejects(durability.finish(), { code: 'restore.target', message: /EBADF at \/restored/ });
  });

  it('fails when syncing before the end did, although the end knows of nothing', async () => {
    const devices = [{ folder, fd: 1, earlyFd: -1 }];
    const durability = new RestoreDurability({ devices }, { early: syncFileSystemEarly, atEnd: () => true });
    durability.written(limits.restoreSyncBytes);
    await assert.rejects(durability.finish(), { code: 'restore.target', message: /syncing failed at \/restored/ });
  });

  it('counts the failure of any call and file system, also of a call that is long over', async () => {
    const devices = [1, 2].map((number) => ({ folder, fd: number, earlyFd: 10 + number }));
    const results = [true, false, true, true];
    const called: number[] = [];
    const sync = {
      early: async (fd: number) => {
        called.push(fd);
        return results.shift() ?? true;
      },
      atEnd: (fd: number) => called.push(fd),
    };
    const durability = new RestoreDurability({ devices }, sync);
    for (let round = 0; round < 2; round += 1) {
      durability.written(limits.restoreSyncBytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await assert.rejects(durability.finish(), { code: 'restore.target' });
    assert.deepEqual(called, [11, 12, 11, 12, 1, 2]);
    const whole = new RestoreDurability({ devices }, sync);
    whole.written(limits.restoreSyncBytes);
    await whole.finish();
  });
});
