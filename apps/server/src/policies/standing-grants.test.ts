import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { AgentPolicy, CallArguments, CallPeer, PolicyReport, Routes, TaskMethods } from '@holdfast/protocol';
import { decodeJwt } from 'jose';
import { maxLiveGrants, maxPolicyReports, policyReportWindowMs } from '../limits.ts';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

/** The grants of policies, from when they are handed out until movers refuse them. */

interface Held {
  readonly id: string;
  readonly peer: CallPeer<TaskMethods>;
}

async function start(t: TestContext) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const clock = new ManualClock(new Date());
  const server = stack.use(await TestServer.start(temporaryFolder(t), { clock }));
  const { client } = server;
  const newMover = async (): Promise<TestMover> => {
    const port = await freePort();
    const mover = stack.use(
      new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }),
    );
    await mover.listen();
    return mover;
  };
  const newAgent = async (group = 'default'): Promise<Held> => {
    const agent = stack.use(new TestAgent(await server.join('agent', { group, preinstalled: true })));
    return { id: agent.id, peer: await agent.hold(server) };
  };
  const mover = await newMover();
  const { id: repositoryId } = await client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  const settings = (change: Partial<CallArguments<Routes['createPolicy']>['body']>) => ({
    name: 'nightly',
    scope: { kind: 'folders' as const, paths: ['/srv'] },
    target: { kind: 'shared' as const, repositoryId },
    timeZone: 'UTC',
    ...change,
  });
  /** Until the mover has been told that these are revoked, and no others. */
  const revoked = (...ids: readonly string[]): Promise<void> =>
    until(
      () => JSON.stringify((mover.trust?.revokedGrants ?? []).toSorted()) === JSON.stringify(ids.toSorted()),
      `${ids.length} grants are revoked`,
    );
  return { clock, server, client, mover, newMover, newAgent, repositoryId, settings, revoked };
}

async function policiesOf({ peer }: Held): Promise<AgentPolicy[]> {
  const got: AgentPolicy[] = [];
  await peer.call('policies.get', {}, { onEvent: (policy) => void got.push(policy) });
  return got;
}

/** The ids of the grants that an agent is handed. */
async function grantsOf(agent: Held): Promise<string[]> {
  return (await policiesOf(agent)).map(({ task }) => decodeJwt(task.access.grant).jti ?? '');
}

async function onlyGrant(agent: Held): Promise<string> {
  const [only = assert.fail('it has no policy'), another] = await grantsOf(agent);
  assert.equal(another, undefined);
  return only;
}

test('who leaves a policy, or changes its repository, loses the grant at once; contacts renew the others under their ids', async (t) => {
  const it = await start(t);
  const [one, other] = [await it.newAgent(), await it.newAgent()];
  const both = it.settings({ computers: [one.id, other.id] });
  const { id } = await it.client.call('createPolicy', { body: both });
  const params = { id };
  const [first, kept] = [await onlyGrant(one), await onlyGrant(other)];
  it.clock.advance(6 * 3_600_000);
  assert.deepEqual([await onlyGrant(one), await onlyGrant(other)], [first, kept]);

  await it.client.call('changePolicy', { params, body: it.settings({ computers: [other.id] }) });
  await it.revoked(first);
  assert.deepEqual(await grantsOf(one), []);
  assert.equal(await onlyGrant(other), kept);

  await it.client.call('changePolicy', { params, body: both });
  const second = await onlyGrant(one);
  assert.notEqual(second, first, 'the former one stays revoked');
  // What is not about whom and where changes no grant.
  await it.client.call('changePolicy', { params, body: { ...both, excludes: ['*.tmp'] } });
  assert.deepEqual([await onlyGrant(one), await onlyGrant(other)], [second, kept]);

  const elsewhere = { kind: 'own' as const, moverId: (await it.newMover()).id };
  await it.client.call('changePolicy', { params, body: { ...both, target: elsewhere } });
  await it.revoked(first, second, kept);
  const own = await onlyGrant(one);
  assert.ok(![first, second, kept].includes(own));
  await it.client.call('changePolicy', { params, body: both });
  await it.client.call('changePolicy', { params, body: { ...both, enabled: false } });
  assert.deepEqual(await grantsOf(one), []);

  assert.deepEqual((await it.client.call('grants', { query: {} })).grants, [], 'they are none that people were given');
  // A mover that is told later is told of all of them, until they have ended.
  it.clock.advance(31 * 86_400_000);
  const { id: last } = await it.client.call('repositoryGrant', {
    params: { id: it.repositoryId },
    body: { mode: 'read' },
  });
  await it.client.call('revokeGrant', { params: { id: last } });
  await it.revoked(last);
});

