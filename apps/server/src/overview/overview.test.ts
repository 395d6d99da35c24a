import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { Counted, Overview } from '@holdfast/protocol';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';
import { usageLookMs } from './limits.ts';

const now = new Date('2026-11-22T07:00:00.000Z');
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000).toISOString();
const sql = (value: string | number | null) =>
  typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);

function insert(table: string, row: Readonly<Record<string, string | number | null>>): string {
  const names = Object.keys(row).map((name) => `"${name}"`);
  return `insert into "${table}" ("tenant", ${names.join(', ')}) values ('local', ${Object.values(row).map(sql).join(', ')});`;
}

/** Everything that is counted. */
function countsOf(value: unknown): Counted[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'query' in value && 'list' in value ? [value as Counted] : [];
  return [...own, ...Object.values(value).flatMap(countsOf)];
}

test('each number of the overview is that of the list which it names, for all groups and for one', async (t) => {
  const clock = new ManualClock(now);
  await using server = await TestServer.start(temporaryFolder(t), { clock });
  const port = await freePort();
  const ports = { 'server-to-mover': port };
  await using mover = new TestMover(await server.join('mover', { ports, group: 'north' }), { port });
  await mover.listen();
  const repository = await server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  // Another group's, on the mover of the first.
  const letters = { name: 'letters', moverId: mover.id, group: 'south' };
  const { id: repositoryId } = await server.client.call('createRepository', { body: letters });
  const agents: string[] = [];
  for (const group of ['north', 'north', 'north', 'south', 'south'])
    agents.push((await server.join('agent', { group, preinstalled: true })).answer.id);
  const [fresh = '', old = '', never = '', drilled = '', revoked = ''] = agents;
  await server.client.call('revokeComputer', { params: { id: revoked } });
  await server.client.call('createJob', {
    body: {
      ...{ name: 'j', computers: [fresh, old], scope: { kind: 'folders', paths: ['/a'] } },
      target: { kind: 'shared', repositoryId: repository.id },
    },
  });
  const snapshot = (id: string, agentId: string, takenAt: string) =>
    insert('snapshots', {
      ...{ id: id.repeat(32), repositoryId: repository.id, agentId, hostname: 'h', sourcesJson: '[]', tagsJson: '[]' },
      ...{ takenAt, totalFiles: 1, totalBytes: 1, storedBytes: 1 },
    });
  let count = 0;
  const run = (
    agentId: string,
    state: string,
    o: { endedAt?: string; code?: string; superseded?: number; kind?: string; repositoryId?: string } = {},
  ) => {
    count += 1;
    const error = {
      code: o.code,
      message: `it failed: ${o.code}`,
      retry: 'permanent',
      guidance: 'mend it',
      context: {},
    };
    return insert('runs', {
      ...{ id: `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`, agentId, state },
      ...{
        kind: o.kind ?? 'backup',
        repositoryId: o.repositoryId ?? repository.id,
        orderJson: '{}',
        sessionId: 's',
        handedOver: 1,
        cancelRequested: 0,
      },
      ...{ queuedAt: daysAgo(1), endedAt: o.endedAt ?? null, problemsJson: '[]', problemCount: 0 },
      ...{ degradationsJson: '[]', superseded: o.superseded ?? 0, errorCode: o.code ?? null },
      errorJson: o.code === undefined ? null : JSON.stringify(error),
    });
  };
  await server.alterDatabase(
    [
      ...[snapshot('aa', fresh, daysAgo(0.5)), snapshot('ab', fresh, daysAgo(40))],
      ...[snapshot('ac', old, daysAgo(20)), snapshot('ad', drilled, daysAgo(100))],
      run(fresh, 'succeeded', { endedAt: daysAgo(0.5) }),
      run(old, 'failed', { endedAt: daysAgo(0.4), code: 'storage.full' }),
      run(old, 'failed', { endedAt: daysAgo(0.3), code: 'storage.full' }),
      run(never, 'failed', { endedAt: daysAgo(0.3), code: 'channel.refused' }),
      run(never, 'failed', { endedAt: daysAgo(0.35), code: 'channel.refused', superseded: 1 }),
      run(drilled, 'failed', { endedAt: daysAgo(3), code: 'storage.full' }),
      run(mover.id, 'failed', { endedAt: daysAgo(0.2), code: 'storage.tampered', kind: 'check', repositoryId }),
      run(mover.id, 'running', { kind: 'prune', repositoryId }),
      insert('receipts', {
        ...{ number: 1, at: daysAgo(60), outcome: 'good', runId: 'r', repositoryId: repository.id, agentId: drilled },
        ...{ snapshotId: 'ad'.repeat(32), drillJson: '{}', jws: 'a.b.c' },
      }),
      `update "repositories" set "usedBytes" = 5000, "measuredAt" = '${daysAgo(0)}' where "name" = 'books';`,
      insert('groupUsage', { groupName: 'north', day: daysAgo(30).slice(0, 10), usedBytes: 3000 }),
      insert('groupUsage', { groupName: 'north', day: daysAgo(0).slice(0, 10), usedBytes: 5000 }),
    ].join('\n'),
  );

  const { client: confined } = await server.person('sam', 'backup-operator', { groups: ['south'] });
  const told: Overview[] = [];
  for (const client of [server.client, confined]) {
    const overview = await client.call('overview', {});
    told.push(overview);
    const counts = countsOf(overview);
    assert.ok(counts.length > 20);
    for (const { count: shown, list, query } of counts) {
      const filter = Object.fromEntries(new URLSearchParams(query));
      const answer =
        list === 'approvals'
          ? (await client.call('approvals', { query: { only: 'waiting' } })).approvals.length
          : (
              await client.call(list === 'ransomware-alerts' ? 'ransomwareAlerts' : list, {
                query: { ...filter, total: 'true' },
              })
            ).total;
      assert.equal(answer, shown, `${list}?${query}`);
    }
  }
  const [all, south] = told as [Overview, Overview];
  assert.deepEqual(
    all.backups.buckets.map(({ id, count: shown }) => [id, shown]),
    [
      ['day', 1],
      ['three-days', 0],
      ['week', 0],
      ['month', 1],
      ['older', 1],
      ['never', 1],
    ],
  );
  assert.equal(all.backups.worst[0]?.id, never);
  assert.deepEqual(
    [all.computers.agents.count, all.computers.protected.count, all.computers.untrusted.count],
    [4, 1, 1],
  );
  assert.deepEqual(
    all.failures.causes.map(({ code, count: shown, computers }) => [code, shown, computers]),
    [
      ['storage.full', 2, 1],
      ['channel.refused', 1, 1],
      ['storage.tampered', 1, 1],
    ],
  );
  const [cause] = all.failures.causes;
  assert.equal(cause?.last.message, 'it failed: storage.full');
  assert.ok(cause && cause.guidance.length > 0 && cause.meaning.length > 0);
  assert.deepEqual([all.storage.usedBytes, all.storage.before30, all.storage.largest[0]?.name], [5000, 3000, 'books']);
  assert.deepEqual(
    all.drills.buckets.map(({ count: shown }) => shown),
    [0, 1, 0, 2],
  );
  assert.deepEqual([south.computers.agents.count, south.storage.usedBytes, south.failures.count], [1, 0, 1]);
  // What is done to one's own repository, by a mover that one may not see.
  assert.deepEqual(
    [...south.failures.causes.map(({ last }) => last), ...south.running.runs].map(({ hostname }) => hostname),
    [mover.id.slice(0, 8), mover.id.slice(0, 8)],
  );
  const window = await server.client.call('overview', { query: { from: daysAgo(4), to: daysAgo(2) } });
  assert.deepEqual(
    window.failures.causes.map(({ last }) => last.agentId),
    [drilled],
  );

  // What the database keeps up by itself.
  await server.alterDatabase(`delete from "snapshots" where "id" = '${'aa'.repeat(32)}'`);
  const [computer] = (await server.client.call('computers', { query: { sort: 'lastBackup', order: 'desc' } }))
    .computers;
  assert.deepEqual([computer?.id, computer?.lastResult], [old, 'failed']);
  const names: string[] = [];
  for (let after: string | undefined; ; ) {
    const query = { sort: 'lastBackup' as const, limit: 2, ...(after === undefined ? {} : { after }) };
    const page = await server.client.call('computers', { query });
    names.push(...page.computers.map(({ id }) => id));
    after = page.next;
    if (after === undefined) break;
  }
  assert.equal(new Set(names).size, 6, 'each computer once, over all pages');
});

