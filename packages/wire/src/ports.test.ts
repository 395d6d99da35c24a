import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { channel } from '@holdfast/contract';
import { type HoldfastError, hasCode } from '@holdfast/core';
import { freeRange } from '@holdfast/core/testing';
import { bindError } from './failure.ts';
import { describeHolders } from './port-holders.ts';
import { parseStickyPorts } from './sticky-ports.ts';
import { testFleet } from './wire-fixture.ts';

const fleet = await testFleet();
const service = 'windows-agent-service';
const range = await freeRange(3);
const onConnection = (): void => undefined;

async function occupy(t: TestContext, port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => new Promise((resolve) => server.close(resolve)));
}

async function stateFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-wire-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('a busy port makes the agent service take the next one, and keep it across restarts', async (t) => {
  const stateDir = await stateFolder(t);
  const options = { overrides: { [service]: range }, stateDir, role: 'agent-windows', platform: 'win32' } as const;
  {
    const blocker = createServer().listen(range.from, '127.0.0.1');
    await once(blocker, 'listening');
    await using first = fleet.wire(t, fleet.agent, options);
    const listener = await first.listen(service, { onConnection });
    assert.equal(listener.port, range.from + 1);
    assert.match(listener.reason ?? '', new RegExp(`${range.from}.* taken .*listening on port ${range.from + 1}`));
    await new Promise((resolve) => blocker.close(resolve));
  }
  // The first port is free again, but the server knows the second one.
  await using second = fleet.wire(t, fleet.agent, options);
  const again = await second.listen(service, { onConnection });
  assert.deepEqual([again.port, again.reason], [range.from + 1, undefined]);
  assert.deepEqual(JSON.parse(await readFile(join(stateDir, 'ports.json'), 'utf8')), { [service]: range.from + 1 });
});

test('a kept port that is taken gives way to the next free one, which is kept instead', async (t) => {
  const stateDir = await stateFolder(t);
  await writeFile(join(stateDir, 'ports.json'), JSON.stringify({ [service]: range.from + 2, other: 1 }));
  await occupy(t, range.from + 2);
  const wire = fleet.wire(t, fleet.agent, { overrides: { [service]: range }, stateDir });
  assert.equal((await wire.listen(service, { onConnection })).port, range.from);
  assert.deepEqual(JSON.parse(await readFile(join(stateDir, 'ports.json'), 'utf8')), {
    [service]: range.from,
    other: 1,
  });
});

test('when every port is taken the error lists who holds which', async (t) => {
  for (let port = range.from; port <= range.to; port += 1) await occupy(t, port);
  const listen = (platform: NodeJS.Platform): Promise<unknown> =>
    fleet.wire(t, fleet.agent, { overrides: { [service]: range }, platform }).listen(service, { onConnection });
  // Whatever platform's channels are used, the system that really runs here is asked.
  const seen: unknown = await listen('win32').catch((error: unknown) => error);
  assert.ok(hasCode(seen, 'port.occupied'));
  if (process.platform === 'linux') {
    const holder = (port: number): string => `${port} by \\S+ \\(pid ${process.pid}\\)`;
    assert.match(seen.message, new RegExp(`${holder(range.from)}, ${holder(range.from + 1)}, ${holder(range.to)}`));
  }
  assert.match(await describeHolders([range.from], 'darwin'), /cannot be seen from here/);
});

