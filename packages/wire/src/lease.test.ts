import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as tcpConnect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { hasCode, ManualClock } from '@holdfast/core';
import { freeRange } from '@holdfast/core/testing';
import { connectedPair, testFleet } from './wire-fixture.ts';

const fleet = await testFleet();
const data = 'agent-to-mover-data';
const range = await freeRange(3);
const overrides = { [data]: range };

function movers(t: TestContext, options: Parameters<typeof fleet.wire>[2] = {}) {
  const refused: string[] = [];
  const mover = fleet.wire(t, fleet.mover, {
    overrides,
    onRefused: (error) => refused.push(error.message),
    ...options,
  });
  const agent = fleet.wire(t, fleet.agent);
  return { mover, agent, refused };
}

const terms = () => ({ nonce: randomBytes(32), fingerprint: fleet.agent.fingerprint });

test('a lease admits its one peer, stops listening, and gives the port back when the connection closes', async (t) => {
  const { mover, agent } = movers(t, { overrides: { [data]: { from: range.from, to: range.from } } });
  const nonce = randomBytes(32);
  const lease = await mover.lease(data, { nonce, fingerprint: fleet.agent.fingerprint });
  assert.equal(lease.port, range.from);
  const near = await agent.dialLease(data, '127.0.0.1', lease.port, { nonce, fingerprint: fleet.mover.fingerprint });
  const far = await lease.connection;
  assert.equal(far.peer?.id, fleet.agent.id);
  // Either end may speak first.
  far.stream.write('first');
  assert.equal(String((await once(near.stream, 'data'))[0]), 'first');
  await assert.rejects(agent.dialLease(data, '127.0.0.1', lease.port, { nonce }), { code: 'channel.refused' });
  // The only port of the range is in use until the connection closes.
  await assert.rejects(mover.lease(data, terms()), { code: 'lease.none' });
  near.stream.destroy();
  await far.closed;
  await setImmediate();
  assert.equal((await mover.lease(data, terms())).port, range.from);
});

test('a wrong certificate and a wrong nonce are refused and do not use the lease up', async (t) => {
  const { mover, agent, refused } = movers(t);
  const nonce = randomBytes(32);
  const lease = await mover.lease(data, { nonce, fingerprint: fleet.agent.fingerprint });
  const stranger = fleet.wire(t, fleet.otherAgent);
  const foreign: unknown = await stranger
    .dialLease(data, '127.0.0.1', lease.port, { nonce })
    .catch((error: unknown) => error);
  assert.ok(hasCode(foreign, 'lease.refused'));
  assert.match(foreign.message, /certificate other than the expected one/);
  const guess: unknown = await agent
    .dialLease(data, '127.0.0.1', lease.port, { nonce: randomBytes(32) })
    .catch((error: unknown) => error);
  assert.ok(hasCode(guess, 'lease.refused'));
  assert.match(guess.message, /wrong nonce/);
  assert.equal(refused.length, 2);
  await agent.dialLease(data, '127.0.0.1', lease.port, { nonce });
  assert.equal((await lease.connection).peer?.id, fleet.agent.id);
});

test('an agent that dials checks who leased the port', async (t) => {
  const { mover, agent } = movers(t);
  const { nonce, fingerprint } = terms();
  const lease = await mover.lease(data, { nonce, fingerprint });
  await assert.rejects(
    agent.dialLease(data, '127.0.0.1', lease.port, { nonce, fingerprint: fleet.server.fingerprint }),
    { code: 'channel.identity' },
  );
});

test('too many wrong peers end a lease', async (t) => {
  const { mover, agent } = movers(t);
  const { nonce, fingerprint } = terms();
  const lease = await mover.lease(data, { nonce, fingerprint });
  const over = assert.rejects(lease.connection, { code: 'lease.refused', message: /16 wrong peers/ });
  for (let n = 0; n < 16; n += 1) {
    await assert.rejects(agent.dialLease(data, '127.0.0.1', lease.port, { nonce: randomBytes(32) }), {
      code: 'lease.refused',
    });
  }
  await over;
  await assert.rejects(agent.dialLease(data, '127.0.0.1', lease.port, { nonce }), { code: 'channel.refused' });
});

test('a lease to which nobody comes expires, and its port can be leased again', async (t) => {
  const clock = new ManualClock(new Date());
  const { mover, agent } = movers(t, { clock, overrides: { [data]: { from: range.from, to: range.from } } });
  const { nonce, fingerprint } = terms();
  let expired = 0;
  const onExpire = (): void => {
    expired += 1;
  };
  const lease = await mover.lease(data, { nonce, fingerprint, onExpire });
  clock.advance(29_999);
  await setImmediate();
  assert.equal(expired, 0);
  const over = assert.rejects(lease.connection, { code: 'lease.refused', message: /nobody came within 30 s/ });
  clock.advance(1);
  await over;
  await setImmediate();
  assert.equal(expired, 1);
  await assert.rejects(agent.dialLease(data, '127.0.0.1', lease.port, { nonce }), { code: 'channel.refused' });
  assert.equal((await mover.lease(data, terms())).port, range.from);
});

