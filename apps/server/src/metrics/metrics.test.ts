import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { channelUseIntervalMs } from '../limits.ts';
import { TestAgent } from '../testing/test-agent.ts';
import { TestServer, until } from '../testing/test-server.ts';

const scrapes =
  'holdfast_channel_connections_total{process="server",channel="metrics-to-server",direction="in",peer="none"}';

async function start(t: TestContext, o: Parameters<typeof TestServer.start>[1] = {}, folder = temporaryFolder(t)) {
  const server = await TestServer.start(folder, o);
  const tokenFile = join(dirname(server.running.tokenFile), 'metrics-token');
  const token = readFileSync(tokenFile, 'utf8').trim();
  /** As Prometheus does it: a connection of its own for each scrape. */
  const get = async (path: string, given = token, method: 'GET' | 'POST' = 'GET') => {
    await using http = server.httpTo('client-to-server');
    const headers = given === '' ? {} : { authorization: `Bearer ${given}` };
    const response = await http.request({ method, path, headers });
    return { status: response.status, type: response.headers['content-type'], text: await response.text(1 << 20) };
  };
  return { server, token, tokenFile, get };
}

test('only who has the token reads the metrics, and reads nothing else with it', async (t) => {
  const { server, token, tokenFile, get } = await start(t);
  t.after(() => server[Symbol.asyncDispose]());
  if (process.platform !== 'win32') assert.equal(statSync(tokenFile).mode & 0o777, 0o600);
  const { status, type, text } = await get('/metrics');
  assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
  assert.match(text, /^holdfast_channel_reporting_processes\{process="server"\} 1$/m);
  // No address, no name, no id.
  assert.doesNotMatch(text, /127\.0\.0\.1|test-host|[0-9a-f]{8}-[0-9a-f]{4}/);
  assert.doesNotMatch(text, new RegExp(token));
  assert.equal((await get('/metrics', server.token)).status, 200);
  for (const wrong of ['', 'hfm_wrong', `${token}x`]) assert.equal((await get('/metrics', wrong)).status, 401, wrong);
  for (const path of ['/api/v1/status', '/api/openapi.json', '/api/v1/metrics', '/metrics/', '//metrics'])
    assert.equal((await get(path)).status, 401, path);
  assert.equal((await get('/metrics', token, 'POST')).status, 401);
});

test('scrapes are counted as of their channel, and over restarts', async (t) => {
  const folder = temporaryFolder(t);
  const first = await start(t, {}, folder);
  for (let scrape = 1; scrape <= 2; scrape += 1) await first.get('/metrics');
  const { text } = await first.get('/metrics');
  assert.ok(text.includes(`\n${scrapes} 3\n`), text);
  assert.doesNotMatch(text, /connections_total\{[^}]*channel="client-to-server"/);
  await first.server[Symbol.asyncDispose]();
  const second = await start(t, {}, folder);
  t.after(() => second.server[Symbol.asyncDispose]());
  assert.ok((await second.get('/metrics')).text.includes(`\n${scrapes} 4\n`));
});

test('the fleet is added up; what a computer makes up gets into no label', async (t) => {
  const clock = new ManualClock(new Date());
  const { server, get } = await start(t, { clock });
  t.after(() => server[Symbol.asyncDispose]());
  await using agent = new TestAgent(await server.join('agent'));
  const lastUsedAt = '2026-03-01T00:00:00.000Z';
  const report = (connections: number): NonNullable<TestAgent['report']> => {
    const honest = {
      ...{ channel: 'posix-agent-control', direction: 'out' as const, peer: 'server', connections },
      ...{ openConnections: 1, receivedBytes: 0, sentBytes: 0, lastUsedAt },
    };
    return {
      process: 'agent',
      since: lastUsedAt,
      traffic: [honest, { ...honest, channel: 'x"}\nevil 1' }, { ...honest, peer: '198.51.100.7' }],
      refusals: [{ channel: 'enrolment', direction: 'in', reason: 'x.y', count: 1, lastAt: lastUsedAt }],
    };
  };
  agent.report = report(5);
  await agent.hold(server);
  await until(
    async () => (await get('/metrics')).text.includes('holdfast_computers{role="agent",state="online"} 1'),
    'the agent is online',
  );
  const series = (name: string): RegExp =>
    new RegExp(
      `^holdfast_channel_${name}\\{process="agent",channel="posix-agent-control",direction="out",peer="server"\\} (\\d+)$`,
      'm',
    );
  const value = async (name: string): Promise<string | undefined> =>
    series(name).exec((await get('/metrics')).text)?.[1];
  // Once: calls that are under way have limits by the same clock.
  const collected = async (expected: string): Promise<void> => {
    clock.advance(channelUseIntervalMs);
    await until(async () => (await value('connections_total')) === expected, `${expected} connections`);
  };
  await collected('0');
  agent.report = report(8);
  await collected('3');
  assert.equal(await value('open_connections'), '1');
  assert.equal(await value('last_used_timestamp_seconds'), String(Date.parse(lastUsedAt) / 1000));
  const { text } = await get('/metrics');
  assert.doesNotMatch(text, /evil|198\.51|x\.y/);
  const { processes } = await server.client.call('channelUse', {});
  assert.equal(processes.find(({ role }) => role === 'agent')?.report?.traffic.length, 3);
});

test('a round that fails is left out, and the next one is made', async (t) => {
  const clock = new ManualClock(new Date());
  const { server } = await start(t, { clock });
  t.after(() => server[Symbol.asyncDispose]());
  const rounds = (): number =>
    server.logged.filter((line) => line.includes('counts of channel use was left out')).length;
  await server.alterDatabase('ALTER TABLE computers RENAME TO elsewhere');
  for (const round of [1, 2]) {
    // Until it is under way: the one before may not sleep yet.
    await until(() => {
      clock.advance(channelUseIntervalMs);
      return Promise.resolve(rounds() >= round);
    }, `${round} rounds that fail`);
  }
});
