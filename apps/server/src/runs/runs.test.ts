import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError, ManualClock, systemClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { GrantVerifier, limits, type TaskResult } from '@holdfast/protocol';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

interface System {
  readonly server: TestServer;
  readonly agent: TestAgent;
  readonly mover: TestMover;
  readonly jobId: string;
  readonly repositoryId: string;
}

async function system(
  t: TestContext,
  o: {
    folder?: string;
    platform?: 'linux' | 'darwin';
    preinstalled?: true;
    direction?: 'mover-dials';
    clock?: ManualClock;
    /** Where agents call in; otherwise the system chooses. */
    controlPort?: number;
  } = {},
): Promise<System> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const options = {
    ...(o.clock ? { clock: o.clock } : {}),
    ...(o.controlPort === undefined ? {} : { ports: { 'posix-agent-control': o.controlPort } }),
  };
  const server = stack.use(await TestServer.start(o.folder ?? temporaryFolder(t), options));
  const port = await freePort();
  const mover = stack.use(new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }));
  await mover.listen();
  const agent = stack.use(
    new TestAgent(
      await server.join('agent', { platform: o.platform ?? 'linux', preinstalled: o.preinstalled ?? false }),
      { platform: o.platform ?? 'linux' },
    ),
  );
  const repository = await server.client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  const job = await server.client.call('createJob', {
    body: {
      name: 'files',
      computers: [agent.id],
      target: { kind: 'shared', repositoryId: repository.id },
      scope: { kind: 'folders', paths: ['/srv'] },
      retries: { count: 0 },
      ...(o.direction ? { direction: o.direction } : {}),
    },
  });
  return { server, agent, mover, jobId: job.id, repositoryId: repository.id };
}

async function runJob({ server, jobId }: System): Promise<string> {
  const session = await server.client.call('runJob', { params: { id: jobId }, body: {} });
  return (await server.runsOf(session.id))[0]?.id ?? assert.fail();
}

/** Time passes in steps until it is so. What a step sets off has a second to show: on a busy machine time must not run away. */
async function pass(clock: ManualClock, isSo: () => boolean): Promise<void> {
  for (let step = 0; step < 60; step += 1) {
    clock.advance(15_000);
    for (let looks = 0; looks < 100; looks += 1) {
      if (isSo()) return;
      await delay(10);
    }
  }
  assert.fail('waited in vain');
}

/** A run whose agent has its task, and ends it as `finished` does. */
async function runUnderWay(s: System) {
  const finished = Promise.withResolvers<TaskResult>();
  s.agent.work = () => finished.promise;
  const run = await runJob(s);
  await until(() => s.agent.received.length === 1, 'the task has started');
  return { run, finished, task: s.agent.received[0]?.task ?? assert.fail() };
}

async function endOf(s: System, runId: string) {
  const told = await s.server.follow(runId);
  const end = told.at(-1);
  assert.ok(end);
  return end;
}

test('a run goes through the transport service, end to end, and lists its snapshot', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  s.agent.work = async (task, context) => {
    await context.emit({ kind: 'progress', progress: { phase: 'reading', filesDone: 1, bytesDone: 5 } });
    return success(task);
  };
  const end = await endOf(s, await runJob(s));
  assert.equal(end.state, 'succeeded');
  assert.equal(end.carrier, 'server-to-agent-transport');
  assert.deepEqual(end.degradations, []);

  const { snapshots } = await s.server.client.call('snapshots', {});
  assert.deepEqual(
    snapshots.map(({ runId, hostname, sources }) => ({ runId, hostname, sources })),
    [{ runId: end.id, hostname: 'test-host', sources: ['/srv'] }],
  );
  const received = s.agent.received[0];
  assert.ok(received?.task.kind === 'backup');
  assert.equal(received.task.initialise, true);
  const [session] = s.mover.sessions.values();
  assert.equal(session?.sessionId, received.task.access.sessionId);
  assert.equal(session?.mode, 'append');
  await until(() => s.mover.closedSessions.includes(session.sessionId), 'the session is closed');

  // The grant holds at the mover, for this agent's certificate and no other.
  assert.ok(s.mover.trust);
  const verifier = new GrantVerifier({
    installation: s.server.running.installation,
    keys: s.mover.trust.identityKeys,
    clock: systemClock,
  });
  const grant = await verifier.verify(received.task.access.grant, { fingerprint: session.fingerprint });
  assert.deepEqual(
    [grant.subject, grant.repository, grant.mode, grant.sessionId],
    [`agent/${s.agent.id}`, 'first', 'append', session.sessionId],
  );
  await assert.rejects(verifier.verify(received.task.access.grant, { fingerprint: 'x'.repeat(43) }), {
    code: 'grant.invalid',
  });

  const second = await endOf(s, await runJob(s));
  assert.equal(second.state, 'succeeded');
  const again = s.agent.received[1]?.task;
  assert.ok(again?.kind === 'backup');
  assert.equal(again.initialise, false);
});

