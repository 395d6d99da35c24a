import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { Task } from '@holdfast/protocol';
import { kitKeys, newKitSecret } from '@holdfast/protocol/recovery-kit';
import { maintenanceLookMs } from '../limits.ts';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

const manual = { kind: 'manual' } as const;
const counts = { deletedPacks: 1, deletedBytes: 1, newPacks: 0, spared: 0, retained: 0 };

async function system(t: TestContext) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const clock = new ManualClock(new Date());
  const server = stack.use(await TestServer.start(temporaryFolder(t), { clock }));
  const port = await freePort();
  const mover = stack.use(new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }));
  await mover.listen();
  const agent = stack.use(new TestAgent(await server.join('agent')));
  mover.agents.set(agent.id, agent);
  agent.work = async (task: Task) =>
    task.kind === 'prune' ? { ...success(task), result: { kind: 'prune', ...counts, durationMs: 1 } } : success(task);
  const backUp = async (
    target: { kind: 'own'; moverId: string; zeroKnowledge: boolean } | { kind: 'shared'; repositoryId: string },
  ) => {
    const { id } = await server.client.call('createJob', {
      body: {
        name: `to ${target.kind} ${crypto.randomUUID()}`,
        computers: [agent.id],
        target,
        scope: { kind: 'folders', paths: ['/srv'] },
        healthCheck: { enabled: false },
        retries: { count: 0 },
      },
    });
    const session = await server.client.call('runJob', { params: { id }, body: {} });
    const [run] = await server.runsOf(session.id);
    const ended = (await server.follow(run?.id ?? assert.fail())).at(-1);
    assert.equal(ended?.state, 'succeeded', JSON.stringify(ended?.error));
  };
  const create = (body: { name: string; zeroKnowledge?: boolean; executorId?: string }) =>
    server.client.call('createRepository', { body: { ...body, moverId: mover.id } });
  return { server, clock, mover, agent, backUp, create };
}

test('work in a repository waits for the agent that is to do it, and the server says so', async (t) => {
  const { server, clock, mover, agent, backUp, create } = await system(t);
  const { id } = await create({ name: 'small-nas', executorId: agent.id });
  await backUp({ kind: 'shared', repositoryId: id });
  await server.client.call('setRepositoryMaintenance', {
    params: { id },
    body: { check: manual, forget: manual, drill: manual, prune: { kind: 'daily', at: '04:00' }, timeZone: 'UTC' },
  });
  const delayed = async () =>
    (await server.client.call('repositories', { query: {} })).repositories.find((one) => one.id === id)?.delayed;
  assert.deepEqual(await delayed(), []);
  // Its states are noted at a look; a day later it is due, while the agent holds no connection.
  const looked = async (): Promise<void> => {
    clock.advance(maintenanceLookMs);
    await delay(20);
  };
  await until(async () => {
    await looked();
    return (await server.readDatabase('select "kind" from "maintenanceStates"')).includes('prune');
  }, 'the schedule is followed');
  clock.advance(86_400_000);
  await until(async () => {
    await looked();
    return ((await delayed()) ?? []).length > 0;
  }, 'the delay is told');
  const [told] = (await delayed()) ?? [];
  assert.equal(told?.kind, 'prune');
  assert.match(told.since, /T04:00:00/);
  assert.deepEqual(
    agent.received.filter(({ task }) => task.kind === 'prune'),
    [],
  );

  const isOnline = async () => (await server.client.call('computer', { params: { id: agent.id } })).state === 'online';
  const isAsked = () => agent.received.some(({ task }) => task.kind === 'prune');
  await until(async () => {
    // A clock that is moved on faster than the machine answers cuts connections.
    if (!(await isOnline())) await agent.hold(server);
    await until(isOnline, 'the agent is there');
    clock.advance(maintenanceLookMs);
    for (let looks = 0; looks < 200 && !isAsked(); looks += 1) await delay(10);
    return isAsked();
  }, 'the agent is asked');
  await until(async () => ((await delayed()) ?? []).length === 0, 'nothing waits');
  const { task } = agent.received.find((one) => one.task.kind === 'prune') ?? assert.fail();
  const session = mover.sessions.get(task.access.sessionId ?? '');
  assert.deepEqual(
    [session?.mode, session?.subject, session?.repository],
    ['maintain', `executor/${agent.id}`, 'small-nas'],
  );
  // The mover is the executor again.
  const changed = await server.client.call('setRepositoryExecutor', { params: { id }, body: { executorId: null } });
  assert.equal(changed.executorId, undefined);
});

test('in the zero-knowledge mode no password is made, kept or sent, and no kit is said to open it', async (t) => {
  const { server, mover, agent, backUp, create } = await system(t);
  await assert.rejects(create({ name: 'nobody', zeroKnowledge: true }), { code: 'request.invalid' });
  const { id } = await create({ name: 'boss', zeroKnowledge: true, executorId: agent.id });
  await backUp({ kind: 'shared', repositoryId: id });
  // One of its own, besides the one whose key the server has.
  await backUp({ kind: 'own', moverId: mover.id, zeroKnowledge: false });
  await backUp({ kind: 'own', moverId: mover.id, zeroKnowledge: true });
  await backUp({ kind: 'own', moverId: mover.id, zeroKnowledge: true });
  assert.deepEqual(
    agent.received.map(({ task }) => task.access.password === undefined),
    [true, false, true, true],
  );
  assert.equal(agent.received[2]?.task.access.repository, agent.received[3]?.task.access.repository);
  const { repositories } = await server.client.call('repositories', { query: {} });
  assert.deepEqual(
    repositories.map(({ zeroKnowledge, executorId }) => `${zeroKnowledge} ${executorId === agent.id}`).sort(),
    ['false false', 'true true', 'true true'],
  );
  assert.deepEqual(
    await server.readDatabase(`select "name" from "repositories" where "sealedPassword" = '' order by "name"`),
    repositories.flatMap(({ name, zeroKnowledge }) => (zeroKnowledge ? [name] : [])).sort(),
  );

  const refused = { code: 'zero-knowledge.server' };
  const params = { id };
  await assert.rejects(server.client.call('repositoryPassword', { params }), refused);
  await assert.rejects(server.client.call('setRepositoryExecutor', { params, body: { executorId: null } }), refused);
  const other = await server.join('agent');
  const [{ id: snapshotId } = assert.fail()] = (await server.client.call('snapshots', {})).snapshots;
  const restore = { repositoryId: id, snapshotId, agentId: other.answer.id, target: '/tmp/x' };
  await assert.rejects(server.client.call('createRestore', { body: restore }), refused);
  const target = { kind: 'shared', repositoryId: id } as const;
  const shared = {
    name: 'of another',
    computers: [other.answer.id],
    target,
    scope: { kind: 'folders' as const, paths: ['/srv'] },
  };
  await assert.rejects(server.client.call('createJob', { body: shared }), refused);
  const find = { params: { id, snapshotId }, body: { patterns: ['*'] } };
  await assert.rejects(server.client.call('findEntries', find), refused);
  await assert.rejects(server.client.call('snapshotEntries', { params: { id, snapshotId }, query: {} }), refused);

  const { publicKey, authKey } = await kitKeys(newKitSecret());
  await server.client.call('replaceRecoveryKit', { body: { publicKey, authKey } });
  const kit = await server.client.call('recoveryKit', {});
  assert.deepEqual([kit.repositories.total, kit.repositories.zeroKnowledge], [1, 2]);
});
