import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { type TestContext, test } from 'node:test';
import { HoldfastError, systemClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import {
  agentPolicy,
  type SnapshotFacts,
  type Task,
  type TaskContext,
  type TaskOutcome,
  TaskRegistry,
} from '@holdfast/protocol';
import { pino } from 'pino';
import { Policies } from '../policies/policies.ts';
import { PolicyStore } from '../policies/policy-store.ts';
import { runOwnTask, type TaskEnvironment } from '../tasks.ts';
import { panelHandlers } from './panel-handlers.ts';
import { RecentTasks } from './recent-tasks.ts';

const log = pino({ level: 'silent' });
const agentId = '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11';
const policyId = '11111111-9f52-4c1e-9a57-0b0d5f0c7f11';
const signal = new AbortController().signal;

/** The panel of a computer with one policy, whose tasks are what the test does. */
async function panel(t: TestContext, o: { work: Work; hasOwnKey?: boolean; maxRunning?: number }) {
  const dataDir = temporaryFolder(t);
  const store = await PolicyStore.open({ dataDir, agentId, log });
  const recent = await RecentTasks.open({ dataDir, clock: systemClock, log });
  const tasks = new TaskRegistry(
    (task, context, { run: id }) =>
      recent.during({ id, by: { who: 'panel' }, task, context }, (noted) => o.work(task, noted)),
    { maxRunning: o.maxRunning ?? 4, process: 'agent' },
  );
  t.after(async () => {
    await tasks.stop();
    await recent.settled();
  });
  const policies = new Policies({ store, registry: tasks, clock: systemClock, log });
  await store.change({ policies: [policy] });
  const handlers = panelHandlers({
    ...{ agentId, platform: 'linux', policies, recent, tasks, clock: systemClock },
    server: () => ({ host: 'server' }),
    hasOwnKey: async () => o.hasOwnKey ?? false,
  });
  const restore = (taskId: string) =>
    handlers.restore(
      {
        ...{ policyId, taskId, snapshotId: 'ab'.repeat(32), target: '/restored', include: [] },
        ...{ overwrite: 'refuse', verify: false, dryRun: false },
      },
      signal,
    );
  return { handlers, tasks, restore };
}

type Work = (task: Task, context: TaskContext) => Promise<TaskOutcome>;

const policy = agentPolicy.parse({
  ...{ id: policyId, name: 'nightly', changedAt: '2025-12-31T00:00:00.000Z' },
  repositoryId: '22222222-9f52-4c1e-9a57-0b0d5f0c7f11',
  ...{ schedule: { kind: 'daily', at: '01:00' }, timeZone: 'UTC', missed: 'run-once', windows: [] },
  retries: { count: 0, pauseMinutes: 10 },
  task: {
    ...{ kind: 'backup', sources: ['/srv'], excludes: [], oneFileSystem: false, tags: [], initialise: false },
    access: {
      ...{ tenant: 'local', repository: 'all', password: 'of the server', grant: 'g1', direction: 'agent-dials' },
      mover: { id: agentId, host: 'store', port: 6162, fingerprint: 'A'.repeat(43) },
    },
  },
});

test('of a repository that others back up to as well the own backups are shown, and how many of it can not be read', async (t) => {
  const facts = (id: string, host: string): SnapshotFacts => ({
    ...{ id: id.repeat(64), hostname: host, takenAt: '2026-01-01T00:00:00.000Z', sources: ['/'], tags: [] },
  });
  const pages = new Map<string | undefined, TaskOutcome>([
    [
      undefined,
      { kind: 'snapshots', snapshots: [facts('a', hostname()), facts('b', 'another')], next: 'b'.repeat(64) },
    ],
    ['b'.repeat(64), { kind: 'snapshots', snapshots: [facts('d', hostname())] }],
  ]);
  const { handlers } = await panel(t, {
    work: async (task, context) => {
      assert.ok(task.kind === 'snapshots');
      if (task.after !== undefined) context.problem(new HoldfastError('repository.damaged'));
      return pages.get(task.after) ?? assert.fail(task.after);
    },
  });
  const first = await handlers.snapshots({ policyId }, signal);
  assert.deepEqual([first.snapshots.map(({ id }) => id[0]), first.unreadable, first.next?.[0]], [['a'], 0, 'b']);
  const second = await handlers.snapshots({ policyId, after: first.next }, signal);
  assert.deepEqual([second.snapshots.map(({ id }) => id[0]), second.unreadable, second.next], [['d'], 1, undefined]);
});

test('a restore that can not begin is refused, and one that is asked for again is the same', async (t) => {
  const ends: (() => void)[] = [];
  const { handlers, restore, tasks } = await panel(t, {
    work: () =>
      new Promise((_, reject) => ends.push(() => reject(new HoldfastError('run.cancelled', { message: 'ended' })))),
    maxRunning: 1,
  });
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  await restore(one);
  await restore(one);
  await assert.rejects(restore(two), { code: 'internal.limit' });
  const { tasks: shown } = await handlers.state({}, signal);
  assert.deepEqual(
    shown.map(({ id, state, target }) => [id, state, target]),
    [[one, 'running', '/restored']],
  );
  for (const end of ends) end();
  await tasks.ended(one);
  await restore(two);
  for (const end of ends) end();
  await tasks.ended(two);
});

test('a computer with a key of its own restores nothing that the server has the key of, and its panel says so', async (t) => {
  const environment = {
    ownKey: async () => ({ password: 'only this computer has it' }),
    zeroKnowledge: undefined,
  } as TaskEnvironment;
  const { handlers, restore, tasks } = await panel(t, {
    work: (task, context) => runOwnTask(environment, task, context),
    hasOwnKey: true,
  });
  const id = crypto.randomUUID();
  await restore(id);
  await tasks.ended(id);
  const { ownKey, tasks: shown } = await handlers.state({}, signal);
  assert.deepEqual(
    [ownKey, shown.map(({ state, error, repository }) => [state, error?.code, repository])],
    [true, [['failed', 'zero-knowledge.refused', 'all']]],
  );
  assert.match(shown[0]?.error?.message ?? '', /Repository all is one whose key the server has/);
});
