import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { jobSettings, Session, TaskResult } from '@holdfast/protocol';
import type { z } from 'zod';
import type { ServerConfigInput } from '../config.ts';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

type NewJob = z.input<typeof jobSettings>;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

class Fleet {
  readonly server: TestServer;
  readonly mover: TestMover;
  readonly agents: readonly TestAgent[];
  readonly clock: ManualClock;

  constructor(o: { server: TestServer; mover: TestMover; agents: readonly TestAgent[]; clock: ManualClock }) {
    this.server = o.server;
    this.mover = o.mover;
    this.agents = o.agents;
    this.clock = o.clock;
  }

  async job(settings: Partial<NewJob> = {}) {
    return this.server.client.call('createJob', {
      body: {
        name: 'files',
        computers: this.agents.map(({ id }) => id),
        scope: { kind: 'folders', paths: ['/srv'] },
        target: { kind: 'own', moverId: this.mover.id },
        timeZone: 'UTC',
        retries: { count: 0 },
        ...settings,
      },
    });
  }

  run(id: string, computers?: string[]): Promise<Session> {
    return this.server.client.call('runJob', { params: { id }, body: computers ? { computers } : {} });
  }

  session(id: string): Promise<Session> {
    return this.server.client.call('session', { params: { id } });
  }

  async sessionsOf(jobId: string): Promise<Session[]> {
    return (await this.server.client.call('sessions', { query: { jobId } })).sessions;
  }

  /** Waits for its end; no time passes meanwhile. */
  async ended(id: string): Promise<Session> {
    await until(async () => (await this.session(id)).endedAt !== undefined, 'the session has ended');
    return this.session(id);
  }

  /**
   * Time passes in steps until it is so, at first by `jumpMs`. What a step sets off has a second to show: on a busy machine time
   * must not run away.
   */
  async passUntil(isSo: () => Promise<boolean>, jumpMs = 0): Promise<void> {
    this.clock.advance(jumpMs);
    for (let step = 0; step < 60; step += 1) {
      for (let looks = 0; looks < 100; looks += 1) {
        if (await isSo()) return;
        await delay(10);
      }
      this.clock.advance(15_000);
    }
    assert.fail('waited in vain');
  }
}

async function fleet(t: TestContext, count: number, config: ServerConfigInput = {}): Promise<Fleet> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const clock = new ManualClock(new Date());
  const server = stack.use(await TestServer.start(temporaryFolder(t), { clock, config }));
  const port = await freePort();
  const mover = stack.use(new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }));
  await mover.listen();
  const agents: TestAgent[] = [];
  for (let made = 0; made < count; made += 1) {
    const agent = stack.use(new TestAgent(await server.join('agent')));
    mover.agents.set(agent.id, agent);
    agents.push(agent);
  }
  return new Fleet({ server, mover, agents, clock });
}

/** Each of its snapshots is another one. */
function madeBy(agent: TestAgent, task: Parameters<TestAgent['work']>[0]): TaskResult {
  const made = success(task);
  if (made.result.kind !== 'backup') return made;
  return { ...made, result: { ...made.result, snapshotId: agent.id.replaceAll('-', '').repeat(2) } };
}

test('every computer of a job has a task in its session, and a repository of its own', async (t) => {
  const f = await fleet(t, 3);
  for (const agent of f.agents) agent.work = async (task) => madeBy(agent, task);
  const job = await f.job();
  const session = await f.ended((await f.run(job.id)).id);
  assert.equal(session.state, 'succeeded');
  assert.equal(session.tasks.succeeded, 3);
  assert.equal(session.processedBytes, 30);
  const { repositories } = await f.server.client.call('repositories', {});
  assert.equal(repositories.length, 3);
  assert.equal(new Set(repositories.map(({ name }) => name)).size, 3);
  assert.ok(repositories.every(({ location }) => location.startsWith('/nowhere/local/test-host')));
  // The next session uses the same.
  assert.equal((await f.ended((await f.run(job.id)).id)).state, 'succeeded');
  assert.equal((await f.server.client.call('repositories', {})).repositories.length, 3);
  const view = await f.server.client.call('job', { params: { id: job.id } });
  assert.equal(view.lastSession?.state, 'succeeded');
});

