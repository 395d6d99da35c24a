import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { LogLine, TaskStatistics } from '@holdfast/protocol';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

async function system(t: TestContext, o: { clock?: ManualClock; config?: { historyDays: number } } = {}) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const server = stack.use(await TestServer.start(temporaryFolder(t), { logLevel: 'info', ...o }));
  const port = await freePort();
  const mover = stack.use(new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port }));
  await mover.listen();
  // It holds its connection, and so needs no way that the server dials.
  const agent = stack.use(new TestAgent(await server.join('agent', { preinstalled: true })));
  await agent.hold(server);
  const repository = await server.client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  const job = await server.client.call('createJob', {
    body: {
      name: 'files',
      computers: [agent.id],
      target: { kind: 'shared', repositoryId: repository.id },
      scope: { kind: 'folders', paths: ['/srv'] },
      retries: { count: 0 },
    },
  });
  const start = async () => {
    const session = await server.client.call('runJob', { params: { id: job.id }, body: {} });
    const [run] = await server.runsOf(session.id);
    return { sessionId: session.id, runId: run?.id ?? assert.fail() };
  };
  return { server, mover, agent, start };
}

const lineOf = (second: number, message: string, process: LogLine['process'] = 'agent'): LogLine => ({
  ...{ at: `2026-01-01T00:00:0${second}.000Z`, level: second === 2 ? 'warning' : 'info', process, message },
});

test('the log of a run has the lines of all who work on it, once, in pages and as a stream', async (t) => {
  const { server, mover, agent, start } = await system(t);
  mover.sessionLog = [lineOf(3, 'opened', 'server')];
  const statistics: TaskStatistics = {
    samples: [{ at: '2026-01-01T00:00:01.000Z', bytesDone: 7, transferredBytes: 3 }],
    channels: [
      {
        channel: 'agent-to-mover-data',
        direction: 'out',
        address: '192.0.2.1',
        port: 2500,
        connections: 1,
        sentBytes: 9,
        receivedBytes: 1,
      },
    ],
  };
  const cut = Promise.withResolvers<void>();
  let attached = 0;
  agent.work = async (task, { emit }) => {
    attached += 1;
    // As an agent does, it tells all of it again to whoever attaches.
    for (const line of [lineOf(1, 'begun\u001b[2J'), lineOf(2, 'not read', 'server')])
      await emit({ kind: 'log', line });
    if (attached === 1) {
      await cut.promise;
      return success(task);
    }
    await emit({ kind: 'log', line: lineOf(4, 'at the end') });
    await emit({ kind: 'statistics', statistics });
    return success(task);
  };
  const { runId, sessionId } = await start();
  const followed = Array.fromAsync(server.client.events('runLogEvents', { params: { id: runId } }));
  await until(async () => {
    const { lines } = await server.client.call('runLog', { params: { id: runId } });
    return lines.some(({ message }) => message === 'not read');
  }, 'the first lines');
  await agent.cut();
  cut.resolve();
  await agent.hold(server);
  await server.follow(runId);

  const lines = await server.client.list('runLog', { params: { id: runId }, query: { limit: 3 } });
  assert.deepEqual(
    lines.map(({ number }) => number),
    lines.map((_, at) => at),
  );
  const told = lines.filter(({ process }) => process !== 'server').map(({ message }) => message);
  // What an agent or a mover tells is its own, whatever it says.
  assert.deepEqual(told.toSorted(), ['at the end', 'begun [2J', 'not read', 'opened'].toSorted());
  const own = lines.filter(({ process }) => process === 'server').map(({ message }) => message);
  assert.equal(own.filter((message) => message.includes('is reached along posix-agent-control')).length, 2);
  assert.equal(own.at(-1), 'Run ended: succeeded');
  assert.deepEqual(await followed, lines);
  const later = server.client.events('runLogEvents', { params: { id: runId }, query: { after: lines.length - 2 } });
  assert.deepEqual(await Array.fromAsync(later), lines.slice(-1));

  const grave = await server.client.list('runLog', { params: { id: runId }, query: { level: 'warning' } });
  assert.deepEqual(
    grave.filter(({ process }) => process === 'agent').map(({ message }) => message),
    ['not read'],
  );
  const ofSession = await server.client.list('sessionLog', { params: { id: sessionId }, query: { limit: 4 } });
  assert.deepEqual(
    ofSession.toSorted((a, b) => a.number - b.number),
    lines,
  );
  const newest = { limit: 4, order: 'desc' } as const;
  const fromTheEnd = await server.client.list('sessionLog', { params: { id: sessionId }, query: newest });
  assert.deepEqual(fromTheEnd, ofSession.toReversed());

  const used = await server.client.call('runStatistics', { params: { id: runId } });
  assert.deepEqual(used.samples, statistics.samples);
  const [carrier, data] = used.channels;
  assert.equal(data?.channel, 'agent-to-mover-data');
  assert.ok(data.rows.includes('agent-to-linux-repository.data-channels'));
  assert.deepEqual(
    [carrier?.channel, carrier?.direction, carrier?.address, carrier?.port],
    ['posix-agent-control', 'in', '127.0.0.1', server.running.portOf('posix-agent-control')],
  );
  assert.ok((carrier?.sentBytes ?? 0) > 0 && (carrier?.receivedBytes ?? 0) > 0);
  assert.ok(carrier?.rows.includes('linux-agent-to-server.control'));
  // In the log of the process each of its lines has the ids.
  const logged = server.logged.filter((line) => line.includes('is reached along'));
  assert.ok(logged.length > 0 && logged.every((line) => line.includes(runId) && line.includes(sessionId)));
});

