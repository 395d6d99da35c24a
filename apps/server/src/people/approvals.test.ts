import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hasCode, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { type RestClient, type Route, routes } from '@holdfast/protocol';
import type { ServerConfigInput } from '../config.ts';
import { maxWaitingApprovalsOfOne } from '../limits.ts';
import { TestServer } from '../testing/test-server.ts';

async function start(t: TestContext, config: ServerConfigInput['people'] = {}, clock?: ManualClock) {
  const server = await TestServer.start(temporaryFolder(t), {
    config: { people: config },
    ...(clock ? { clock } : {}),
  });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

/** The id of the approval that the call waits for. */
async function asked(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => assert.fail('it was done without asking'),
    (thrown: unknown) => thrown,
  );
  if (!hasCode(error, 'approval.needed')) throw error;
  return String(error.context['approval']);
}

const names = async (client: RestClient) => (await client.call('users', {})).users.map(({ name }) => name);
const password = 'a password for a start';
const closed = { code: 'approval.closed' };

test('with two administrators, what makes or unmakes one waits for the other, and is then done as it was asked for', async (t) => {
  const server = await start(t);
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  const carol = await server.person('carol', 'auditor', { by: alice.client });

  const id = await asked(alice.client.call('deleteUser', { params: { id: bob.id } }));
  await asked(alice.client.call('resetUser', { params: { id: bob.id }, body: { password } }));
  await asked(alice.client.call('updateUser', { params: { id: bob.id }, body: { disabled: true } }));
  await asked(alice.client.call('updateUser', { params: { id: bob.id }, body: { groups: ['a'] } }));
  await asked(alice.client.call('updateUser', { params: { id: carol.id }, body: { role: 'administrator' } }));
  await asked(server.client.call('createUser', { body: { name: 'dave', role: 'administrator', password } }));
  assert.deepEqual(await names(alice.client), ['alice', 'bob', 'carol']);
  await bob.client.call('status', {});

  const forbidden = { code: 'auth.forbidden' };
  await assert.rejects(alice.client.call('approveRequest', { params: { id } }), forbidden, 'her own');
  await assert.rejects(server.client.call('approveRequest', { params: { id } }), forbidden, 'the file is nobody');
  await assert.rejects(carol.client.call('approveRequest', { params: { id } }), forbidden, 'an auditor');
  const { token } = await bob.client.call('createApiToken', { body: { name: 'script' } });
  await assert.rejects(server.clientWith(token).call('approveRequest', { params: { id } }), forbidden, 'a token');
  assert.deepEqual((await carol.client.call('approvals', {})).approvals, []);
  const waiting = (await bob.client.call('approvals', {})).approvals;
  assert.equal(waiting.length, 6);
  const created = waiting.find(({ action }) => action === 'createUser');
  assert.deepEqual(created?.request, { name: 'dave', role: 'administrator' });
  assert.equal(created?.requestedBy, 'local-administrator');

  const done = await bob.client.call('approveRequest', { params: { id: created?.id ?? '' } });
  assert.deepEqual([done.state, done.decidedBy], ['approved', 'user/bob']);
  assert.deepEqual(await names(alice.client), ['alice', 'bob', 'carol', 'dave']);
  const dave = server.clientWith(await server.signIn('dave', password));
  assert.equal((await dave.call('account', {})).due, 'password');
  await assert.rejects(bob.client.call('approveRequest', { params: { id: created?.id ?? '' } }), closed);

  const [record] = (await server.client.call('audit', { query: { action: 'createUser', limit: 1 } })).records;
  assert.deepEqual(
    [record?.actor, record?.outcome, record?.details['approvedBy']],
    ['local-administrator', 'done', 'user/bob'],
  );
  // What has no body is done as well.
  const deleted = await bob.client.call('approveRequest', { params: { id } });
  assert.deepEqual([deleted.state, await names(alice.client)], ['approved', ['alice', 'carol', 'dave']]);
});

