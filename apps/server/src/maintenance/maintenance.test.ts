import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { Run, Task, TaskResult } from '@holdfast/protocol';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

interface System {
  readonly server: TestServer;
  readonly clock: ManualClock;
  readonly agent: TestAgent;
  readonly executor: TestAgent;
  readonly repositoryId: string;
  /** Runs a backup to its end. */
  readonly backUp: () => Promise<void>;
  /** Those that have ended, the oldest first. */
  readonly runs: (kind: Run['kind']) => Promise<Run[]>;
  /** Lets days pass until that many runs of the kind have ended, and gives them, the oldest first. Not more than one a day. */
  readonly ended: (kind: Run['kind'], count: number) => Promise<Run[]>;
}

const snapshotId = 'ab'.repeat(32);

async function system(t: TestContext): Promise<System> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  // From now on: certificates are checked by the system's clock too.
  const clock = new ManualClock(new Date());
  const server = stack.use(await TestServer.start(temporaryFolder(t), { clock }));
  const port = await freePort();
  const enrolled = await server.join('mover', { ports: { 'server-to-mover': port } });
  const mover = stack.use(new TestMover(enrolled, { port }));
  mover.executor = stack.use(new TestAgent(enrolled));
  mover.executor.listening = { 'server-to-mover': port };
  mover.executor.work = async (task) => outcome(task);
  await mover.listen();
  const agent = stack.use(new TestAgent(await server.join('agent')));
  mover.agents.set(agent.id, agent);
  const { id: repositoryId } = await server.client.call('createRepository', {
    body: { name: 'first', moverId: mover.id },
  });
  const { id: jobId } = await server.client.call('createJob', {
    body: {
      name: 'files',
      computers: [agent.id],
      target: { kind: 'shared', repositoryId },
      scope: { kind: 'folders', paths: ['/srv'] },
      retries: { count: 0 },
    },
  });
  const runs = async (kind: Run['kind']): Promise<Run[]> => {
    const { runs: all } = await server.client.call('runs', { query: {} });
    return all.filter((run) => run.kind === kind && run.endedAt !== undefined).toReversed();
  };
  return {
    server,
    clock,
    agent,
    executor: mover.executor,
    runs,
    repositoryId,
    backUp: async () => {
      const session = await server.client.call('runJob', { params: { id: jobId }, body: {} });
      const [run] = await server.runsOf(session.id);
      assert.equal((await server.follow(run?.id ?? assert.fail())).at(-1)?.state, 'succeeded');
    },
    ended: async (kind, count) => {
      let days = 0;
      for (;;) {
        const before = (await runs(kind)).length;
        assert.ok(before <= days, 'more than one of a day');
        if (before >= count) return runs(kind);
        assert.ok(days < count + 5, `waited in vain for ${count} of ${kind}`);
        days += 1;
        clock.advance(86_400_000);
        // Beyond that what is due is done once, after the next day: a machine that stands still only makes it later.
        for (let looks = 0; looks < 500 && (await runs(kind)).length === before; looks += 1) await delay(10);
      }
    },
  };
}

function outcome(task: Task): TaskResult {
  const numbers = { durationMs: 1 };
  const rest = { problems: [], problemCount: 0, degradations: [] };
  switch (task.kind) {
    case 'forget':
      return {
        result: { kind: 'forget', removed: [snapshotId], more: false, retained: 0, kept: 3, ...numbers },
        ...rest,
      };
    case 'check': {
      const counts = { snapshots: 1, packs: 1, blobs: 1, trees: 1, bytesRead: 1, warnings: 0 };
      return { result: { kind: 'check', ...counts, ...numbers }, ...rest };
    }
    case 'prune': {
      const counts = { deletedPacks: 1, deletedBytes: 1, newPacks: 0, spared: 0, retained: 0 };
      return { result: { kind: 'prune', ...counts, ...numbers }, ...rest };
    }
    default:
      return success(task);
  }
}

const set = (s: System, body: Parameters<typeof s.server.client.call<'setRepositoryMaintenance'>>[1]['body']) =>
  s.server.client.call('setRepositoryMaintenance', { params: { id: s.repositoryId }, body });
const manual = { kind: 'manual' } as const;
const retention = { keep: { by: 'days', days: 7 } } as const;

test('what is due comes once for each time, and what was forgotten leaves the catalogue', async (t) => {
  const s = await system(t);
  await s.backUp();
  assert.equal((await s.server.client.call('snapshots', {})).snapshots.length, 1);
  await set(s, { retention, prune: manual, check: manual });
  const states = (await s.ended('forget', 2)).map(({ state }) => state);
  assert.deepEqual(states, ['succeeded', 'succeeded']);
  assert.equal((await s.server.client.call('snapshots', {})).snapshots.length, 0);
  const task = s.executor.received[0]?.task;
  assert.ok(task?.kind === 'forget');
  assert.deepEqual(task.choose, { by: 'retention', rules: [{ retention }] });
  assert.ok(task.access.password.length > 20);
});

test('without retention nothing is forgotten, and after a backup what it no longer keeps is', async (t) => {
  const s = await system(t);
  await s.backUp();
  const forget = { params: { id: s.repositoryId }, body: { kind: 'forget' as const } };
  await assert.rejects(s.server.client.call('maintain', forget), { code: 'request.conflict' });
  await set(s, { retention, forget: manual, prune: manual, check: manual });
  for (let tries = 0; (await s.runs('forget')).length === 0; tries += 1) {
    assert.ok(tries < 20, 'nothing was forgotten after 20 backups');
    await s.backUp();
    // The scheduler follows backups from its first look after the first computer came.
    s.clock.advance(60_000);
    for (let looks = 0; looks < 100 && (await s.runs('forget')).length === 0; looks += 1) await delay(10);
  }
  assert.deepEqual(
    (await s.runs('forget')).map(({ state }) => state),
    ['succeeded'],
  );
});

test('checks read one part after the other, and the same again after a failure', async (t) => {
  const s = await system(t);
  await s.backUp();
  await set(s, { forget: manual, prune: manual, check: { kind: 'daily', at: '05:00' }, checkParts: 3 });
  s.executor.work = async (task) => {
    if (s.executor.received.length === 2) throw new HoldfastError('repository.damaged', { message: 'Found damage.' });
    return outcome(task);
  };
  const states = (await s.ended('check', 5)).map(({ state }) => state);
  assert.deepEqual(states.slice(0, 5), ['succeeded', 'failed', 'succeeded', 'succeeded', 'succeeded']);
  const parts = s.executor.received.map(({ task }) => (task.kind === 'check' ? task.read : assert.fail(task.kind)));
  assert.deepEqual(
    parts.slice(0, 5),
    [1, 2, 2, 3, 1].map((part) => ({ part, of: 3 })),
  );
});
