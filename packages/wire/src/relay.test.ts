import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { pipe } from './relay.ts';
import { connectedPair, testFleet } from './wire-fixture.ts';

const fleet = await testFleet();

async function readAll(stream: Duplex): Promise<Buffer> {
  // Iterating would destroy the stream, and with it the direction that is still open.
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  await once(stream, 'end');
  return Buffer.concat(pieces);
}

/** Two ends of a socket. */
async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address);
  const near = connect(address.port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [near, far];
}

/** Two far ends joined by a relay in the middle. */
function relayed(signal?: AbortSignal) {
  const [a, nearA] = duplexPair();
  const [b, nearB] = duplexPair();
  for (const stream of [a, b]) stream.on('error', () => undefined);
  return { a, b, done: pipe(nearA, nearB, signal ? { signal } : {}) };
}

test('bytes pass both ways; an end on one side leaves the other direction open', async () => {
  const { a, b, done } = relayed();
  const sent = randomBytes(3_000_000);
  a.end(sent);
  assert.deepEqual(await readAll(b), sent);
  b.end('answer');
  assert.equal(String(await readAll(a)), 'answer');
  assert.deepEqual(await done, { forwardBytes: 3_000_000, backBytes: 6 });
});

test('a slow reader slows the writer down', async () => {
  const { a, b } = relayed();
  let taken = 0;
  const piece = Buffer.alloc(64 * 1024);
  const write = (): void => {
    let more = true;
    while (taken < 100 && more) {
      more = a.write(piece);
      taken += 1;
    }
  };
  a.on('drain', write);
  write();
  for (let n = 0; n < 100; n += 1) await setImmediate();
  const before = taken;
  assert.ok(before < 20, `${before} pieces were taken without a reader`);
  b.resume();
  while (taken < 100) await setImmediate();
  a.destroy();
});

test('a cut on one side cuts the other', async () => {
  const { a, b, done } = relayed();
  const over = assert.rejects(done);
  const cut = once(b, 'close');
  b.resume();
  a.destroy(new Error('cut'));
  await over;
  await cut;
});

test('the signal ends a relay', async () => {
  const abort = new AbortController();
  const { a, b, done } = relayed(abort.signal);
  const reason = new Error('enough');
  const over = assert.rejects(done, reason);
  for (const stream of [a, b]) stream.resume();
  const cut = Promise.all([once(a, 'close'), once(b, 'close')]);
  abort.abort(reason);
  await over;
  await cut;
  const late = relayed(AbortSignal.abort(reason));
  await assert.rejects(late.done, reason);
});

test('TLS passes a relay from end to end, with the role and id that were asked for', async (t) => {
  const mover = fleet.wire(t, fleet.mover, { overrides: { 'server-to-agent-transport': 0 } });
  const server = fleet.wire(t, fleet.server);
  const agent = fleet.wire(t, fleet.agent);
  const channel = 'server-to-agent-transport';
  const reach = async (expectedId: string) => {
    const outer = await connectedPair(server, mover, channel);
    const [toAgent, atAgent] = await socketPair();
    const relay = pipe(outer.far.stream, toAgent).then(
      () => 'ended',
      () => 'cut',
    );
    const inner = agent.secure(atAgent, { channel, side: 'server', expect: { role: 'server', id: fleet.server.id } });
    const client = server.secure(outer.near.stream, {
      channel,
      side: 'client',
      expect: { role: 'agent', id: expectedId },
    });
    return { outer, relay, inner, client };
  };
  const good = await reach(fleet.agent.id);
  const [atAgent, atServer] = await Promise.all([good.inner, good.client]);
  assert.equal(atAgent.peer?.role, 'server');
  assert.equal(atServer.peer?.id, fleet.agent.id);
  const sent = randomBytes(500_000);
  atServer.stream.write(sent);
  let size = 0;
  for await (const piece of atAgent.stream as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size === sent.length) break;
  }
  // The tunnel is content of the connection that carries it, once: the mover, in the middle, sees only encrypted bytes.
  const [use] = server.use();
  assert.equal(use?.connectionsOut, 1);
  assert.ok(use && use.bytesOut > sent.length && use.bytesOut < sent.length * 1.05);
  atServer.stream.destroy();
  await good.relay;

  const wrong = await reach(fleet.otherAgent.id);
  await assert.rejects(wrong.client, { code: 'channel.identity', message: /instead of/ });
  const late = await wrong.inner.then(
    ({ closed }) => closed.then(() => 'closed'),
    () => 'refused',
  );
  assert.match(late, /closed|refused/);
  await wrong.relay;
});

test('TLS inside a relay refuses whoever is not expected, at the answering end', async (t) => {
  const [near, far] = duplexPair();
  const channel = 'server-to-agent-transport';
  const answering = fleet.wire(t, fleet.agent).secure(far, { channel, side: 'server', expect: { role: 'server' } });
  const asking = fleet.wire(t, fleet.mover).secure(near, { channel, side: 'client', expect: { role: 'agent' } });
  await Promise.all([
    assert.rejects(answering, { code: 'channel.identity', message: /met mover .* where server belongs/ }),
    assert.rejects(asking, { code: 'channel.identity', message: /refused by the other end/ }),
  ]);
});