test('so it is when the policy is deleted, when a computer goes to another group, and when its group is dissolved', async (t) => {
  const it = await start(t);
  for (const name of ['north', 'south', 'west']) await it.client.call('createGroup', { body: { name } });
  const agents = [await it.newAgent('north'), await it.newAgent('north'), await it.newAgent('south')] as const;
  const policy = (name: string) =>
    it.client.call('createPolicy', { body: it.settings({ name, groups: [name], computers: [] }) });
  const [north, south] = [await policy('north'), await policy('south')];
  const [mine, theirs, southern] = await Promise.all(agents.map(onlyGrant));
  assert.ok(mine && theirs && southern);

  await it.client.call('moveComputer', { params: { id: agents[0].id }, body: { group: 'south' } });
  await it.revoked(mine);
  const moved = (await policiesOf(agents[0]))[0];
  assert.equal(moved?.id, south.id);
  const [inSouth = ''] = await grantsOf(agents[0]);

  await it.client.call('deleteGroup', { params: { id: 'south' }, query: { moveTo: 'west' } });
  await it.revoked(mine, inSouth, southern);
  assert.deepEqual(await grantsOf(agents[2]), []);

  await it.client.call('deletePolicy', { params: { id: north.id } });
  await it.revoked(mine, inSouth, southern, theirs);
});

test('revoked grants of policies take no room from those that people are given', async (t) => {
  const it = await start(t);
  const rows = Array.from(
    { length: maxLiveGrants },
    () =>
      `('local', '${crypto.randomUUID()}', '${it.repositoryId}', 'append', 'policy', 'agent/x', '2026-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', '${crypto.randomUUID()}')`,
  );
  await it.server.alterDatabase(
    `insert into "grants" ("tenant", "id", "repositoryId", "mode", "note", "actor", "createdAt", "expiresAt", "revokedAt", "policyId") values ${rows.join(', ')}`,
  );
  await it.client.call('repositoryGrant', { params: { id: it.repositoryId }, body: { mode: 'read' } });
});

test('an agent that reports without end is taken so many reports of, and others as before', async (t) => {
  const it = await start(t);
  const [one, other] = [await it.newAgent(), await it.newAgent()];
  await it.client.call('createPolicy', { body: it.settings({ computers: [one.id, other.id] }) });
  const reportOf = (policy: AgentPolicy | undefined): PolicyReport => {
    assert.ok(policy);
    const { access: _access, initialise: _initialise, ...task } = policy.task;
    const { result } = success(policy.task);
    assert.equal(result.kind, 'backup');
    return {
      ...{ runId: crypto.randomUUID(), policyId: policy.id, policyName: policy.name },
      ...{ repositoryId: policy.repositoryId, attempt: 1, task, outcome: { kind: 'done', result } },
      ...{ dueAt: it.clock.now().toISOString(), startedAt: it.clock.now().toISOString() },
      ...{ endedAt: it.clock.now().toISOString(), problems: [], problemCount: 0, degradations: [], lostBefore: 0 },
    };
  };
  const [mine] = await policiesOf(one);
  // Refused for what it is, which counts as well.
  const wrong = { ...reportOf(mine), policyId: crypto.randomUUID() };
  for (let sent = 0; sent < maxPolicyReports; sent += 1)
    await assert.rejects(one.peer.call('policies.report', wrong), { code: 'request.invalid' });
  await assert.rejects(one.peer.call('policies.report', reportOf(mine)), { code: 'auth.rate', retry: 'transient' });
  await other.peer.call('policies.report', reportOf((await policiesOf(other))[0]));
  it.clock.advance(policyReportWindowMs);
  await one.peer.call('policies.report', reportOf(mine));
  assert.equal((await it.client.call('sessions', { query: {} })).sessions.length, 2);
});
