import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { CallArguments, Routes, Run, Task, TaskResult } from '@holdfast/protocol';
import type { ServerConfigInput } from '../config.ts';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

interface System {
  readonly server: TestServer;
  readonly clock: ManualClock;
  readonly agent: TestAgent;
  readonly executor: TestAgent;
  readonly repositoryId: string;
  /** Changes the job. */
  readonly setJob: (settings: Partial<JobInput>) => Promise<void>;
  /** Runs a backup to its end. */
  readonly backUp: () => Promise<void>;
  /** Those that have ended, the oldest first. */
  readonly runs: (kind: Run['kind']) => Promise<Run[]>;
  /** Lets days pass until that many runs of the kind have ended, and gives them, the oldest first. Not more than one a day. */
  readonly ended: (kind: Run['kind'], count: number) => Promise<Run[]>;
}

type JobInput = NonNullable<CallArguments<Routes['createJob']>['body']>;

const snapshotId = 'ab'.repeat(32);

async function system(t: TestContext, config: ServerConfigInput = {}): Promise<System> {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  // From now on: certificates are checked by the system's clock too.
  const clock = new ManualClock(new Date());
  const server = stack.use(await TestServer.start(temporaryFolder(t), { clock, config }));
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
  const job: JobInput = {
    name: 'files',
    computers: [agent.id],
    target: { kind: 'shared', repositoryId },
    scope: { kind: 'folders', paths: ['/srv'] },
    retries: { count: 0 },
    healthCheck: { enabled: false },
  };
  const { id: jobId } = await server.client.call('createJob', { body: job });
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
    setJob: async (settings) =>
      void (await server.client.call('changeJob', { params: { id: jobId }, body: { ...job, ...settings } })),
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
  s.server.client.call('setRepositoryMaintenance', {
    params: { id: s.repositoryId },
    body: { drill: manual, ...body },
  });
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
  assert.ok(task.choose.by === 'retention');
  // The job has none of its own.
  assert.deepEqual(
    task.choose.rules.map((rule) => rule.retention),
    [retention, retention],
  );
  assert.match(task.access.password ?? '', /^.{21,}$/);
});

test('a database that fails for a while ends no maintenance', async (t) => {
  const s = await system(t);
  await s.backUp();
  await set(s, { retention, prune: manual, check: manual });
  await s.server.alterDatabase('alter table "maintenanceStates" rename to "away"');
  const failed = () => s.server.logged.some((line) => line.includes('maintenance was not looked at'));
  for (let looks = 0; looks < 100 && !failed(); looks += 1) {
    s.clock.advance(30_000);
    await delay(50);
  }
  assert.ok(failed());
  await s.server.alterDatabase('alter table "away" rename to "maintenanceStates"');
  assert.deepEqual(
    (await s.ended('forget', 1)).map(({ state }) => state),
    ['succeeded'],
  );
});

test('a job says how long the backups of its computers are kept, and when they are checked', async (t) => {
  const s = await system(t);
  await s.backUp();
  await set(s, { retention, prune: manual, check: manual });
  const [own, daily] = [{ keep: { by: 'points', points: 9 } } as const, { kind: 'daily', at: '04:00' } as const];
  await s.setJob({ retention: own, healthCheck: { enabled: true, schedule: daily } });
  assert.deepEqual(
    (await s.ended('check', 2)).map(({ state }) => state),
    ['succeeded', 'succeeded'],
  );
  const forgets = () => s.executor.received.flatMap(({ task }) => (task.kind === 'forget' ? [task] : []));
  await until(() => forgets().length > 0, 'retention');
  const [forget = assert.fail()] = forgets();
  const { hostname } = await s.server.client.call('computer', { params: { id: s.agent.id } });
  const rules = [{ hosts: [hostname], paths: ['/srv'], retention: own }, { retention }];
  assert.deepEqual(forget.choose, { by: 'retention', rules });
});

