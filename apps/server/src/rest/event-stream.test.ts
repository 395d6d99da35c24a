import assert from 'node:assert/strict';
// socket exception: a response of Node's without any connection behind it
import { IncomingMessage, ServerResponse } from 'node:http';
// socket exception: as above, never connected
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import {
  eventStreamKeepAliveMs,
  maxEventStreamBacklogBytes,
  maxEventStreams,
  maxEventStreamsOfOne,
} from '../limits.ts';
import { nobody } from '../people/caller.ts';
import { EventStreams } from './event-stream.ts';

/** A response to a client that reads, or doesn't. */
function response(o: { reads: boolean }): { response: ServerResponse; sent: () => string } {
  const chunks: Buffer[] = [];
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      if (o.reads) done();
    },
  });
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  res.assignSocket(socket as Socket);
  return { response: res, sent: () => Buffer.concat(chunks).toString() };
}

test('events go out one line each, with a comment now and then', async (t: TestContext) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  using streams = new EventStreams();
  const client = response({ reads: true });
  const stream = streams.open(client.response, nobody);
  stream.send({ text: 'two\nlines' });
  t.mock.timers.tick(eventStreamKeepAliveMs);
  await new Promise((resolve) => setImmediate(resolve));
  assert.match(client.sent(), /content-type: text\/event-stream/i);
  assert.match(client.sent(), /data: \{"text":"two\\nlines"\}\n\n/);
  assert.match(client.sent(), /\n:\n\n/);
});

test('however often a stream waits for something, it listens for its end once', async () => {
  using streams = new EventStreams();
  const client = response({ reads: true });
  const stream = streams.open(client.response, nobody);
  const before = client.response.listenerCount('close');
  for (let waits = 0; waits < 100; waits += 1) await stream.waitFor(Promise.resolve());
  assert.equal(client.response.listenerCount('close'), before);
  const never = stream.waitFor(Promise.withResolvers<void>().promise);
  client.response.destroy();
  await never;
  await stream.waitFor(Promise.withResolvers<void>().promise);
});

test('a client that does not read is cut before it costs more than the limit', async () => {
  using streams = new EventStreams();
  const client = response({ reads: false });
  const stream = streams.open(client.response, nobody);
  const event = 'x'.repeat(10_000);
  let sent = 0;
  while (!client.response.destroyed && sent < 10 * maxEventStreamBacklogBytes) {
    stream.send(event);
    sent += event.length;
  }
  assert.ok(client.response.destroyed);
  assert.ok(sent <= maxEventStreamBacklogBytes + 2 * event.length, `${sent} bytes were taken`);
  await stream.closed;
  stream.send(event);
});

test('as many streams as the limit, of all and of one, and a closed one makes room', async () => {
  using streams = new EventStreams();
  const caller = (n: number) => ({ ...nobody, actor: `user/${Math.floor(n / maxEventStreamsOfOne)}` });
  const clients = Array.from({ length: maxEventStreams }, () => response({ reads: true }).response);
  const late = response({ reads: true }).response;
  for (const [n, client] of clients.entries()) {
    if (n === maxEventStreamsOfOne)
      assert.throws(() => streams.open(late, caller(0)), { code: 'internal.limit', message: /user\/0 has/ });
    streams.open(client, caller(n));
  }
  assert.throws(() => streams.open(late, nobody), { code: 'internal.limit' });
  clients[0]?.destroy();
  await new Promise((resolve) => setImmediate(resolve));
  streams.open(late, nobody);
});