test('an agent that 6162 does not lead to is reached by the connection it holds, and the run is degraded', async (t) => {
  const s = await system(t);
  await s.agent.hold(s.server);
  const end = await endOf(s, await runJob(s));
  assert.equal(end.state, 'warning');
  assert.equal(end.carrier, 'posix-agent-control');
  assert.equal(end.degradations[0]?.channel, 'server-to-agent-transport');
  assert.equal(end.degradations[0]?.usedInstead, 'posix-agent-control');
  assert.equal(end.degradations[0]?.reason.code, 'request.missing');
});

test('an agent that only calls in is reached by its connection, which is no degradation', async (t) => {
  const s = await system(t, { platform: 'darwin' });
  const run = await runJob(s);
  // The server has just started, and its agents are on their way back.
  assert.equal((await s.server.client.call('run', { params: { id: run } })).state, 'queued');
  await s.agent.hold(s.server);
  const end = await endOf(s, run);
  assert.equal(end.state, 'succeeded');
  assert.equal(end.carrier, 'posix-agent-control');
});

test('an agent on a computer that cannot be dialled is reached by its connection, and no dial is tried', async (t) => {
  const s = await system(t, { preinstalled: true });
  await s.agent.hold(s.server);
  const end = await endOf(s, await runJob(s));
  assert.equal(end.state, 'succeeded');
  assert.deepEqual(end.degradations, []);
  assert.equal(end.carrier, 'posix-agent-control');
});

test('what the agent reports as failed is the end of the run', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  s.agent.work = async () => {
    throw new HoldfastError('channel.timeout', { message: 'Channel agent-to-mover-transport was not answered.' });
  };
  const end = await endOf(s, await runJob(s));
  assert.equal(end.state, 'failed');
  assert.equal(end.error?.code, 'channel.timeout');
  assert.match(end.error?.message ?? '', /agent-to-mover-transport/);
  assert.equal(s.agent.received.length, 1);
});

test('problems make a warning, and are counted', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  const problem = { ...new HoldfastError('file.unreadable').toJSON(), context: {} };
  s.agent.work = async (task) => success(task, { problems: [problem], problemCount: 1 });
  const end = await endOf(s, await runJob(s));
  assert.equal(end.state, 'warning');
  assert.equal(end.problemCount, 1);
});

test('a mover that is not there fails the run with the channel named, and the agent gets no task', async (t) => {
  const s = await system(t);
  await s.agent.hold(s.server);
  await s.mover.stop();
  const end = await endOf(s, await runJob(s));
  assert.equal(end.state, 'failed');
  assert.equal(end.error?.code, 'channel.refused');
  assert.match(end.error?.message ?? '', /server-to-mover/);
  assert.deepEqual(s.agent.received, []);
});

