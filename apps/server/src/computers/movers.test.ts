import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { freePort } from '@holdfast/core/testing';
import { TestMover } from '../testing/test-mover.ts';
import { startTwoServers } from '../testing/two-servers.ts';

test('of two servers neither undoes what the other one has told a mover meanwhile', async (t) => {
  // Nothing but what is asked for here makes them tell the mover anything.
  const [one, other] = await startTwoServers(t, { clock: new ManualClock(new Date()) });
  const port = await freePort();
  await using mover = new TestMover(await one.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const { id } = (await one.join('agent', { preinstalled: true })).answer;
  const limit = (server: typeof one, name: string) =>
    server.client.call('createBandwidthRule', { body: { name, bytesPerSecond: 1_000_000 } });
  // Each of them knows then what the mover has.
  await limit(other, 'a');
  await limit(one, 'b');

  const [sent, arrives] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  mover.onTrust = async () => {
    mover.onTrust = undefined;
    sent.resolve();
    await arrives.promise;
  };
  const late = limit(one, 'c');
  await sent.promise;
  const { certificateSerial } = await other.client.call('revokeComputer', { params: { id } });
  assert.deepEqual(mover.trust?.revokedSerials, [certificateSerial]);
  arrives.resolve();
  await late;
  assert.deepEqual(mover.trust?.revokedSerials, [certificateSerial]);
  assert.equal(mover.trust?.trafficRules.length, 3);
});
