import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channel, defaultPort } from '@holdfast/contract';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestServer } from './testing/test-server.ts';

test('a taken port of computers stops the start, unless another may stand in, which is then said', async (t) => {
  await using first = await TestServer.start(temporaryFolder(t));
  const taken = first.running.portOf('enrolment');
  const ports = { 'posix-agent-control': taken } as const;
  const folder = temporaryFolder(t);
  await assert.rejects(TestServer.start(folder, { ports }), { code: 'port.occupied' });
  // What failed to start has let go of its folder.
  const config = {
    busyPorts: 'fallback',
    bind: '127.0.0.1',
    ports: { 'client-to-server': 0, 'windows-agent-control': 0, 'recovery-media-credential-sign-in': 0, ...ports },
  } as const;
  await using second = await TestServer.start(folder, { config });
  const entry = second.running.listening.find((one) => one.channel === 'enrolment');
  assert.ok(entry && entry.port !== taken);
  assert.match(entry.reason ?? '', new RegExp(String(taken)));
  const { listening } = await second.client.call('status', {});
  assert.equal(listening.find((one) => one.channel === 'enrolment')?.reason, entry.reason);
});

test('443 has a fallback, and the reason is reported', async (t) => {
  // Whoever runs this may or may not have the right to 443, and another server may have it: all lead to a port and, if it
  // is not 443, to a reason.
  const config = {
    bind: '127.0.0.1',
    ports: { 'windows-agent-control': 0, 'posix-agent-control': 0, 'recovery-media-credential-sign-in': 0 },
  };
  await using server = await TestServer.start(temporaryFolder(t), { config });
  await using beside = await TestServer.start(temporaryFolder(t), { config });
  const contracted = defaultPort(channel('client-to-server'));
  const entries = [server, beside].map(({ running }) =>
    running.listening.find((one) => one.channel === 'client-to-server'),
  );
  for (const entry of entries) assert.ok(entry && (entry.port === contracted || /443/.test(entry.reason ?? '')));
  assert.notEqual(entries[0]?.port, entries[1]?.port);
  assert.ok(entries[1]?.reason);
  await beside.client.call('status', {});
});

test('stopping the server cuts event streams and waits for nobody', async (t) => {
  const server = await TestServer.start(temporaryFolder(t));
  const following = Array.fromAsync(server.client.events('events', {}));
  await server.client.call('status', {});
  await server.running[Symbol.asyncDispose]();
  assert.deepEqual(await following, []);
  await server.http[Symbol.asyncDispose]();
});