test('of each kind of work it is told how it went last, and when it is due next', async (t) => {
  const s = await system(t);
  const params = { id: s.repositoryId };
  const times = async () => {
    const { work } = await s.server.client.call('maintenanceTimes', { params });
    return Object.fromEntries(work.map(({ kind, ...rest }) => [kind, rest]));
  };
  const daily = { kind: 'daily', at: '04:00' } as const;
  await set(s, { retention, prune: manual, check: manual, forget: daily, timeZone: 'Europe/Berlin' });
  assert.deepEqual(await times(), { forget: {}, prune: {}, check: {}, drill: {} }, 'nothing before the first backup');
  await s.backUp();
  const due = async (kind: string) => {
    const { nextAt = '' } = (await times())[kind] ?? {};
    const ahead = Date.parse(nextAt) - s.clock.now().getTime();
    assert.ok(ahead > 0 && ahead <= 25 * 3_600_000, nextAt);
    const clock = { timeStyle: 'short', timeZone: 'Europe/Berlin' } as const;
    assert.equal(new Intl.DateTimeFormat('en-GB', clock).format(new Date(nextAt)), '04:00');
  };
  await due('forget');
  assert.equal((await times())['check']?.nextAt, undefined);
  // The job has its repository checked as well.
  await s.setJob({ healthCheck: { enabled: true, schedule: daily }, timeZone: 'Europe/Berlin' });
  await due('check');
  const last = (await s.ended('forget', 2)).at(-1);
  const { last: told } = (await times())['forget'] ?? {};
  assert.deepEqual([told?.id, told?.state, told?.endedAt], [last?.id, 'succeeded', last?.endedAt]);
  assert.equal((await times())['prune']?.last, undefined);
});

test('deleting backups, and keeping less of them, waits for a second administrator, and is then done', async (t) => {
  const s = await system(t);
  const { server } = s;
  await s.backUp();
  const inCatalogue = async () => (await server.client.call('snapshots', {})).snapshots.map(({ id }) => id);
  const ids = await inCatalogue();
  assert.equal(ids.length, 1);
  const keep = (days: number) => ({ drill: manual, retention: { keep: { by: 'days', days } } }) as const;
  const params = { id: s.repositoryId };
  await server.client.call('setRepositoryMaintenance', { params, body: keep(30) });
  const seen = await server.client.tagged('repositoryMaintenance', { params });
  const alice = await server.person('alice', 'administrator');
  const bob = await server.person('bob', 'administrator', { by: alice.client });
  const ofAlice = [
    () => alice.client.call('forgetSnapshots', { params, body: { snapshotIds: ids } }),
    () => alice.client.call('setRepositoryMaintenance', { params, body: keep(29) }),
  ];
  for (const ask of ofAlice) await assert.rejects(ask(), { code: 'approval.needed' });
  // Nobody is asked to keep more, and the file of the local administrator is nobody who may do it alone.
  await alice.client.call('setRepositoryMaintenance', { params, body: keep(31) });
  // What somebody else has changed meanwhile is not written over.
  await assert.rejects(alice.client.call('setRepositoryMaintenance', { params, body: keep(32), ifMatch: seen.tag }), {
    code: 'request.changed',
  });
  await assert.rejects(server.client.call('forgetSnapshots', { params, body: { snapshotIds: ids } }), {
    code: 'approval.needed',
  });
  assert.deepEqual(await inCatalogue(), ids);
  const forgets = () => s.executor.received.flatMap(({ task }) => (task.kind === 'forget' ? [task.choose] : []));
  assert.deepEqual(forgets(), []);
  assert.deepEqual((await server.client.call('repositoryMaintenance', { params })).retention, keep(31).retention);

  const { approvals } = await bob.client.call('approvals', {});
  const of = (action: string) =>
    approvals.find((one) => one.action === action && one.requestedBy === 'user/alice')?.id ?? assert.fail(action);
  for (const action of ['forgetSnapshots', 'setRepositoryMaintenance']) {
    await assert.rejects(alice.client.call('approveRequest', { params: { id: of(action) } }), {
      code: 'auth.forbidden',
    });
    assert.equal((await bob.client.call('approveRequest', { params: { id: of(action) } })).state, 'approved');
  }
  assert.deepEqual((await server.client.call('repositoryMaintenance', { params })).retention, keep(29).retention);
  await until(() => forgets().length > 0, 'the backup is forgotten');
  assert.deepEqual(forgets(), [{ by: 'ids', snapshotIds: ids }]);
});

