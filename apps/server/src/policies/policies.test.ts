import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import {
  type AgentPolicy,
  type CallArguments,
  type CallPeer,
  GrantVerifier,
  type Hello,
  type IdentityKey,
  type PolicyReport,
  type Routes,
  reportOf,
  type TaskMethods,
} from '@holdfast/protocol';
import { certificateFingerprint } from '@holdfast/wire';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

type NewPolicy = CallArguments<Routes['createPolicy']>['body'];

const dayMs = 86_400_000;

/** A server with a mover, and agents that hold their connection. */
class Fleet {
  readonly clock = new ManualClock(new Date());
  readonly server: TestServer;
  readonly mover: TestMover;
  /** What movers verify grants with. */
  readonly identityKeys: readonly IdentityKey[];
  readonly #stack: AsyncDisposableStack;

  private constructor(o: {
    server: TestServer;
    mover: TestMover;
    identityKeys: readonly IdentityKey[];
    stack: AsyncDisposableStack;
    clock: ManualClock;
  }) {
    this.identityKeys = o.identityKeys;
    this.server = o.server;
    this.mover = o.mover;
    this.clock = o.clock;
    this.#stack = o.stack;
  }

  static async start(t: TestContext): Promise<Fleet> {
    const stack = new AsyncDisposableStack();
    t.after(() => stack.disposeAsync());
    const clock = new ManualClock(new Date());
    const server = stack.use(await TestServer.start(temporaryFolder(t), { clock }));
    const port = await freePort();
    const joined = await server.join('mover', { ports: { 'server-to-mover': port } });
    const mover = stack.use(new TestMover(joined, { port }));
    await mover.listen();
    return new Fleet({ server, mover, identityKeys: joined.answer.identityKeys, stack, clock });
  }

  /** Preinstalled: it is reached by the connection that it holds, and by nothing else. */
  async agent(
    group = 'default',
    platform: Hello['platform'] = 'linux',
  ): Promise<{ agent: TestAgent; peer: CallPeer<TaskMethods> }> {
    const joined = await this.server.join('agent', { group, platform, preinstalled: true });
    const agent = this.#stack.use(new TestAgent(joined, { platform }));
    const peer = await agent.hold(this.server);
    const { id } = agent;
    await until(
      async () => (await this.server.client.call('computer', { params: { id } })).state === 'online',
      'the server has the connection',
    );
    return { agent, peer };
  }

  settings(agents: readonly TestAgent[], change: Partial<NewPolicy> = {}): NewPolicy {
    return {
      name: 'nightly',
      computers: agents.map(({ id }) => id),
      scope: { kind: 'folders', paths: ['/srv'] },
      target: { kind: 'own', moverId: this.mover.id },
      schedule: { kind: 'daily', at: '21:00' },
      timeZone: 'UTC',
      ...change,
    };
  }

  policy(agents: readonly TestAgent[], change: Partial<NewPolicy> = {}) {
    return this.server.client.call('createPolicy', { body: this.settings(agents, change) });
  }
}

async function policiesOf(peer: CallPeer<TaskMethods>): Promise<AgentPolicy[]> {
  const got: AgentPolicy[] = [];
  const { count } = await peer.call('policies.get', {}, { onEvent: (policy) => void got.push(policy) });
  assert.equal(count, got.length);
  return got;
}

const snapshotId = 'cd'.repeat(32);

function runOf(policy: AgentPolicy, change: Partial<PolicyReport> = {}): PolicyReport {
  const { access: _access, initialise: _initialise, ...task } = policy.task;
  const { result } = success(policy.task);
  assert.equal(result.kind, 'backup');
  return {
    runId: crypto.randomUUID(),
    policyId: policy.id,
    policyName: policy.name,
    repositoryId: policy.repositoryId,
    dueAt: '2026-01-02T21:00:00.000Z',
    startedAt: '2026-01-02T21:00:05.000Z',
    endedAt: '2026-01-02T21:04:05.000Z',
    attempt: 1,
    task,
    outcome: { kind: 'done', result: { ...result, snapshotId } },
    problems: [],
    problemCount: 0,
    degradations: [],
    lostBefore: 0,
    ...change,
  };
}