test('what is too much is left out, and said; the end is there', async (t) => {
  const { server, agent, start } = await system(t);
  const many = 1500;
  agent.work = async (task, { emit }) => {
    for (let number = 0; number < many; number += 1) {
      const at = new Date(Date.UTC(2026, 0, 1) + number).toISOString();
      await emit({ kind: 'log', line: { at, level: 'info', process: 'agent', message: `${number}` } });
    }
    return success(task);
  };
  const { runId } = await start();
  await server.follow(runId);
  const lines = await server.client.list('runLog', { params: { id: runId } });
  assert.ok(lines.length <= 1100, `${lines.length}`);
  const [said, end] = lines.slice(-2);
  const kept = lines.filter(({ process }) => process === 'agent').length;
  assert.equal(said?.message, `${many - kept} lines of this log were left out: there were too many`);
  assert.equal(end?.message, 'Run ended: succeeded');
});

test('logs and statistics of runs are forgotten with their sessions, as many days after as the server is set to', async (t) => {
  const clock = new ManualClock(new Date());
  const { server, agent, start } = await system(t, { clock, config: { historyDays: 2 } });
  const statistics: TaskStatistics = { samples: [], channels: [] };
  agent.work = async (task, { emit }) => {
    await emit({ kind: 'log', line: { ...lineOf(1, 'begun'), at: clock.now().toISOString() } });
    await emit({ kind: 'statistics', statistics });
    return success(task);
  };
  const hourMs = 3_600_000;
  const runs: string[] = [];
  for (const laterMs of [40 * hourMs, 4 * hourMs]) {
    const { runId } = await start();
    await server.follow(runId);
    runs.push(runId);
    clock.advance(laterMs);
  }
  const [early = '', late = ''] = runs;
  const of = async (table: string): Promise<string[]> =>
    server.readDatabase(`select distinct "runId" from "${table}" order by "runId"`);
  for (const table of ['runLog', 'runStatistics']) assert.deepEqual(await of(table), runs.toSorted(), table);
  clock.advance(5 * hourMs);
  await until(async () => {
    // Who was about to look when the time went on looks again when more has gone by.
    clock.advance(60_000);
    return (await of('runLog')).length === 1;
  }, 'the old log is forgotten');
  assert.deepEqual([await of('runLog'), await of('runStatistics')], [[late], [late]]);
  // The run itself stays as long as the snapshot that it made is listed.
  assert.deepEqual(await server.client.list('runLog', { params: { id: early } }), []);
  assert.ok((await server.client.list('runLog', { params: { id: late } })).length > 0);
});