test('an approval is rejected, withdrawn by who asked alone, or expires; then nothing can be done with it', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { approvalHours: 1 }, clock);
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  const ask = (name: string) =>
    asked(alice.client.call('createUser', { body: { name, role: 'administrator', password } }));
  const approve = (id: string) => bob.client.call('approveRequest', { params: { id } });
  const rejected = await ask('one');
  assert.equal((await bob.client.call('rejectRequest', { params: { id: rejected } })).state, 'rejected');
  await assert.rejects(approve(rejected), closed);
  const withdrawn = await ask('two');
  await assert.rejects(bob.client.call('withdrawRequest', { params: { id: withdrawn } }), { code: 'request.missing' });
  await alice.client.call('withdrawRequest', { params: { id: withdrawn } });
  await assert.rejects(approve(withdrawn), closed);
  const expired = await ask('three');
  for (let minutes = 0; minutes < 60; minutes += 30) {
    clock.advance(30 * 60_000);
    await bob.client.call('status', {});
  }
  await assert.rejects(approve(expired), closed);
  const { approvals } = await bob.client.call('approvals', { query: { only: 'all' } });
  assert.deepEqual(approvals.map(({ state }) => state).toSorted(), ['expired', 'rejected', 'withdrawn']);
  assert.deepEqual(await names(bob.client), ['alice', 'bob']);
});

test('it is done with the rights that the one who asked has when it is agreed to', async (t) => {
  const server = await start(t, { fourEyes: 'on' });
  const create = (client: RestClient, name: string) =>
    asked(client.call('createUser', { body: { name, role: 'administrator', password } }));
  await create(server.client, 'first');
  await assert.rejects(server.signIn('first', password), { code: 'auth.sign-in' });

  const other = await start(t);
  const alice = await other.person('alice', 'administrator');
  const bob = await other.person('bob', 'administrator', { by: alice.client });
  const id = await create(alice.client, 'mallory');
  const lowered = await asked(bob.client.call('updateUser', { params: { id: alice.id }, body: { role: 'auditor' } }));
  const carol = await asked(
    bob.client.call('createUser', { body: { name: 'carol', role: 'administrator', password } }),
  );
  await alice.client.call('approveRequest', { params: { id: carol } });
  await alice.client.call('approveRequest', { params: { id: lowered } });
  const result = await bob.client.call('approveRequest', { params: { id } });
  assert.deepEqual([result.state, result.error?.code], ['failed', 'auth.forbidden']);
  assert.deepEqual(await names(bob.client), ['alice', 'bob', 'carol']);
});