test('an agent gets its policies, and no others, with a grant for 30 days that every contact renews', async (t) => {
  const fleet = await Fleet.start(t);
  const [one, other] = [await fleet.agent(), await fleet.agent()];
  const policy = await fleet.policy([one.agent], {
    windows: [{ from: '20:00', to: '06:00' }],
    bandwidth: [{ bytesPerSecond: 1_000_000 }],
  });
  assert.deepEqual(await policiesOf(other.peer), []);
  const [got] = await policiesOf(one.peer);
  assert.ok(got);
  assert.deepEqual([got.id, got.schedule, got.windows.length], [policy.id, { kind: 'daily', at: '21:00' }, 1]);
  assert.deepEqual(got.task.bandwidth, { timeZone: 'UTC', rules: [{ bytesPerSecond: 1_000_000, windows: [] }] });
  assert.deepEqual([got.task.sources, got.task.initialise, got.task.access.sessionId], [['/srv'], true, undefined]);

  const { installation } = fleet.server.running;
  const verifier = new GrantVerifier({ installation, keys: fleet.identityKeys, clock: fleet.clock });
  const fingerprintOf = ({ agent }: typeof one): string => certificateFingerprint(agent.identity.certificatePem);
  const grant = await verifier.verify(got.task.access.grant, { fingerprint: fingerprintOf(one) });
  assert.deepEqual(
    [grant.subject, grant.mode, grant.sessionId, grant.repository],
    [`agent/${one.agent.id}`, 'append', undefined, got.task.access.repository],
  );
  const leftMs = (expiresAt: Date): number => expiresAt.getTime() - fleet.clock.now().getTime();
  assert.ok(Math.abs(leftMs(grant.expiresAt) - 30 * dayMs) < 2000);
  await assert.rejects(verifier.verify(got.task.access.grant, { fingerprint: fingerprintOf(other) }), {
    code: 'grant.invalid',
  });

  fleet.clock.advance(10 * dayMs);
  const [again] = await policiesOf(one.peer);
  const renewed = await verifier.verify(again?.task.access.grant ?? '', { fingerprint: fingerprintOf(one) });
  assert.ok(Math.abs(leftMs(renewed.expiresAt) - 30 * dayMs) < 2000);
  const { computers } = await fleet.server.client.call('policyComputers', { params: { id: policy.id } });
  assert.deepEqual(
    computers.map(({ agentId, handedOutAt }) => [agentId, handedOutAt]),
    [[one.agent.id, fleet.clock.now().toISOString()]],
  );
});

test('a change is told to connected agents; what is disabled or deleted is handed out no more', async (t) => {
  const fleet = await Fleet.start(t);
  const { agent, peer } = await fleet.agent();
  const { id } = await fleet.policy([agent]);
  await until(() => agent.toldOfPolicies === 1, 'told of the new one');
  const { client } = fleet.server;
  await client.call('changePolicy', { params: { id }, body: fleet.settings([agent], { enabled: false }) });
  await until(() => agent.toldOfPolicies === 2, 'told of the change');
  assert.deepEqual(await policiesOf(peer), []);
  await client.call('changePolicy', { params: { id }, body: fleet.settings([agent]) });
  assert.equal((await policiesOf(peer)).length, 1);
  await client.call('deletePolicy', { params: { id } });
  await until(() => agent.toldOfPolicies === 4, 'told of the end');
  assert.deepEqual(await policiesOf(peer), []);
  await assert.rejects(client.call('policy', { params: { id } }), { code: 'request.missing' });
});

test('a run is recorded once, as a session of its own, with its snapshot', async (t) => {
  const fleet = await Fleet.start(t);
  const { agent, peer } = await fleet.agent();
  const policy = await fleet.policy([agent]);
  const [got] = await policiesOf(peer);
  assert.ok(got);
  const line = {
    at: new Date().toISOString(),
    level: 'info',
    process: 'server',
    message: 'read\u0000\u001b[2J',
  } as const;
  const report = runOf(got, { lostBefore: 2, attempt: 3, log: [line] });
  for (let told = 0; told < 3; told += 1) await peer.call('policies.report', report);
  const { client } = fleet.server;
  const { sessions } = await client.call('sessions', { query: { jobId: policy.id } });
  assert.equal(sessions.length, 1);
  const [session] = sessions;
  assert.deepEqual(
    [session?.trigger, session?.state, session?.jobName, session?.tasks.succeeded, session?.endedAt],
    ['policy', 'succeeded', 'nightly', 1, report.endedAt],
  );
  assert.match(String(session?.notes[0]?.message), /2 runs/);
  const [run] = await fleet.server.runsOf(session?.id ?? '');
  assert.deepEqual([run?.id, run?.attempt, run?.agentId], [report.runId, 3, agent.id]);
  const { lines } = await client.call('runLog', { params: { id: report.runId } });
  assert.deepEqual(
    lines.map(({ process, message }) => [process, message]),
    [['agent', 'read [2J']],
  );
  const { snapshots } = await client.call('snapshots', { query: { repositoryId: got.repositoryId } });
  assert.deepEqual(
    snapshots.map(({ id, runId }) => [id, runId]),
    [[snapshotId, report.runId]],
  );
  // From now on the repository is there.
  assert.equal((await policiesOf(peer))[0]?.task.initialise, false);

  const error = reportOf(new HoldfastError('storage.full'));
  const startedAt = '2026-01-03T21:00:00.000Z';
  await peer.call('policies.report', runOf(got, { startedAt, outcome: { kind: 'failed', error } }));
  const view = await client.call('policy', { params: { id: policy.id } });
  assert.equal(view.lastSession?.state, 'failed');
  const { computers } = await client.call('policyComputers', { params: { id: policy.id } });
  assert.equal(computers[0]?.lastRun?.state, 'failed');
});