test('one computer of a job is run alone; one of another job is refused', async (t) => {
  const f = await fleet(t, 2);
  const [first, second] = f.agents;
  assert.ok(first && second);
  const job = await f.job();
  const session = await f.ended((await f.run(job.id, [first.id])).id);
  assert.equal(session.tasks.succeeded, 1);
  assert.equal(second.received.length, 0);
  await assert.rejects(f.run(job.id, [f.mover.id]), { code: 'request.missing' });
});

test('what failed is tried again after the pause, as often as the job says; then by hand, and only that', async (t) => {
  const f = await fleet(t, 2);
  const [good, bad] = f.agents;
  assert.ok(good && bad);
  bad.work = async () => {
    throw new HoldfastError('storage.full');
  };
  const job = await f.job({ retries: { count: 1, pauseMinutes: 10 } });
  const { id } = await f.run(job.id);
  await until(async () => (await f.session(id)).tasks.queued === 1 && good.received.length === 1, 'the retry waits');
  assert.equal((await f.session(id)).endedAt, undefined);
  await f.passUntil(async () => bad.received.length === 2, 10 * minuteMs);
  const failed = await f.ended(id);
  assert.equal(failed.state, 'failed');
  assert.deepEqual([failed.tasks.succeeded, failed.tasks.failed], [1, 1]);
  assert.equal(bad.received.length, 2);

  bad.work = async (task) => madeBy(bad, task);
  await f.server.client.call('retrySession', { params: { id } });
  const again = await f.ended(id);
  assert.equal(again.state, 'succeeded');
  assert.deepEqual([good.received.length, bad.received.length], [1, 3]);
  await assert.rejects(f.server.client.call('retrySession', { params: { id } }), { code: 'request.conflict' });
});

test('jobs take turns: one of many computers does not keep another waiting', async (t) => {
  const f = await fleet(t, 4, { parallelRuns: 1 });
  const order: string[] = [];
  for (const agent of f.agents)
    agent.work = async (task) => {
      order.push(agent.id);
      return madeBy(agent, task);
    };
  const last = f.agents.at(-1)?.id ?? '';
  const many = await f.job({ computers: f.agents.slice(0, 3).map(({ id }) => id) });
  const few = await f.job({ name: 'one', computers: [last] });
  const gate = Promise.withResolvers<void>();
  const [first] = f.agents;
  assert.ok(first);
  const work = first.work;
  first.work = async (task, context) => {
    await gate.promise;
    return work(task, context);
  };
  const big = await f.run(many.id);
  const small = await f.run(few.id);
  gate.resolve();
  await Promise.all([f.ended(big.id), f.ended(small.id)]);
  assert.equal(order.length, 4);
  assert.ok(order.indexOf(last) <= 2, `it came as ${order.indexOf(last) + 1}`);
});

test('slots of a repository, and of a mover, bound what runs at once', async (t) => {
  await runOneByOne(t, { parallelRunsPerRepository: 1 }, async (f) => {
    const { id } = await f.server.client.call('createRepository', { body: { name: 'shared', moverId: f.mover.id } });
    return { kind: 'shared', repositoryId: id };
  });
  // Each in a repository of its own.
  await runOneByOne(t, { parallelRunsPerMover: 1 }, async (f) => ({ kind: 'own', moverId: f.mover.id }));
});

async function runOneByOne(
  t: TestContext,
  config: ServerConfigInput,
  targetOf: (f: Fleet) => Promise<NewJob['target']>,
): Promise<void> {
  const f = await fleet(t, 3, config);
  let atOnce = 0;
  let most = 0;
  for (const agent of f.agents)
    agent.work = async (task) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      return madeBy(agent, task);
    };
  const job = await f.job({ target: await targetOf(f) });
  assert.equal((await f.ended((await f.run(job.id)).id)).tasks.succeeded, 3);
  assert.equal(most, 1);
}

