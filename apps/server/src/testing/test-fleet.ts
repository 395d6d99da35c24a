import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { TaskResult } from '@holdfast/protocol';
import { success, TestAgent } from './test-agent.ts';
import { TestInstance } from './test-instance.ts';
import { TestMover } from './test-mover.ts';
import { TestPostgres } from './test-postgres.ts';
import { TestServer, until } from './test-server.ts';

interface Callable {
  readonly isRunning: boolean;
  readonly running: { portOf(channel: 'posix-agent-control'): number };
}

/** An agent that does each task once, however often it is asked for it, and calls in again wherever it can. */
class FleetAgent {
  readonly agent: TestAgent;
  readonly jobId: string;
  /** Tasks by id, and how often each was begun. */
  readonly begun = new Map<string, number>();
  readonly #done = new Map<string, Promise<TaskResult>>();

  constructor(agent: TestAgent, jobId: string) {
    this.agent = agent;
    this.jobId = jobId;
    agent.work = (task, { taskId }) => {
      const known = this.#done.get(taskId);
      if (known) return known;
      this.begun.set(taskId, (this.begun.get(taskId) ?? 0) + 1);
      const doing = delay(200 + Math.random() * 1_500).then(() => {
        const done = success(task);
        return { ...done, result: { ...done.result, snapshotId: randomBytes(32).toString('hex') } };
      });
      this.#done.set(taskId, doing);
      return doing;
    };
  }

  /** At one of them first, so that each instance has an agent; later wherever it happens to come. */
  async callIn(instances: readonly Callable[], first: number, signal: AbortSignal): Promise<void> {
    for (let tries = 0; !signal.aborted; tries += 1) {
      const running = instances.filter(({ isRunning }) => isRunning);
      const chosen = running[tries === 0 ? first % running.length : Math.floor(Math.random() * running.length)];
      try {
        if (chosen) {
          await using peer = await this.agent.hold(chosen);
          // It may be over since the agent began to call.
          if (signal.aborted) return;
          await Promise.race([peer.closed, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
        }
      } catch {
        // That instance is going or coming: another one, soon.
      }
      await delay(100);
    }
  }
}

/** Three instances on one PostgreSQL, two of which can be killed, and agents that only call in: each is at one of them. */
export class TestFleet {
  readonly cluster: TestPostgres;
  readonly server: TestServer;
  readonly others: readonly [TestInstance, TestInstance];
  readonly mover: TestMover;
  readonly agents: readonly FleetAgent[];

  private constructor(o: {
    cluster: TestPostgres;
    server: TestServer;
    others: readonly [TestInstance, TestInstance];
    mover: TestMover;
    agents: readonly FleetAgent[];
  }) {
    this.cluster = o.cluster;
    this.server = o.server;
    this.others = o.others;
    this.mover = o.mover;
    this.agents = o.agents;
  }

  static async start(t: TestContext, agentCount: number): Promise<TestFleet> {
    const stack = new AsyncDisposableStack();
    // Before the database goes.
    t.after(() => stack.disposeAsync());
    const cluster = await TestPostgres.start(t);
    await cluster.statement('create database fleet');
    const database = cluster.url('fleet');
    const folder = temporaryFolder(t);
    const server = stack.use(await TestServer.start(folder, { database }));
    const from = join(folder, 'server');
    const others = [
      stack.use(await TestInstance.start({ folder: join(folder, 'second'), from, database })),
      stack.use(await TestInstance.start({ folder: join(folder, 'third'), from, database })),
    ] as const;
    const port = await freePort();
    const mover = stack.use(
      new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }),
    );
    await mover.listen();
    const repository = await server.client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
    const agents: FleetAgent[] = [];
    const stop = new AbortController();
    const calling: Promise<void>[] = [];
    stack.defer(async () => {
      stop.abort();
      await Promise.all(calling);
    });
    for (let number = 0; number < agentCount; number += 1) {
      const agent = stack.use(new TestAgent(await server.join('agent', { preinstalled: true })));
      const { id } = await server.client.call('createJob', {
        body: {
          name: `files ${number}`,
          computers: [agent.id],
          target: { kind: 'shared', repositoryId: repository.id },
          scope: { kind: 'folders', paths: ['/srv'] },
          retries: { count: 0 },
        },
      });
      const one = new FleetAgent(agent, id);
      agents.push(one);
      const here = { isRunning: true, running: server.running };
      calling.push(one.callIn([here, ...others], number, stop.signal));
    }
    return new TestFleet({ cluster, server, others, mover, agents });
  }

  /** Queues runs of every agent. */
  async queue(runsEach: number): Promise<void> {
    for (let round = 0; round < runsEach; round += 1)
      for (const { jobId } of this.agents) await this.server.client.call('runJob', { params: { id: jobId }, body: {} });
  }

  async open(): Promise<number> {
    const [count] = await this.statement(`select count(*) from runs where state in ('queued', 'running')`);
    return Number(count);
  }

  statement(text: string): Promise<string[]> {
    return this.cluster.statement(text, 'fleet');
  }

  /** No run was lost and none was done twice: each was begun once by its agent, and is in the catalogue as done, with its snapshot. */
  async verify(runCount: number): Promise<void> {
    const runs = await this.statement(`select id, state, coalesce("errorJson", '') from runs`);
    assert.equal(runs.length, runCount);
    assert.deepEqual(
      runs.filter((row) => !row.includes('|succeeded|')),
      [],
    );
    const begun = this.agents.flatMap((agent) => [...agent.begun]);
    assert.deepEqual(
      begun.filter(([, times]) => times !== 1),
      [],
    );
    assert.equal(begun.length, runCount);
    assert.deepEqual(await this.statement('select count(*), count(distinct "runId") from snapshots'), [
      `${runCount}|${runCount}`,
    ]);
    await until(() => this.mover.openSessions.size === 0, 'nothing stays open at the mover');
  }
}