test('a fallback goes to the channel that stands in, then to any free port, and says why', async (t) => {
  await occupy(t, range.from);
  const overrides = { 'client-to-server': range.from, 'client-to-server-alternate': range.from + 1 };
  const wire = fleet.wire(t, fleet.server, { overrides });
  await assert.rejects(wire.listen('client-to-server', { onConnection }), { code: 'port.occupied' });
  const channels: string[] = [];
  const alternate = await wire.listen('client-to-server', {
    port: 'fallback',
    onConnection: (connection) => channels.push(connection.channel),
  });
  assert.equal(alternate.port, range.from + 1);
  assert.deepEqual(alternate.channels, ['client-to-server', 'client-to-server-alternate']);
  assert.match(alternate.reason ?? '', /is taken/);
  const client = fleet.wire(t, undefined);
  const { caPem } = fleet.installation;
  await client.dial('client-to-server', '127.0.0.1', { port: alternate.port, caPem });
  await client.dial('client-to-server-alternate', '127.0.0.1', { port: alternate.port, caPem });
  assert.deepEqual(channels, ['client-to-server', 'client-to-server-alternate']);

  const anywhere = await wire.listen('client-to-server', { port: 'fallback', onConnection });
  assert.ok(anywhere.port > range.to || anywhere.port < range.from);
  assert.match(anywhere.reason ?? '', new RegExp(`listening on port ${anywhere.port} instead`));
});

test('why a port could not be bound is told apart', () => {
  const failed = (code: string, port: number, platform: NodeJS.Platform): HoldfastError =>
    bindError(Object.assign(new Error(code), { code }), {
      channel: channel('client-to-server'),
      host: '::',
      port,
      platform,
    });
  assert.equal(failed('EADDRINUSE', 443, 'linux').code, 'port.occupied');
  const forbidden = failed('EACCES', 443, 'linux');
  assert.equal(forbidden.code, 'port.forbidden');
  assert.match(forbidden.guidance, /CAP_NET_BIND_SERVICE/);
  assert.match(failed('EACCES', 6162, 'linux').guidance, /SELinux/);
  const reserved = failed('EACCES', 2600, 'win32');
  assert.equal(reserved.code, 'port.reserved');
  assert.match(reserved.guidance, /excludedportrange/);
  assert.equal(failed('EADDRNOTAVAIL', 443, 'linux').code, 'usage.configuration');
});

test('without the right to listen on a port below 1024 the fallback is used', {
  skip:
    process.platform !== 'linux' || process.getuid?.() !== 0
      ? 'needs Linux and root, to become a user without the right'
      : false,
}, () => {
  // A process of its own, because giving up root can't be undone. The loader needs no rights beyond reading.
  const program = `
    import { bindChannels } from '${new URL('./ports.ts', import.meta.url).href}';
    import { channel } from '@holdfast/contract';
    process.setgid(65534); process.setuid(65534);
    const o = { channels: [channel('client-to-server')], host: '127.0.0.1', platform: 'linux', sticky: undefined, onSocket: () => undefined };
    const overrides = { 'client-to-server': 999, 'client-to-server-alternate': 0 };
    const exact = await bindChannels({ ...o, overrides, policy: 'exact' }).catch((error) => error.code);
    const bound = await bindChannels({ ...o, overrides, policy: 'fallback' });
    console.log(JSON.stringify({ exact, channel: bound.channel.id, reason: bound.reason }));
    process.exit(0);`;
  const run = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  assert.equal(run.status, 0, run.stderr);
  const seen = JSON.parse(run.stdout) as { exact: string; channel: string; reason: string };
  assert.equal(seen.exact, 'port.forbidden');
  assert.equal(seen.channel, 'client-to-server-alternate');
  assert.match(seen.reason, /has not the right \(EACCES\)/);
});

test('a channel that is loopback only never listens elsewhere', async (t) => {
  const wire = fleet.wire(t, fleet.agent, { bind: '0.0.0.0', overrides: { 'agent-local-api': 0 } });
  assert.equal((await wire.listen('agent-local-api', { onConnection })).host, '127.0.0.1');
});

test('a note of kept ports that is damaged counts as none', () => {
  for (const text of ['', '{', '[]', 'null', '{"a":"1"}', '{"a":70000}', '{"a":1.5}']) {
    assert.deepEqual(parseStickyPorts(text), {});
  }
  assert.deepEqual(parseStickyPorts('{"a":1,"b":null}'), { a: 1 });
});
