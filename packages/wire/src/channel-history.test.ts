import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { type HoldfastError, hasCode, ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import fc from 'fast-check';
import { addCounts, ChannelHistory, parseChannelReport, readChannelReport } from './channel-history.ts';
import { historySaveMs, maxHistoryBytes } from './limits.ts';
import type { ChannelCounts } from './meter.ts';
import { connectedPair, testFleet } from './wire-fixture.ts';

const fleet = await testFleet();
const control = 'posix-agent-control';
const start = new Date('2026-03-01T00:00:00.000Z');

const traffic: ChannelCounts['traffic'][number] = {
  ...{ channel: control, direction: 'in', peer: 'agent', connections: 2, openConnections: 1 },
  ...{ receivedBytes: 10, sentBytes: 20, lastUsedAt: '2026-03-01T00:00:01.000Z' },
};
const refusal: ChannelCounts['refusals'][number] = {
  ...{ channel: control, direction: 'out', reason: 'channel.timeout', count: 3, lastAt: '2026-03-01T00:00:02.000Z' },
};

async function history(dataDir: string, clock: ManualClock) {
  const failures: HoldfastError[] = [];
  return {
    failures,
    kept: await ChannelHistory.open({ process: 'mover', dataDir, clock, onFailure: (error) => failures.push(error) }),
  };
}

test('connections are counted by direction and peer, and so are those that failed', async (t) => {
  const clock = new ManualClock(start);
  const overrides = { [control]: 0, enrolment: 0 } as const;
  const server = fleet.wire(t, fleet.server, { overrides, clock });
  const agent = fleet.wire(t, fleet.agent, { clock });
  const { near, far } = await connectedPair(agent, server, control);
  near.stream.write('hello');
  await once(far.stream, 'data');
  clock.advance(5000);
  const common = { channel: control, connections: 1, openConnections: 1 };
  // It is open: in use now, although nothing has come for 5 s. The verdict is one byte.
  const lastUsedAt = '2026-03-01T00:00:05.000Z';
  assert.deepEqual(server.counts().traffic, [
    { ...common, direction: 'in', peer: 'agent', receivedBytes: 5, sentBytes: 1, lastUsedAt },
  ]);
  assert.deepEqual(agent.counts().traffic, [
    { ...common, direction: 'out', peer: 'server', receivedBytes: 1, sentBytes: 5, lastUsedAt },
  ]);
  near.stream.destroy();
  await Promise.all([near.closed, far.closed]);
  clock.advance(5000);
  const [ended] = server.counts().traffic;
  assert.deepEqual([ended?.openConnections, ended?.lastUsedAt], [0, lastUsedAt]);

  const mover = fleet.wire(t, fleet.mover, { clock });
  await assert.rejects(mover.dial(control, '127.0.0.1', { port: near.remotePort }), { code: 'channel.identity' });
  await setImmediate();
  const lastAt = '2026-03-01T00:00:10.000Z';
  const refused = { channel: control, reason: 'channel.identity', count: 1, lastAt };
  assert.deepEqual(server.counts().refusals, [{ ...refused, direction: 'in' }]);
  assert.deepEqual(mover.counts(), { traffic: [], refusals: [{ ...refused, direction: 'out' }] });
});

test('a connection can turn out to be of another channel, and is counted there alone', async (t) => {
  const server = fleet.wire(t, fleet.server, { overrides: { 'client-to-server': 0 } });
  const client = fleet.wire(t, undefined);
  const arrived: Parameters<Parameters<typeof server.listen>[1]['onConnection']>[0][] = [];
  const listener = await server.listen('client-to-server', { onConnection: (one) => arrived.push(one) });
  const options = { port: listener.port, caPem: fleet.installation.caPem };
  const first = await client.dial('client-to-server', '127.0.0.1', options);
  first.stream.write('GET');
  const [scrape] = arrived;
  assert.ok(scrape);
  await once(scrape.stream, 'data');
  // What was counted before goes along.
  assert.equal(server.counts().traffic[0]?.receivedBytes, 3);
  scrape.countAs('metrics-to-server');
  scrape.countAs('metrics-to-server');
  const shown = () =>
    server.counts().traffic.map(({ channel, connections, receivedBytes }) => [channel, connections, receivedBytes]);
  assert.deepEqual(shown(), [['metrics-to-server', 1, 3]]);
  await client.dial('client-to-server', '127.0.0.1', options);
  assert.deepEqual(shown(), [
    ['metrics-to-server', 1, 3],
    ['client-to-server', 1, 0],
  ]);
});

test('counts outlive the process: saved now and then, and at the end; a crash loses minutes', async (t) => {
  const dataDir = temporaryFolder(t);
  const clock = new ManualClock(start);
  let counts: ChannelCounts = { traffic: [], refusals: [] };
  const wire = { counts: () => counts };
  assert.equal(await readChannelReport(dataDir), undefined);
  {
    await using kept = (await history(dataDir, clock)).kept;
    kept.follow(wire);
    counts = { traffic: [traffic], refusals: [] };
  }
  assert.deepEqual(await readChannelReport(dataDir), {
    process: 'mover',
    since: start.toISOString(),
    traffic: [{ ...traffic, openConnections: 0 }],
    refusals: [],
  });

  clock.advance(86_400_000);
  // This one is never disposed: it crashed.
  const crashed = (await history(dataDir, clock)).kept;
  counts = { traffic: [], refusals: [] };
  crashed.follow(wire);
  counts = { traffic: [{ ...traffic, lastUsedAt: '2026-03-02T00:00:00.000Z' }], refusals: [refusal] };
  const text = (): string => readFileSync(join(dataDir, 'channel-use.json'), 'utf8');
  while (!text().includes('channel.timeout')) {
    clock.advance(historySaveMs);
    await setImmediate();
  }

  const { kept, failures } = await history(dataDir, clock);
  assert.deepEqual(kept.report(), {
    process: 'mover',
    since: start.toISOString(),
    traffic: [
      {
        ...traffic,
        connections: 4,
        openConnections: 0,
        receivedBytes: 20,
        sentBytes: 40,
        lastUsedAt: '2026-03-02T00:00:00.000Z',
      },
    ],
    refusals: [refusal],
  });
  assert.deepEqual(failures, []);
});

test('what cannot be read or written is said, and stops nothing', async (t: TestContext) => {
  const dataDir = temporaryFolder(t);
  const clock = new ManualClock(start);
  const file = join(dataDir, 'channel-use.json');
  writeFileSync(file, '{"since":');
  await assert.rejects(readChannelReport(dataDir), (error: unknown) => hasCode(error, 'usage.configuration'));
  const { kept, failures } = await history(dataDir, clock);
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['usage.configuration'],
  );
  assert.deepEqual(kept.report(), { process: 'mover', since: start.toISOString(), traffic: [], refusals: [] });
  writeFileSync(file, ' '.repeat(maxHistoryBytes + 1));
  await assert.rejects(readChannelReport(dataDir), (error: unknown) => hasCode(error, 'usage.configuration'));
  if (process.platform === 'linux') {
    // A file that says that it is empty, and has a gigabyte for every terabyte of addresses.
    mkdirSync(join(dataDir, 'link'));
    symlinkSync('/proc/self/pagemap', join(dataDir, 'link', 'channel-use.json'));
    await assert.rejects(readChannelReport(join(dataDir, 'link')), (error: unknown) =>
      hasCode(error, 'usage.configuration'),
    );
  }
  // A clock that was ahead.
  writeFileSync(
    file,
    JSON.stringify({
      ...{ process: 'mover', since: '2030-01-01T00:00:00.000Z' },
      traffic: [{ ...traffic, lastUsedAt: '2030-01-01T00:00:01.000Z' }],
      refusals: [{ ...refusal, lastAt: '2030-01-01T00:00:01.000Z' }],
    }),
  );
  const { since, traffic: used, refusals } = (await history(dataDir, clock)).kept.report();
  const times = [since, used[0]?.lastUsedAt, refusals[0]?.lastAt];
  assert.deepEqual(
    times,
    times.map(() => start.toISOString()),
  );
  const nowhere = await history(join(dataDir, 'gone'), clock);
  nowhere.kept.follow({ counts: () => ({ traffic: [traffic], refusals: [] }) });
  await nowhere.kept[Symbol.asyncDispose]();
  assert.ok(nowhere.failures.length > 0);
  mkdirSync(join(dataDir, 'folder', 'channel-use.json'), { recursive: true });
  await assert.rejects(readChannelReport(join(dataDir, 'folder')));
});