test('where two have to agree, a job must not make kept backups go either', async (t) => {
  const s = await system(t, { people: { fourEyes: 'on' } });
  const points = (count: number) => ({ keep: { by: 'points', points: count } }) as const;
  // Nothing is there yet.
  await s.setJob({ retention: points(100) });
  await s.backUp();
  await s.setJob({ retention: points(200) });
  const needed = { code: 'approval.needed' };
  await assert.rejects(s.setJob({ retention: points(100) }), needed);
  const body: JobInput = {
    name: 'others',
    scope: { kind: 'folders', paths: ['/srv'] },
    computers: [s.agent.id],
    target: { kind: 'shared', repositoryId: s.repositoryId },
  };
  await s.server.client.call('createJob', { body });
  await assert.rejects(s.server.client.call('createJob', { body: { ...body, retention: points(3) } }), needed);
  // What the job keeps for longer would go by the repository's own rule with it.
  await set(s, {});
  await s.server.alterDatabase(`update "repositories" set "maintenanceJson" = '${JSON.stringify({ retention })}'`);
  const { jobs } = await s.server.client.call('jobs', {});
  const id = jobs.find(({ name }) => name === 'files')?.id ?? assert.fail();
  await assert.rejects(s.server.client.call('deleteJob', { params: { id } }), needed);
  const { approvals } = await s.server.client.call('approvals', {});
  assert.equal(approvals[0]?.request['name'], 'files');
});

test('maintenance belongs to the repository, wherever its mover is', async (t) => {
  const server = await TestServer.start(temporaryFolder(t));
  t.after(() => server[Symbol.asyncDispose]());
  const port = await freePort();
  const mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port }, group: 'north' }), {
    port,
  });
  t.after(() => mover[Symbol.asyncDispose]());
  await mover.listen();
  await server.haveGroup('south');
  const { id: repositoryId } = await server.client.call('createRepository', {
    body: { name: 'first', moverId: mover.id, group: 'south' },
  });
  await server.alterDatabase(`update "repositories" set "initialisedAt" = "createdAt"`);
  await server.alterDatabase(
    `insert into "snapshots" ("tenant", "id", "repositoryId", "agentId", "hostname", "sourcesJson", "tagsJson", "takenAt",
     "totalFiles", "totalBytes", "storedBytes") values ('local', '${snapshotId}', '${repositoryId}', '${mover.id}', 'foreign',
     '[]', '[]', '2026-01-01T00:00:00.000Z', 1, 1, 1)`,
  );
  const { client: north } = await server.person('nora', 'backup-operator', { groups: ['north'] });
  const { client: south } = await server.person('sam', 'backup-operator', { groups: ['south'] });
  const body = { kind: 'check' } as const;
  const { id } = await south.call('maintain', { params: { id: repositoryId }, body });
  assert.equal((await south.call('run', { params: { id } })).id, id);
  await assert.rejects(north.call('run', { params: { id } }), { code: 'request.missing' });
  await assert.rejects(north.call('cancelRun', { params: { id } }), { code: 'request.missing' });
  assert.equal((await south.call('runs', {})).runs.length, 1);
  assert.equal((await north.call('runs', {})).runs.length, 0);
  assert.equal((await south.call('snapshots', {})).snapshots.length, 1);
  assert.equal((await north.call('snapshots', {})).snapshots.length, 0);
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