test('a lost task connection is attached to again, and the task runs once', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  let started = 0;
  const finished = Promise.withResolvers<TaskResult>();
  const running = new Map<string, Promise<TaskResult>>();
  s.agent.work = (_task, { taskId, emit }) => {
    const known = running.get(taskId);
    if (known) {
      // Attached: what was running goes on, and is finished only now.
      void emit({ kind: 'progress', progress: { phase: 'attached', filesDone: 2, bytesDone: 9 } });
      finished.resolve(success(_task));
      return known;
    }
    started += 1;
    running.set(taskId, finished.promise);
    return finished.promise;
  };
  const run = await runJob(s);
  await until(() => started === 1, 'the task has started');
  await s.agent.cut();
  const end = await endOf(s, run);
  assert.equal(end.state, 'succeeded');
  assert.equal(end.progress?.phase, 'attached');
  assert.equal(started, 1);
  assert.equal(s.agent.received.length, 2);
  assert.equal(s.agent.received[0]?.taskId, s.agent.received[1]?.taskId);
});

test('a server that was restarted attaches to the task that was running', async (t) => {
  const folder = temporaryFolder(t);
  // Nobody else may be given the port while the server is down.
  const port = await freePort();
  const s = await system(t, { folder, controlPort: port });
  await s.agent.hold(s.server);
  const { run, finished, task } = await runUnderWay(s);
  await s.server[Symbol.asyncDispose]();

  await using restarted = await TestServer.start(folder, { ports: { 'posix-agent-control': port } });
  assert.equal((await restarted.client.call('run', { params: { id: run } })).state, 'running');
  s.agent.work = async (task) => success(task);
  await s.agent.hold(restarted);
  const end = (await restarted.follow(run)).at(-1);
  assert.equal(end?.state, 'warning', JSON.stringify(end?.error));
  assert.equal(s.agent.received[1]?.taskId, run);
  assert.equal((await restarted.client.call('snapshots', {})).snapshots.length, 1);
  finished.resolve(success(task));
});

test('what was begun, and given to nobody when the server ended, waits in the queue for its agent', async (t) => {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const s = await system(t, { folder, controlPort: port, preinstalled: true });
  await s.agent.hold(s.server);
  const [first, second, unwanted] = [await runJob(s), await runJob(s), await runJob(s)];
  for (const run of [first, second, unwanted]) await s.server.follow(run);
  await s.server[Symbol.asyncDispose]();
  // As it was while the server had begun them and looked for the agent: one this server, one another that is gone.
  await s.server.alterDatabase(`
    update "runs" set "state" = 'running', "turn" = null, "handedOver" = 0, "endedAt" = null;
    update "runs" set "heldBy" = 'gone' where "id" = '${second}';
    update "runs" set "cancelRequested" = 1 where "id" = '${unwanted}';
    update "sessions" set "state" = null, "endedAt" = null;
    delete from "snapshots"`);
  await using restarted = await TestServer.start(folder, { ports: { 'posix-agent-control': port } });
  // What was to be cancelled waits for nobody.
  assert.equal((await restarted.follow(unwanted)).at(-1)?.state, 'cancelled');
  for (const run of [first, second]) {
    const isQueued = async () => (await restarted.client.call('run', { params: { id: run } })).state === 'queued';
    await until(isQueued, 'it waits');
    assert.ok(s.mover.closedSessions.length > 3, 'nothing stays open for it at the mover');
  }
  await s.agent.hold(restarted);
  for (const run of [first, second]) {
    assert.equal((await restarted.follow(run)).at(-1)?.state, 'succeeded');
    const { lines } = await restarted.client.call('runLog', { params: { id: run }, query: {} });
    assert.equal(lines.filter(({ message }) => message.startsWith('Run ended')).length, 2, 'its log goes on');
  }
});

test('cancelling reaches the agent; a run that waits is cancelled at once; an ended one is left alone', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  const stopped = Promise.withResolvers<TaskResult>();
  s.agent.work = () => stopped.promise;
  const first = await runJob(s);
  const second = await runJob(s);
  await until(() => s.agent.received.length === 1, 'the first run is under way');
  assert.equal((await s.server.client.call('run', { params: { id: second } })).state, 'queued');
  const cancelled = await s.server.client.call('cancelRun', { params: { id: second } });
  assert.equal(cancelled.state, 'cancelled');
  assert.ok(cancelled.endedAt);

  await s.server.client.call('cancelRun', { params: { id: first } });
  await until(() => s.agent.cancelled.includes(first), 'the agent is told');
  stopped.reject(new HoldfastError('run.cancelled'));
  assert.equal((await endOf(s, first)).state, 'cancelled');
  await assert.rejects(s.server.client.call('cancelRun', { params: { id: first } }), { code: 'request.conflict' });
  assert.equal(s.agent.received.length, 1);
});

