import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, Socket, connect as tcpConnect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { channel } from '@holdfast/contract';
import { systemClock } from '@holdfast/core';
import { type Connection, Connections } from './connection.ts';
import {
  maxConnectionsPerListener,
  maxPendingHandshakes,
  maxPendingHandshakesPerAddress,
  maxStrangersPerListener,
} from './limits.ts';
import { Acceptor, type AcceptorOptions } from './listener.ts';
import { Meter } from './meter.ts';
import { testFleet } from './wire-fixture.ts';

const fleet = await testFleet();
const control = 'posix-agent-control';

async function listening(t: TestContext) {
  // Nobody's time is over before the last one has come, however busy the machine.
  const server = fleet.wire(t, fleet.server, { overrides: { [control]: 0 }, handshakeTimeoutMs: 120_000 });
  const listener = await server.listen(control, { onConnection: () => undefined });
  return { port: listener.port, listener };
}

/** Connects from an address of its own and says nothing. */
async function silent(t: TestContext, o: { port: number; localAddress: string }): Promise<Socket> {
  const socket = tcpConnect({ ...o, host: '127.0.0.1' });
  socket.on('error', () => socket.destroy());
  t.after(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function until(isSo: () => boolean): Promise<void> {
  for (const limit = performance.now() + 60_000; !isSo(); await delay(5))
    assert.ok(performance.now() < limit, 'waited in vain');
}

async function isCut(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

test('one address can not take up the handshakes of all', async (t) => {
  const { port } = await listening(t);
  const here = { port, localAddress: '127.0.0.1' };
  const held: Socket[] = [];
  while (held.length < maxPendingHandshakesPerAddress) held.push(await silent(t, here));
  // Who comes then waits, and comes through when one of those before him has gone.
  const agent = fleet.wire(t, fleet.agent);
  let isThere = false;
  const dialled = agent.dial(control, '127.0.0.1', { port, timeoutMs: 120_000 }).then((connection) => {
    isThere = true;
    return connection;
  });
  // From another address there is no wait.
  const other = await silent(t, { port, localAddress: '127.0.0.2' });
  other.write('no TLS');
  await isCut(other);
  assert.equal(isThere, false);
  assert.ok(held.every((socket) => !socket.destroyed));
  held[0]?.destroy();
  (await dialled).stream.destroy();
});

// Only Linux answers on all of 127.0.0.0/8 by itself.
test('handshakes have a bound over all addresses', { skip: process.platform !== 'linux' }, async (t) => {
  const { port } = await listening(t);
  const held: Socket[] = [];
  const addresses = maxPendingHandshakes / maxPendingHandshakesPerAddress;
  for (let address = 1; address <= addresses; address += 1)
    for (let n = 0; n < maxPendingHandshakesPerAddress; n += 1)
      held.push(await silent(t, { port, localAddress: `127.0.0.${address}` }));
  const beyond = await silent(t, { port, localAddress: `127.0.0.${addresses + 1}` });
  // Which is cut as soon as it is looked at.
  beyond.write('no TLS');
  await delay(200);
  assert.equal(beyond.closed, false);
  held[0]?.destroy();
  await isCut(beyond);
});

/** What takes connections of the listener, made by itself, so that it need not be crowded for real. */
function acceptorOf(
  t: TestContext,
  o: Pick<AcceptorOptions, 'clientCertificate'> &
    Partial<Pick<AcceptorOptions, 'onConnection' | 'onRefused' | 'onCrowded'>>,
): Acceptor {
  const connections = new Connections({
    meter: new Meter(() => new Date()),
    clock: systemClock,
    isRevoked: () => false,
  });
  const acceptor = new Acceptor({
    channels: [channel(control), channel('enrolment')],
    foreignCertificates: false,
    identity: () => fleet.server,
    isRevoked: () => false,
    connections,
    handshakeTimeoutMs: 120_000,
    here: 'backup-server',
    onConnection: () => undefined,
    onRefused: () => undefined,
    onCrowded: () => undefined,
    ...o,
  });
  t.after(() => acceptor.stop());
  return acceptor;
}

test('a listener has a bound of open connections', (t) => {
  const crowded: string[] = [];
  const acceptor = acceptorOf(t, { clientCertificate: 'required', onCrowded: (channel) => crowded.push(channel) });
  while (acceptor.open.size < maxConnectionsPerListener - 1) acceptor.open.add({} as Connection);
  const [last, tooMany] = [new Socket(), new Socket()];
  acceptor.take(last);
  assert.equal(last.destroyed, false);
  acceptor.take(tooMany);
  assert.equal(tooMany.destroyed, true);
  assert.deepEqual(crowded, [control]);
});

test('strangers can not use up the connections of who has a certificate', async (t) => {
  const taken: Connection[] = [];
  const refused: string[] = [];
  const acceptor = acceptorOf(t, {
    clientCertificate: 'optional',
    onConnection: (connection) => void taken.push(connection),
    onRefused: ({ code }) => void refused.push(code),
  });
  const server = createServer(acceptor.take);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { certificatePem: cert, privateKeyPem: key, caPem: ca } = fleet.agent;
  const connected = async (own: { cert?: string; key?: string }): Promise<TLSSocket> => {
    const socket = tlsConnect({ port, host: '127.0.0.1', ca, ...own, checkServerIdentity: () => undefined });
    t.after(() => void socket.destroy());
    socket.on('error', () => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  while (acceptor.strangers.size < maxStrangersPerListener - 1) acceptor.strangers.add({} as Connection);
  const last = await connected({});
  await until(() => taken.length === 1);
  await isCut(await connected({}));
  assert.deepEqual(refused, ['internal.limit']);
  await connected({ cert, key });
  await until(() => taken.length === 2);
  // A place that is given up is free.
  last.destroy();
  await taken[0]?.closed;
  await connected({});
  await until(() => taken.length === 3);
});
