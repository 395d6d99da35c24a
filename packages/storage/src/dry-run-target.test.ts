import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { DryRunTarget } from './dry-run-target.ts';
import { SimulatedStorage } from './fault-injection/simulated-storage.ts';
import { openLocalDisk } from './local-disk/open-local-disk.ts';

test('objects are files of this computer exactly where they are without the dry run', async (t) => {
  const name = { type: 'data', id: 'ab'.repeat(32) } as const;
  await using disk = await openLocalDisk({ path: temporaryFolder(t), create: true });
  assert.equal(new DryRunTarget(disk).localFile?.(name), disk.localFile?.(name));
  const elsewhere = new SimulatedStorage({ clock: new ManualClock() }).open();
  assert.equal(new DryRunTarget(elsewhere).localFile, undefined);
});