test('an agent reports of what it was handed only, and never for another', async (t) => {
  const fleet = await Fleet.start(t);
  const [one, other] = [await fleet.agent(), await fleet.agent()];
  await fleet.policy([one.agent]);
  const theirs = await fleet.policy([other.agent], { name: 'theirs' });
  const [got] = await policiesOf(one.peer);
  const [gotOther] = await policiesOf(other.peer);
  assert.ok(got && gotOther);
  const report = runOf(got);
  await one.peer.call('policies.report', report);
  await assert.rejects(other.peer.call('policies.report', report), { code: 'request.invalid' });
  await assert.rejects(other.peer.call('policies.report', runOf(got)), { code: 'request.invalid' });
  // Its own policy, but into the repository of the other one.
  const foreign = runOf(gotOther, { repositoryId: got.repositoryId });
  await assert.rejects(other.peer.call('policies.report', foreign), { code: 'request.invalid' });
  // Its own, under the id of a run that is another's.
  const taken = runOf(gotOther, { runId: report.runId });
  await assert.rejects(other.peer.call('policies.report', taken), { code: 'request.conflict' });
  const { sessions } = await fleet.server.client.call('sessions', { query: { jobId: theirs.id } });
  assert.deepEqual(sessions, []);
  // What was deleted meanwhile is taken all the same: it did run.
  await fleet.server.client.call('deletePolicy', { params: { id: theirs.id } });
  await other.peer.call('policies.report', runOf(gotOther));
  const late = await fleet.server.client.call('sessions', { query: { jobId: theirs.id } });
  assert.equal(late.sessions.length, 1);

  await fleet.server.client.call('revokeComputer', { params: { id: one.agent.id } });
  await until(() => one.peer.ending !== undefined, 'the connection is cut');
});

test('a computer is in jobs or in policies, whichever way it gets there', async (t) => {
  const fleet = await Fleet.start(t);
  const { client } = fleet.server;
  for (const group of ['north', 'south']) await fleet.server.haveGroup(group);
  const { agent: one } = await fleet.agent('north');
  const { agent: two } = await fleet.agent('south');
  const refused = (promise: Promise<unknown>, message: RegExp): Promise<void> =>
    assert.rejects(promise, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'request.conflict');
      assert.match(error.message, message);
      return true;
    });
  const nightly = await fleet.policy([one]);
  const job = (change: Partial<NewPolicy>) =>
    client.call('createJob', { body: { ...fleet.settings([]), name: 'web', ...change } });
  await refused(job({ computers: [one.id] }), /Computer test-host is in policy nightly/);
  await refused(job({ groups: ['north'] }), /Computer test-host is in policy nightly/);
  const web = await job({ groups: ['south'] });
  await refused(fleet.policy([two]), /Group south is in job web/);
  await refused(fleet.policy([], { groups: ['south'] }), /Group south is in job web/);
  const body = fleet.settings([one, two]);
  await refused(client.call('changePolicy', { params: { id: nightly.id }, body }), /Group south is in job web/);
  // Nothing of the refused change is left.
  assert.deepEqual((await client.call('policy', { params: { id: nightly.id } })).computers, [one.id]);
  const move = { params: { id: one.id }, body: { group: 'south' } };
  await refused(client.call('moveComputer', move), /Computer test-host is in policy nightly/);
  assert.equal((await client.call('computer', { params: { id: one.id } })).group, 'north');

  // Neither is to be found, changed or run as the other.
  for (const name of ['job', 'deleteJob'] as const)
    await assert.rejects(client.call(name, { params: { id: nightly.id } }), { code: 'request.missing' });
  await assert.rejects(client.call('policy', { params: { id: web.id } }), { code: 'request.missing' });
  assert.deepEqual(
    (await client.call('jobs', {})).jobs.map(({ id }) => id),
    [web.id],
  );
  assert.deepEqual(
    (await client.call('policies', {})).policies.map(({ id }) => id),
    [nightly.id],
  );
  await client.call('deleteJob', { params: { id: web.id } });
  await client.call('changePolicy', { params: { id: nightly.id }, body });
});

