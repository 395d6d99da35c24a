import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestServer } from '@holdfast/server/testing';
import { guardedChange } from './guarded-change.ts';

test('what somebody else changes between reading and changing stays, and one that always changes is told', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const { client } = server;
  const body = { name: 'wan', bytesPerSecond: 1_000_000, timeZone: 'UTC' };
  const params = { id: (await client.call('createBandwidthRule', { body })).id };
  const change = (meanwhile: () => Promise<unknown>) =>
    guardedChange(async () => {
      const { answer, tag } = await client.tagged('bandwidthRule', { params });
      const { id: _id, createdAt: _created, changedAt: _changed, ...settings } = answer;
      await meanwhile();
      return client.call('changeBandwidthRule', { params, body: { ...settings, enabled: false }, ifMatch: tag });
    });
  let others = 0;
  const other = async (): Promise<void> => {
    others += 1;
    await client.call('changeBandwidthRule', { params, body: { ...body, bytesPerSecond: 2_000_000 + others } });
  };
  const changed = await change(async () => void (others === 0 && (await other())));
  assert.deepEqual([changed.enabled, changed.bytesPerSecond], [false, 2_000_001]);
  await assert.rejects(change(other), { code: 'request.changed' });
});