test('one run at a time for an agent, in order', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  let atOnce = 0;
  let most = 0;
  s.agent.work = async (task) => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    atOnce -= 1;
    return success(task);
  };
  const runs = [await runJob(s), await runJob(s), await runJob(s)];
  for (const run of runs) assert.equal((await endOf(s, run)).state, 'succeeded');
  assert.equal(most, 1);
  assert.deepEqual(
    s.agent.received.map(({ taskId }) => taskId),
    runs,
  );
});

test("an offered channel makes the mover dial; when it cannot, its error is the run's", async (t) => {
  const s = await system(t, { direction: 'mover-dials' });
  s.mover.agents.set(s.agent.id, s.agent);
  s.mover.dialError = new HoldfastError('channel.timeout', {
    message: 'Channel server-to-agent-data was not answered.',
  });
  s.agent.work = async (task, { emit }) => {
    assert.equal(task.access.direction, 'mover-dials');
    await emit({ kind: 'channel-offered', port: 2501, nonce: 'n'.repeat(43), channel: 'server-to-agent-data' });
    const isKnown = (): boolean => s.server.logged.some((line) => line.includes('The mover could not dial the agent'));
    await until(isKnown, 'the server knows of the failed dial');
    throw new HoldfastError('lease.refused');
  };
  const end = await endOf(s, await runJob(s));
  assert.equal(end.state, 'failed');
  assert.match(end.error?.message ?? '', /server-to-agent-data/);
  const [request] = s.mover.dialled;
  const [session] = s.mover.sessions.values();
  assert.deepEqual(request, {
    host: '127.0.0.1',
    port: 2501,
    nonce: 'n'.repeat(43),
    fingerprint: session?.fingerprint,
    channel: 'server-to-agent-data',
  });
});

test('revoking the agent ends its run and its connection, and movers are told', async (t) => {
  const s = await system(t);
  const held = await s.agent.hold(s.server);
  await until(() => s.agent.greeted > 0, 'the server has greeted');
  s.agent.work = () => new Promise(() => undefined);
  const run = await runJob(s);
  await until(() => s.agent.received.length === 1, 'the task has started');
  const trusted = s.mover.trustCount;
  const revoked = await s.server.client.call('revokeComputer', { params: { id: s.agent.id } });
  assert.equal(revoked.state, 'revoked');
  const end = await endOf(s, run);
  assert.equal(end.state, 'failed');
  assert.equal(end.error?.code, 'channel.revoked');
  await held.closed;
  assert.ok(s.mover.trustCount > trusted);
  assert.deepEqual(s.mover.trust?.revokedSerials, [revoked.certificateSerial]);
  await assert.rejects(s.agent.hold(s.server), { code: 'channel.revoked' });
  await assert.rejects(runJob(s), { code: 'channel.revoked' });
});

test('a restore needs a repository that a backup has made, and reads only', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  const order = { repositoryId: s.repositoryId, agentId: s.agent.id, snapshotId: 'ab'.repeat(32), target: '/tmp/out' };
  await assert.rejects(s.server.client.call('createRestore', { body: order }), { code: 'repository.missing' });
  assert.equal((await endOf(s, await runJob(s))).state, 'succeeded');
  const restore = await s.server.client.call('createRestore', { body: order });
  const end = await endOf(s, restore.id);
  assert.equal(end.state, 'succeeded');
  assert.equal([...s.mover.sessions.values()].at(-1)?.mode, 'read');
});

