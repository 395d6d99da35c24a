import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { skipUnless } from '@holdfast/core/testing';
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
});
