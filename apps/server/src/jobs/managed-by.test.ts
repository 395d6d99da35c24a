import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestServer } from '../testing/test-server.ts';

/** Jobs, policies and groups as `holdfast apply` changes them. */

async function start(t: TestContext) {
  const clock = new ManualClock(new Date());
  const server = await TestServer.start(temporaryFolder(t), { clock });
  t.after(() => server[Symbol.asyncDispose]());
  const mover = await server.join('mover');
  const agent = await server.join('agent');
  const settings = (name: string) => ({
    name,
    computers: [agent.answer.id],
    scope: { kind: 'folders' as const, paths: ['/srv'] },
    target: { kind: 'own' as const, moverId: mover.answer.id },
    schedule: { kind: 'daily' as const, at: '12:00' },
  });
  return { clock, client: server.client, server, settings };
}

for (const [kind, routes] of [
  ['job', { one: 'job', create: 'createJob', change: 'changeJob', remove: 'deleteJob' }],
  ['policy', { one: 'policy', create: 'createPolicy', change: 'changePolicy', remove: 'deletePolicy' }],
] as const) {
  test(`a ${kind} is changed and deleted only as it was seen`, async (t) => {
    const { client, settings } = await start(t);
    const { id } = await client.call(routes.create, { body: settings('homes') });
    const params = { id };
    const { tag } = await client.tagged(routes.one, { params });
    assert.match(tag, /^".{22}"$/);
    const later = { ...settings('homes'), enabled: false };
    await client.call(routes.change, { params, body: later, ifMatch: tag });
    await assert.rejects(client.call(routes.change, { params, body: settings('mine'), ifMatch: tag }), {
      code: 'request.changed',
    });
    await assert.rejects(client.call(routes.remove, { params, ifMatch: tag }), { code: 'request.changed' });
    const { answer, tag: fresh } = await client.tagged(routes.one, { params });
    assert.deepEqual([answer.name, answer.enabled], ['homes', false]);
    await client.call(routes.remove, { params, ifMatch: fresh });
  });

  test(`a ${kind} is of a declaration until it is said otherwise, and putting it back as it is puts nothing off`, async (t) => {
    const { clock, client, settings } = await start(t);
    const made = await client.call(routes.create, { body: { ...settings('homes'), managedBy: 'fleet' } });
    assert.equal(made.managedBy, 'fleet');
    const params = { id: made.id };
    clock.advance(60_000);
    const same = await client.call(routes.change, { params, body: settings('homes') });
    assert.deepEqual([same.managedBy, same.changedAt], ['fleet', made.changedAt]);
    const other = await client.call(routes.change, { params, body: { ...settings('homes'), managedBy: 'other' } });
    assert.deepEqual([other.managedBy, other.changedAt], ['other', made.changedAt]);
    const free = await client.call(routes.change, { params, body: { ...settings('houses'), managedBy: null } });
    assert.equal(free.managedBy, undefined);
    assert.notEqual(free.changedAt, made.changedAt);
  });

  test(`a declaration makes no second ${kind} of a name; a person may`, async (t) => {
    const { client, settings } = await start(t);
    const names = ['50%', '50_', 'a"b\\c', 'Größe'];
    for (const name of names) await client.call(routes.create, { body: { ...settings(name), managedBy: 'fleet' } });
    for (const name of names)
      await assert.rejects(client.call(routes.create, { body: { ...settings(name), managedBy: 'fleet' } }), {
        code: 'request.conflict',
        message: `There is a ${kind} ${name} already.`,
      });
    await client.call(routes.create, { body: settings('50%') });
    // What a pattern would fit besides.
    await client.call(routes.create, { body: { ...settings('500'), managedBy: 'fleet' } });
    await client.call(routes.create, { body: { ...settings('a"b/c'), managedBy: 'fleet' } });
  });
}

test('a group is of a declaration until it is said otherwise', async (t) => {
  const { client } = await start(t);
  const made = await client.call('createGroup', { body: { name: 'web', managedBy: 'fleet' } });
  assert.equal(made.managedBy, 'fleet');
  const { exclusions, rescanAt, csvFile } = made;
  const settings = { exclusions, rescanAt, csvFile, enabled: false };
  const params = { id: 'web' };
  assert.equal((await client.call('changeGroup', { params, body: settings })).managedBy, 'fleet');
  const body = { ...settings, managedBy: null };
  assert.equal((await client.call('changeGroup', { params, body })).managedBy, undefined);
});
