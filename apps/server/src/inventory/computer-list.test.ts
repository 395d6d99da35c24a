import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@holdfast/core';
import { testCatalogue } from '../testing/test-database.ts';
import { ComputerList } from './computer-list.ts';

test('who is online is connected to an instance that lives, or answers', async (t) => {
  await using catalogue = await testCatalogue(t.name);
  const scope = catalogue.tenant('ours');
  const computers = { here: 'this', elsewhere: 'other', left: 'gone', never: null, mover: null };
  for (const [id, heldBy] of Object.entries(computers))
    await scope.query
      .insertInto('computers')
      .values({
        ...{
          ...{ id, heldBy },
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
      online: { heldBy: ['this', 'other'], answering: ['mover'] },
      isOnline: ({ id }) => ['here', 'elsewhere', 'mover'].includes(id),
    },
    clock: systemClock,
    unprotectedAfterMs: 86_400_000,
  });
  const idsOf = async (state: 'online' | 'offline') =>
    (await list.page(scope, { limit: 10, state })).computers.map(({ id }) => id);
  assert.deepEqual((await idsOf('online')).toSorted(), ['elsewhere', 'here', 'mover']);
  assert.deepEqual((await idsOf('offline')).toSorted(), ['left', 'never']);
});