test('a Unix agent takes policies and no jobs: none is made of it, and one of its group leaves it out and says so', async (t) => {
  const fleet = await Fleet.start(t);
  const { client } = fleet.server;
  const { agent: linux } = await fleet.agent('mixed');
  const { agent: solaris, peer } = await fleet.agent('mixed', 'sunos');
  const { agent: aix } = await fleet.agent('unix', 'aix');
  assert.equal((await client.call('computer', { params: { id: solaris.id } })).platform, 'sunos');
  const refused = { code: 'request.invalid', message: /\(sunos\) takes no jobs of the server: make it a policy/ };
  const job = (change: Partial<NewPolicy>) =>
    client.call('createJob', { body: { ...fleet.settings([]), name: 'web', ...change } });
  await assert.rejects(job({ computers: [solaris.id] }), refused);
  const mixed = await job({ groups: ['mixed'] });
  const params = { id: mixed.id };
  await assert.rejects(client.call('changeJob', { params, body: fleet.settings([linux, solaris]) }), refused);
  const { id } = await client.call('runJob', { params, body: {} });
  await until(async () => (await client.call('session', { params: { id } })).endedAt !== undefined, 'it has ended');
  assert.deepEqual(
    (await fleet.server.runsOf(id)).map(({ agentId, state }) => [agentId, state]),
    [[linux.id, 'succeeded']],
  );
  const { notes } = await client.call('session', { params: { id } });
  assert.deepEqual(
    notes.map(({ message }) => message),
    ['test-host (sunos) takes no jobs of the server: make it a policy.'],
  );
  const ofUnix = await job({ name: 'unix', groups: ['unix'] });
  await assert.rejects(client.call('runJob', { params: { id: ofUnix.id }, body: {} }), { code: 'request.conflict' });
  assert.deepEqual([solaris.received, aix.received], [[], []]);

  await client.call('deleteJob', { params });
  const policy = await fleet.policy([solaris]);
  const [got = assert.fail('no policy')] = await policiesOf(peer);
  await peer.call('policies.report', runOf(got));
  const session = await client.call('runPolicy', { params: { id: policy.id }, body: {} });
  await until(
    async () => (await client.call('session', { params: { id: session.id } })).endedAt !== undefined,
    'the session has ended',
  );
  const { sessions } = await client.call('sessions', { query: { jobId: policy.id } });
  assert.deepEqual(sessions.map(({ state, trigger }) => `${trigger} ${state}`).toSorted(), [
    'person succeeded',
    'policy succeeded',
  ]);
  const [run] = await fleet.server.runsOf(session.id);
  assert.deepEqual([run?.agentId, run?.carrier], [solaris.id, 'posix-agent-control']);
});

test('the server runs a policy now, over the connection that the agent holds; its schedule it leaves to the agent', async (t) => {
  const fleet = await Fleet.start(t);
  const { agent } = await fleet.agent();
  const { id, nextRunAt } = await fleet.policy([agent]);
  assert.ok(nextRunAt);
  const { client } = fleet.server;
  const session = await client.call('runPolicy', { params: { id }, body: {} });
  await until(
    async () => (await client.call('session', { params: { id: session.id } })).endedAt !== undefined,
    'the session has ended',
  );
  const [run] = await fleet.server.runsOf(session.id);
  assert.deepEqual([run?.state, run?.carrier, run?.jobId], ['succeeded', 'posix-agent-control', id]);
  fleet.clock.advance(3 * dayMs);
  // Time for the scheduler to look; it has nothing to find.
  fleet.clock.advance(60_000);
  await client.call('status', {});
  assert.equal((await client.call('sessions', { query: { jobId: id } })).sessions.length, 1);
  await assert.rejects(
    client.call('createPolicy', { body: fleet.settings([agent], { schedule: { kind: 'after', jobId: id } }) }),
    { code: 'request.invalid' },
  );
});
