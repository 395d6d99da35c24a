import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket, connect as tcpConnect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { channel } from '@holdfast/contract';
import { isHoldfastError, systemClock } from '@holdfast/core';
import { type Connection, Connections } from './connection.ts';
import { maxConnectionsPerListener, maxPendingHandshakes, maxPendingHandshakesPerAddress } from './limits.ts';
import { Acceptor } from './listener.ts';
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

async function isCut(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

test('one address can not take up the handshakes of all', async (t) => {
  const { port } = await listening(t);
  const here = { port, localAddress: '127.0.0.1' };
  const held: Socket[] = [];
  while (held.length < maxPendingHandshakesPerAddress) held.push(await silent(t, here));
  await isCut(await silent(t, here));
  // What was there before keeps its place, and comes through when one of them has gone.
  assert.ok(held.every((socket) => !socket.destroyed));
  const agent = fleet.wire(t, fleet.agent);
  await assert.rejects(agent.dial(control, '127.0.0.1', { port }));
  held[0]?.destroy();
  const refused = (error: unknown): undefined => {
    assert.ok(isHoldfastError(error));
    return undefined;
  };
  let connection: Connection | undefined;
  while (connection === undefined)
    connection = await agent.dial(control, '127.0.0.1', { port }).catch((error: unknown) => refused(error));
  connection.stream.destroy();
});

// Only Linux answers on all of 127.0.0.0/8 by itself.
test('handshakes have a bound over all addresses', { skip: process.platform !== 'linux' }, async (t) => {
  const { port } = await listening(t);
  const addresses = maxPendingHandshakes / maxPendingHandshakesPerAddress;
  for (let address = 1; address <= addresses; address += 1)
    for (let n = 0; n < maxPendingHandshakesPerAddress; n += 1)
      await silent(t, { port, localAddress: `127.0.0.${address}` });
  await isCut(await silent(t, { port, localAddress: `127.0.0.${addresses + 1}` }));
});

test('a listener has a bound of open connections', (t) => {
  const crowded: string[] = [];
  const connections = new Connections({
    meter: new Meter(() => new Date()),
    clock: systemClock,
    isRevoked: () => false,
  });
  const acceptor = new Acceptor({
    channels: [channel(control)],
    clientCertificate: 'required',
    foreignCertificates: false,
    identity: () => fleet.server,
    isRevoked: () => false,
    connections,
    handshakeTimeoutMs: 1_000,
    here: 'backup-server',
    onConnection: () => undefined,
    onRefused: () => undefined,
    onCrowded: (channel) => crowded.push(channel),
  });
  t.after(() => acceptor.stop());
  while (acceptor.open.size < maxConnectionsPerListener - 1) acceptor.open.add({} as Connection);
  const [last, tooMany] = [new Socket(), new Socket()];
  acceptor.take(last);
  assert.equal(last.destroyed, false);
  acceptor.take(tooMany);
  assert.equal(tooMany.destroyed, true);
  assert.deepEqual(crowded, [control]);
});
