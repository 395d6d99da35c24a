import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

test('bandwidth rules are made, changed and deleted, and movers are told at once what holds', async (t) => {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const server = stack.use(await TestServer.start(temporaryFolder(t)));
  const port = await freePort();
  const mover = stack.use(new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }));
  await mover.listen();
  const told = () => mover.trust?.trafficRules.map(({ sources, bytesPerSecond }) => [sources, bytesPerSecond]);
  const { client } = server;
  const body = {
    name: 'wan',
    sources: ['10.1.0.0/16'],
    targets: ['10.9.0.5'],
    bytesPerSecond: 1_000_000,
    timeZone: 'UTC',
  };
  const made = await client.call('createBandwidthRule', { body });
  assert.deepEqual([made.name, made.enabled, made.windows], ['wan', true, []]);
  assert.deepEqual(told(), [[['10.1.0.0/16'], 1_000_000]]);
  await assert.rejects(client.call('createBandwidthRule', { body }), { code: 'request.conflict' });
  await assert.rejects(client.call('createBandwidthRule', { body: { ...body, name: 'x', sources: ['10.1/16'] } }), {
    code: 'request.invalid',
  });
  const params = { id: made.id };
  const changed = await client.call('changeBandwidthRule', { params, body: { ...body, bytesPerSecond: 2_000_000 } });
  assert.deepEqual(await client.call('bandwidthRule', { params }), changed);
  assert.deepEqual(told(), [[['10.1.0.0/16'], 2_000_000]]);
  await client.call('changeBandwidthRule', { params, body: { ...body, enabled: false } });
  assert.deepEqual(told(), []);
  assert.deepEqual(
    (await client.list('bandwidthRules', {})).map(({ id }) => id),
    [made.id],
  );
  await client.call('deleteBandwidthRule', { params });
  await assert.rejects(client.call('bandwidthRule', { params }), { code: 'request.missing' });
});