test('leases go round the range and skip ports in use; a full range says what holds it', async (t) => {
  const { mover } = movers(t);
  const blocker = createServer().listen(range.from + 1, '127.0.0.1');
  await once(blocker, 'listening');
  t.after(() => new Promise((resolve) => blocker.close(resolve)));
  const first = await mover.lease(data, terms());
  const second = await mover.lease(data, terms());
  assert.deepEqual([first.port, second.port], [range.from, range.to]);
  const none: unknown = await mover.lease(data, terms()).catch((error: unknown) => error);
  assert.ok(hasCode(none, 'lease.none'));
  assert.match(none.message, /2 leased, 1 EADDRINUSE/);
  // Given back out of order: the next lease continues round the range instead of reusing the latest port.
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await assert.rejects(first.connection, { code: 'lease.refused' });
  assert.equal((await mover.lease(data, terms())).port, range.from);
  assert.equal((await mover.lease(data, terms())).port, range.to);
});

test('a lease ends with its signal', async (t) => {
  const { mover } = movers(t, { overrides: { [data]: 0 } });
  const abort = new AbortController();
  const lease = await mover.lease(data, { ...terms(), signal: abort.signal });
  const reason = new Error('cancelled');
  const over = assert.rejects(lease.connection, reason);
  abort.abort(reason);
  await over;
  const socket = tcpConnect(lease.port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
  await assert.rejects(mover.lease(data, { ...terms(), signal: abort.signal }), reason);
});

test('a silent connection does not keep the right peer out', async (t) => {
  const { mover, agent } = movers(t, { overrides: { [data]: 0 } });
  const { nonce, fingerprint } = terms();
  const lease = await mover.lease(data, { nonce, fingerprint });
  const silent = tcpConnect(lease.port, '127.0.0.1');
  silent.on('error', () => silent.destroy());
  await once(silent, 'connect');
  await agent.dialLease(data, '127.0.0.1', lease.port, { nonce });
  await lease.connection;
  await once(silent, 'close');
});

test('the mover dials a port that the agent leased: the other direction', async (t) => {
  const channel = 'server-to-agent-data';
  const agent = fleet.wire(t, fleet.agent, { overrides: { [channel]: 0 }, role: 'agent-linux' });
  const mover = fleet.wire(t, fleet.mover);
  const nonce = randomBytes(32);
  const lease = await agent.lease(channel, { nonce, fingerprint: fleet.mover.fingerprint });
  const out = await mover.dialLease(channel, '127.0.0.1', lease.port, { nonce, fingerprint: fleet.agent.fingerprint });
  const inward = await lease.connection;
  assert.deepEqual([out.peer?.role, inward.peer?.role], ['agent', 'mover']);
  assert.deepEqual([out.channel, inward.channel], [channel, channel]);
});

test('a session port of the data range stays open to many connections', async (t) => {
  const mover = fleet.wire(t, fleet.mover, { overrides: { 'client-to-mover-data': range } });
  const arrived: number[] = [];
  const listener = await mover.listen('client-to-mover-data', {
    onConnection: ({ localPort }) => arrived.push(localPort),
  });
  assert.equal(listener.port, range.from);
  const client = fleet.wire(t, undefined);
  const options = { port: listener.port, caPem: fleet.installation.caPem };
  await client.dial('client-to-mover-data', '127.0.0.1', options);
  await client.dial('client-to-mover-data', '127.0.0.1', options);
  assert.deepEqual(arrived, [range.from, range.from]);
  await listener[Symbol.asyncDispose]();
});

test('what a leased connection carried is counted for its channel', async (t) => {
  const { mover, agent } = movers(t);
  const { nonce, fingerprint } = terms();
  const lease = await mover.lease(data, { nonce, fingerprint });
  const near = await agent.dialLease(data, '127.0.0.1', lease.port, { nonce });
  const far = await lease.connection;
  near.stream.write(Buffer.alloc(100_000));
  let seen = 0;
  for await (const piece of far.stream as AsyncIterable<Buffer>) {
    seen += piece.length;
    if (seen === 100_000) break;
  }
  const [use] = mover.use();
  assert.deepEqual([use?.channel, use?.connectionsIn, use?.ports], [data, 1, [lease.port]]);
  // The preamble of 36 bytes is content of the TLS connection too.
  assert.equal(use?.bytesIn, 100_036);
  assert.equal(use?.bytesOut, 1);
});

test('a lease is not the only way: the fallback carries the same stream', async (t) => {
  const mover = fleet.wire(t, fleet.mover, { overrides: { 'agent-to-mover-transport': 0 } });
  const { near, far } = await connectedPair(fleet.wire(t, fleet.agent), mover, 'agent-to-mover-transport');
  far.stream.write('first');
  assert.equal(String((await once(near.stream, 'data'))[0]), 'first');
});