test('a grant is renewed while its run lasts, and a mover that has restarted gets its session again', async (t) => {
  const clock = new ManualClock(new Date());
  const s = await system(t, { clock });
  s.mover.agents.set(s.agent.id, s.agent);
  const { run, finished, task } = await runUnderWay(s);
  s.mover.sessions.clear();
  await pass(clock, () => s.mover.sessions.size === 1);
  assert.deepEqual(s.agent.renewed, []);
  clock.advance(limits.jobGrantLifetimeMs / 2);
  await pass(clock, () => s.agent.renewed.length > 0);
  const verifier = new GrantVerifier({
    installation: s.server.running.installation,
    keys: s.mover.trust?.identityKeys ?? [],
    clock,
  });
  const [session] = s.mover.sessions.values();
  const grant = await verifier.verify(s.agent.renewed[0] ?? '', { fingerprint: session?.fingerprint });
  assert.equal(grant.sessionId, task.access.sessionId);
  assert.ok(grant.expiresAt.getTime() > clock.now().getTime() + limits.jobGrantLifetimeMs / 2);
  finished.resolve(success(task));
  assert.equal((await endOf(s, run)).state, 'succeeded');
});

test('a run that takes too long is cancelled at the agent and fails', async (t) => {
  const clock = new ManualClock(new Date());
  const s = await system(t, { clock });
  s.mover.agents.set(s.agent.id, s.agent);
  const { run, finished } = await runUnderWay(s);
  clock.advance(168 * 3_600_000);
  await until(() => s.agent.cancelled.includes(run), 'the agent is told');
  finished.reject(new HoldfastError('run.cancelled'));
  const end = await endOf(s, run);
  assert.equal(end.state, 'failed');
  assert.equal(end.error?.code, 'run.timeout');
});

test('an agent that does not stop when it is cancelled loses its session', async (t) => {
  const clock = new ManualClock(new Date());
  const s = await system(t, { clock });
  s.mover.agents.set(s.agent.id, s.agent);
  s.agent.work = () => new Promise(() => undefined);
  const run = await runJob(s);
  await until(() => s.agent.received.length === 1, 'the task has started');
  await s.server.client.call('cancelRun', { params: { id: run } });
  await until(() => s.agent.cancelled.includes(run), 'the agent is told');
  const ended = endOf(s, run);
  await until(() => {
    clock.advance(10_000);
    return s.mover.closedSessions.length === 1;
  }, 'the session is closed under it');
  assert.equal((await ended).state, 'cancelled');
});

test('a session that is told again while its run ends stays closed', async (t) => {
  const clock = new ManualClock(new Date());
  const s = await system(t, { clock });
  s.mover.agents.set(s.agent.id, s.agent);
  const { run, finished, task } = await runUnderWay(s);
  const counts = Promise.withResolvers<void>();
  let [told, counted] = [0, 0];
  s.mover.onSession = async () => {
    told += 1;
    await counts.promise;
    counted += 1;
  };
  await pass(clock, () => told > 0);
  const end = endOf(s, run);
  finished.resolve(success(task));
  await Promise.race([end, delay(500)]);
  counts.resolve();
  assert.equal((await end).state, 'succeeded');
  await until(() => counted === told, 'what was told counts');
  assert.deepEqual([...s.mover.openSessions], []);
});

test('a run that has ended elsewhere while its session was opened leaves no session', async (t) => {
  const s = await system(t);
  s.mover.agents.set(s.agent.id, s.agent);
  s.mover.onSession = async () => {
    s.mover.onSession = undefined;
    await s.server.alterDatabase(`update "runs" set "state" = 'cancelled', "endedAt" = "queuedAt"`);
  };
  await runJob(s);
  await until(() => s.mover.closedSessions.length === 1, 'the session is closed');
  assert.deepEqual([...s.mover.openSessions], []);
  assert.deepEqual(s.agent.received, []);
});

test('an agent that nobody can reach fails the run after a while, with the channel named', async (t) => {
  const clock = new ManualClock(new Date());
  const s = await system(t, { clock });
  const run = await runJob(s);
  const ended = endOf(s, run);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  await until(() => {
    clock.advance(1_000);
    return over;
  }, 'the run has failed');
  const end = await ended;
  assert.equal(end.state, 'failed');
  assert.equal(end.error?.code, 'channel.closed');
  assert.match(end.error?.message ?? '', /server-to-agent-transport.*posix-agent-control/);
  assert.deepEqual(s.agent.received, []);
});