test('a job’s calendar has what its schedule starts, by the wall clock of its time zone', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t), { clock: new ManualClock(now) });
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const repository = await server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  const agent = await server.join('agent', { preinstalled: true });
  const job = await server.client.call('createJob', {
    body: {
      ...{ name: 'j', computers: [agent.answer.id], scope: { kind: 'folders', paths: ['/a'] } },
      ...{ target: { kind: 'shared', repositoryId: repository.id }, timeZone: 'Europe/Berlin' },
      schedule: { kind: 'daily', at: '02:30' },
    },
  });
  const calendar = await server.client.call('jobCalendar', {
    params: { id: job.id },
    query: { from: '2026-10-23T22:00:00.000Z', to: '2026-10-26T22:00:00.000Z' },
  });
  // The clocks are put back on the 25th: 02:30 comes twice, and is due at the first.
  assert.deepEqual(calendar.due, ['2026-10-24T00:30:00.000Z', '2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
  const { jobs, total } = await server.client.call('jobs', { query: { agentId: agent.answer.id, total: 'true' } });
  assert.deepEqual([jobs.map(({ id }) => id), total], [[job.id], 1]);
});

test('movers measure their repositories once a day, and one that can not is asked again', async (t) => {
  const clock = new ManualClock(now);
  await using server = await TestServer.start(temporaryFolder(t), { clock });
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const { id } = await server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  await server.alterDatabase(`update "repositories" set "initialisedAt" = '2026-11-22T06:00:00.000Z'`);
  const measured = async (usedBytes: number | undefined) => {
    clock.advance(usageLookMs);
    const { repositories } = await server.client.call('repositories', { query: { sort: 'name', text: 'BOOK' } });
    return repositories[0]?.usedBytes === usedBytes && repositories.length === 1;
  };
  assert.ok(await measured(undefined));
  for (const name of ['empty', 'new'])
    await server.client.call('createRepository', { body: { name, moverId: mover.id } });
  const seen: string[] = [];
  for (let after: string | undefined; ; ) {
    const query = {
      measured: 'false',
      sort: 'usedBytes',
      limit: 1,
      ...(after === undefined ? {} : { after }),
    } as const;
    const { repositories, next } = await server.client.call('repositories', { query });
    seen.push(...repositories.map(({ name }) => name));
    after = next;
    if (after === undefined) break;
  }
  assert.equal(new Set(seen).size, 3, 'each that was never measured, over all pages, whatever the order');
  mover.usedBytes = 4_000;
  await until(() => measured(4_000), 'the first day');
  clock.advance(86_400_000);
  mover.usedBytes = 5_000;
  await until(() => measured(5_000), 'the second day');
  const { days } = await server.client.call('repositoryUsage', { params: { id } });
  assert.deepEqual(
    days.map(({ usedBytes }) => usedBytes),
    [4_000, 5_000],
  );
  const sums = async () => (await server.client.call('overview', {})).storage;
  await until(async () => (await sums()).trend.length === 2, 'the sums of both days');
  const { usedBytes, trend } = await sums();
  assert.deepEqual([usedBytes, trend.map((each) => each.usedBytes)], [5_000, [4_000, 5_000]]);
});