test('what a job says of a backup reaches the agent, and without a word what is usual', async (t) => {
  const f = await fleet(t, 1);
  const [agent] = f.agents;
  assert.ok(agent);
  const taskOf = async (settings: Partial<NewJob>) => {
    const { id } = await f.job({ name: crypto.randomUUID(), ...settings });
    await f.ended((await f.run(id)).id);
    const task = agent.received.at(-1)?.task;
    assert.ok(task?.kind === 'backup');
    return task;
  };
  const windows = [{ from: '08:00', to: '18:00', days: ['monday' as const] }];
  const rules = [{ bytesPerSecond: 2_000_000, windows }];
  const told = {
    ...{ excludes: ['*.iso'], oneFileSystem: true, tags: ['nightly'], compression: 'max' as const },
    scripts: { pre: 'freeze', post: 'thaw', timeoutSeconds: 60, preFailure: 'warn' as const },
  };
  const { bandwidth, scripts, ...task } = await taskOf({ ...told, bandwidth: rules });
  assert.deepEqual([bandwidth?.timeZone, bandwidth?.rules], ['UTC', rules]);
  assert.deepEqual({ ...scripts, job: undefined }, { ...told.scripts, job: undefined });
  assert.deepEqual(
    [task.sources, task.excludes, task.oneFileSystem, task.tags, task.compression],
    [['/srv'], told.excludes, true, told.tags, 'max'],
  );
  const plain = await taskOf({});
  assert.deepEqual(
    [plain.bandwidth, plain.scripts, plain.excludes, plain.oneFileSystem, plain.compression],
    [undefined, undefined, [], false, 'auto'],
  );
  // What is usual: retries every ten minutes, and a check on the last Friday of each month.
  const { retries, healthCheck } = await f.server.client.call('createJob', {
    body: {
      ...{ name: 'usual', computers: [agent.id], scope: { kind: 'folders', paths: ['/srv'] } },
      target: { kind: 'own', moverId: f.mover.id },
    },
  });
  assert.deepEqual(retries, { count: 3, pauseMinutes: 10 });
  assert.deepEqual(healthCheck.schedule, { kind: 'monthly', on: { nth: 'last', weekday: 'friday' }, at: '05:00' });
});

test('a session is stopped gracefully: what is under way ends, what waits does not begin', async (t) => {
  const f = await fleet(t, 2, { parallelRuns: 1 });
  const [first, second] = f.agents;
  assert.ok(first && second);
  const gate = Promise.withResolvers<void>();
  for (const agent of f.agents)
    agent.work = async (task) => {
      await gate.promise;
      return madeBy(agent, task);
    };
  const job = await f.job();
  const { id } = await f.run(job.id);
  await until(() => first.received.length + second.received.length === 1, 'one is under way');
  await f.server.client.call('stopSession', { params: { id }, body: { how: 'gracefully' } });
  gate.resolve();
  const session = await f.ended(id);
  assert.equal(session.state, 'cancelled');
  assert.deepEqual([session.tasks.succeeded, session.tasks.cancelled], [1, 1]);
});

