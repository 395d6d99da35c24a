import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@holdfast/core';
import { testCatalogue } from '../testing/test-database.ts';
import { ComputerList } from './computer-list.ts';

test('more computers may be online than a statement takes values', async (t) => {
  await using catalogue = await testCatalogue(t.name);
  const scope = catalogue.tenant('ours');
  const there = new Set(Array.from({ length: 70_000 }, (_, n) => `agent-${n}`));
  for (const id of ['agent-69999', 'gone'])
    await scope.query
      .insertInto('computers')
      .values({
        ...{
          id,
          role: 'agent',
          groupName: 'default',
          hostname: id,
          address: 'a',
          platform: 'linux',
          productVersion: '1',
        },
        ...{ portsJson: '{}', certificateSerial: id, certificateFingerprint: id },
        ...{ certificateExpiresAt: '2099-01-01T00:00:00.000Z', enrolledAt: '2026-01-01T00:00:00.000Z' },
      })
      .execute();
  const list = new ComputerList({
    presence: {
      onlineJson: JSON.stringify(Object.fromEntries([...there].map((id) => [id, 0]))),
      isOnline: (id) => there.has(id),
    },
    clock: systemClock,
    unprotectedAfterMs: 86_400_000,
  });
  const idsOf = async (state: 'online' | 'offline') =>
    (await list.page(scope, { limit: 10, state })).computers.map(({ id }) => id);
  assert.deepEqual(await idsOf('online'), ['agent-69999']);
  assert.deepEqual(await idsOf('offline'), ['gone']);
});