test('two who decide at once: one decision is taken, and the action is done once', async (t) => {
  const server = await start(t);
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  const id = await asked(alice.client.call('createUser', { body: { name: 'dave', role: 'administrator', password } }));
  const results = await Promise.allSettled([
    bob.client.call('approveRequest', { params: { id } }),
    bob.client.call('approveRequest', { params: { id } }),
    alice.client.call('withdrawRequest', { params: { id } }),
  ]);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('what was seen when it was asked for has to be so when it is done', async (t) => {
  const server = await start(t);
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  const path = `/api/v1/users/${bob.id}`;
  const authorization = `Bearer ${alice.token}`;
  const seen = await server.http.request({ method: 'GET', path, headers: { authorization } });
  await seen.text(100_000);
  const response = await server.http.request({
    ...{ method: 'PUT', path, body: JSON.stringify({ groups: ['a'] }) },
    headers: { authorization, 'content-type': 'application/json', 'if-match': String(seen.headers['etag']) },
  });
  assert.equal(response.status, 202);
  const { id } = (await response.json()) as { id: string };
  await alice.client.call('updateUser', { params: { id: bob.id }, body: { displayName: 'Robert' } });
  const done = await bob.client.call('approveRequest', { params: { id } });
  assert.deepEqual([done.state, done.error?.code], ['failed', 'request.changed']);
});

test('who asks for the same again asks once, as it is seen by then; another, or who asks for more, asks anew', async (t) => {
  const server = await start(t);
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  const params = { id: bob.id };
  const narrow = async (client: RestClient, group = 'a') => {
    const { tag } = await client.tagged('user', { params });
    return asked(client.call('updateUser', { params, body: { groups: [group] }, ifMatch: tag }));
  };
  const first = await narrow(alice.client);
  await alice.client.call('updateUser', { params, body: { displayName: 'Robert' } });
  assert.equal(await narrow(alice.client), first);
  const { token } = await alice.client.call('createApiToken', { body: { name: 'script' } });
  const all = [
    first,
    await narrow(alice.client, 'b'),
    await narrow(server.client),
    await narrow(server.clientWith(token)),
  ];
  assert.equal(new Set(all).size, 4);
  // What was decided is asked for anew.
  await bob.client.call('rejectRequest', { params: { id: all[1] ?? '' } });
  assert.ok(!all.includes(await narrow(alice.client, 'b')));
  const done = await bob.client.call('approveRequest', { params: { id: first } });
  assert.deepEqual([done.state, (await alice.client.call('user', { params })).groups], ['approved', ['a']]);
});

test('an approval that the server ended in the middle of is told as such, in the audit too, and is not done again', async (t) => {
  const folder = temporaryFolder(t);
  const first = await TestServer.start(folder);
  const alice = await first.person('alice', 'administrator');
  const bob = await first.person('bob', 'administrator', { by: alice.client });
  const id = await asked(alice.client.call('deleteUser', { params: { id: bob.id } }));
  const [instance = ''] = await first.readDatabase(`select "id" from "instances"`);
  // As it stands when the process is killed while the account is deleted.
  const entry = { actor: 'user/bob', action: 'approveRequest', subject: id, remoteAddress: '::1', requestId: 'r' };
  await first.alterDatabase(`update "approvals" set "state" = 'running' where "id" = '${id}'`);
  await first.alterDatabase(
    `insert into "auditIntents" ("tenant", "id", "instance", "at", "entryJson")
     values ('local', 'i', '${instance}', '2026-11-21T10:00:00Z', '${JSON.stringify({ ...entry, details: {} })}')`,
  );
  await first[Symbol.asyncDispose]();
  await using again = await TestServer.start(folder);
  const { approvals } = await again.client.call('approvals', { query: { only: 'all' } });
  assert.deepEqual(
    approvals.map(({ state, error }) => [state, error?.code]),
    [['failed', 'approval.interrupted']],
  );
  await assert.rejects(again.clientWith(bob.token).call('approveRequest', { params: { id } }), closed);
  const { records } = await again.client.call('audit', { query: { outcome: 'unknown' } });
  assert.deepEqual(
    records.map(({ action, subject }) => [action, subject]),
    [['approveRequest', id]],
  );
});

test('a decided request keeps no password, and one account does not keep the others from asking', async (t) => {
  const server = await start(t);
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  const ask = (client: RestClient, name: string) =>
    asked(client.call('createUser', { body: { name, role: 'administrator', password } }));
  const sealed = () => server.readDatabase(`select count(*) from "approvals" where "sealedRequest" != ''`);
  for (const how of ['approveRequest', 'rejectRequest'] as const)
    await bob.client.call(how, { params: { id: await ask(alice.client, `some-${how.toLowerCase()}`) } });
  await alice.client.call('withdrawRequest', { params: { id: await ask(alice.client, 'third') } });
  assert.deepEqual(await sealed(), ['0']);

  const { token } = await alice.client.call('createApiToken', { body: { name: 'script' } });
  const own = await ask(alice.client, 'fourth');
  await assert.rejects(server.clientWith(token).call('withdrawRequest', { params: { id: own } }), {
    code: 'auth.forbidden',
  });
  for (let n = 1; n < maxWaitingApprovalsOfOne; n += 1) await ask(alice.client, `more-${n}`);
  await assert.rejects(ask(alice.client, 'too-many'), { code: 'internal.limit' });
  await ask(bob.client, 'of-bob');
  const missing = { params: { id: crypto.randomUUID() }, body: { snapshotIds: ['ab'.repeat(32)] } };
  await assert.rejects(bob.client.call('forgetSnapshots', missing), { code: 'snapshot.missing' });
});

test('every route that is marked says so in the OpenAPI document', async (t) => {
  const server = await start(t, { fourEyes: 'off' });
  await server.person('alice', 'administrator');
  await server.person('bob', 'administrator');
  const document = (await server.client.call('openapi', {})) as {
    paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
  };
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const said = operations.filter(({ responses }) => '202' in responses).map(({ operationId }) => operationId);
  const marked = Object.values<Route>(routes).filter(({ approval }) => approval !== undefined);
  assert.deepEqual(said.toSorted(), marked.map(({ id }) => id).toSorted());
  assert.ok(marked.length >= 4);
});