test('a job is due by its schedule, each time once, and others follow it', async (t) => {
  const f = await fleet(t, 1);
  const [agent] = f.agents;
  assert.ok(agent);
  agent.work = async (task) => madeBy(agent, task);
  const hourly = await f.job({ schedule: { kind: 'interval', everyMinutes: 60 } });
  const follower = await f.job({ name: 'next', schedule: { kind: 'after', jobId: hourly.id } });
  assert.ok(hourly.nextRunAt);
  await f.passUntil(async () => (await f.sessionsOf(hourly.id)).length === 1, 60 * minuteMs);
  await f.ended((await f.sessionsOf(hourly.id))[0]?.id ?? '');
  await f.passUntil(async () => (await f.sessionsOf(follower.id)).length === 1);
  await f.ended((await f.sessionsOf(follower.id))[0]?.id ?? '');
  await f.passUntil(async () => (await f.sessionsOf(hourly.id)).length === 2, 60 * minuteMs);
  await f.ended((await f.sessionsOf(hourly.id))[0]?.id ?? '');
  const sessions = await f.sessionsOf(hourly.id);
  assert.ok(sessions.every(({ trigger }) => trigger === 'schedule'));
  assert.equal((await f.sessionsOf(follower.id))[0]?.trigger, 'after');
  const moments = sessions.map(({ createdAt }) => createdAt.slice(0, 13));
  assert.equal(new Set(moments).size, moments.length, 'no hour twice');

  // A disabled one is left alone; it is not due any more.
  const { id, createdAt: _c, changedAt: _m, nextRunAt: _n, lastSession: _l, ...settings } = hourly;
  const disabled = await f.server.client.call('changeJob', {
    params: { id },
    body: { ...settings, enabled: false },
  });
  assert.equal(disabled.nextRunAt, undefined);
  await assert.rejects(f.server.client.call('deleteJob', { params: { id } }), { code: 'request.conflict' });
  await f.server.client.call('deleteJob', { params: { id: follower.id } });
  await f.server.client.call('deleteJob', { params: { id } });
});

test('outside of its windows a job waits, and what goes on when one closes is stopped and says so', async (t) => {
  const f = await fleet(t, 1);
  const [agent] = f.agents;
  assert.ok(agent);
  const stopped = Promise.withResolvers<TaskResult>();
  agent.work = () => stopped.promise;
  const hourOf = (inHours: number): Date => new Date((Math.floor(f.clock.now().getTime() / hourMs) + inHours) * hourMs);
  const [opens, closes] = [hourOf(2), hourOf(3)];
  const at = (time: Date): string => time.toISOString().slice(11, 16);
  const job = await f.job({ windows: [{ from: at(opens), to: at(closes) }] });
  const { id } = await f.run(job.id);
  assert.equal((await f.session(id)).state, 'queued');
  assert.equal(agent.received.length, 0);
  await f.passUntil(async () => agent.received.length === 1, opens.getTime() - f.clock.now().getTime());
  f.clock.advance(closes.getTime() - f.clock.now().getTime());
  await f.passUntil(async () => agent.cancelled.length > 0);
  stopped.reject(new HoldfastError('run.cancelled'));
  await f.ended(id);
  assert.equal((await f.session(id)).state, 'failed');
  const [run] = await f.server.runsOf(id);
  assert.equal(run?.error?.code, 'job.window');
});

test('what can be no job is refused', async (t) => {
  const f = await fleet(t, 1);
  const job = await f.job();
  await assert.rejects(f.job({ computers: [] }), { code: 'request.invalid' });
  await assert.rejects(f.job({ computers: [crypto.randomUUID()] }), { code: 'request.missing' });
  await assert.rejects(f.job({ target: { kind: 'shared', repositoryId: crypto.randomUUID() } }), {
    code: 'request.missing',
  });
  await assert.rejects(f.job({ timeZone: 'Europe/Nowhere' }), { code: 'request.invalid' });
  const follower = await f.job({ name: 'b', schedule: { kind: 'after', jobId: job.id } });
  const { id, createdAt: _c, changedAt: _m, nextRunAt: _n, lastSession: _l, ...settings } = job;
  const body = { ...settings, schedule: { kind: 'after' as const, jobId: follower.id } };
  await assert.rejects(f.server.client.call('changeJob', { params: { id }, body }), { code: 'request.invalid' });
});

test('a group is whoever is in it when the job runs', async (t) => {
  const f = await fleet(t, 1);
  const [agent] = f.agents;
  assert.ok(agent);
  const job = await f.job({ computers: [], groups: ['default'] });
  assert.equal((await f.ended((await f.run(job.id)).id)).tasks.succeeded, 1);
  const empty = await f.job({ name: 'nobody', computers: [], groups: ['nobody'] });
  await assert.rejects(f.run(empty.id), { code: 'request.conflict' });
});