test('what a process that crashed was writing is removed, and nothing else', async (t) => {
  const dataDir = temporaryFolder(t);
  const clock = new ManualClock(start);
  // Above what any system counts to.
  const names = { crashed: 'channel-use.json.4194999.tmp', other: 'channel-use.json.bak', living: '' };
  names.living = `channel-use.json.${process.ppid}.tmp`;
  for (const name of Object.values(names)) writeFileSync(join(dataDir, name), '');
  const { kept } = await history(dataDir, clock);
  kept.follow({ counts: () => ({ traffic: [traffic], refusals: [] }) });
  await kept[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(dataDir).toSorted(), ['channel-use.json', names.living, names.other].toSorted());
});

test('sums stay numbers that whoever reads a report takes', () => {
  const most = { ...traffic, connections: Number.MAX_SAFE_INTEGER, receivedBytes: Number.MAX_SAFE_INTEGER };
  const report = parseChannelReport(
    JSON.stringify({ process: 'mover', since: start.toISOString(), traffic: [most, most], refusals: [] }),
  );
  assert.deepEqual(parseChannelReport(JSON.stringify(report)), report);
  assert.equal(report?.traffic[0]?.connections, Number.MAX_SAFE_INTEGER);
});

test('whatever is in the file, what is read is a report of known channels, each once', () => {
  const entry = fc.record({
    channel: fc.constantFrom(control, 'constructor', 'no-channel', 7),
    direction: fc.constantFrom('in', 'out', 'up'),
    peer: fc.constantFrom('agent', 'none', 'root', null),
    reason: fc.constantFrom('channel.timeout', 'toString', 7),
    connections: fc.oneof(fc.integer(), fc.double()),
    openConnections: fc.nat(),
    count: fc.nat(),
    receivedBytes: fc.nat(),
    sentBytes: fc.nat(),
    lastUsedAt: fc.constantFrom('2026-03-01T00:00:01.000Z', 'yesterday', 1),
    lastAt: fc.constantFrom('2026-03-01T00:00:01.000Z', '~'),
  });
  const entries = fc.array(fc.oneof(entry, fc.anything()), { maxLength: 6 });
  fc.assert(
    fc.property(entries, entries, (some, others) => {
      const report = parseChannelReport(
        JSON.stringify(
          { process: 'mover', since: start.toISOString(), traffic: some, refusals: others },
          (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
        ),
      );
      assert.ok(report);
      for (const { channel, connections } of report.traffic) assert.ok(channel === control && connections >= 0);
      assert.ok(report.traffic.length <= 4 && report.refusals.length <= 2);
      const { since: _since, process: _process, ...counts } = report;
      assert.deepEqual(addCounts(counts, { traffic: [], refusals: [] }), counts);
    }),
    { seed: 1 },
  );
  for (const text of ['', '[]', 'null', '{"process":"mover","since":"now","traffic":[],"refusals":[]}'])
    assert.equal(parseChannelReport(text), undefined);
});
