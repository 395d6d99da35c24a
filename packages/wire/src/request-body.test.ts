import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { toHoldfastError } from '@holdfast/core';
import { createHttpServer } from './http-server.ts';
import { requestBody, takeRest } from './request-body.ts';
import { testFleet } from './wire-fixture.ts';

const fleet = await testFleet();
const transport = 'agent-to-mover-transport';
const rest = { bytes: 100_000, ms: 50 } as const;

function end(res: ServerResponse, status: number, text: string): void {
  res.writeHead(status, { 'content-length': Buffer.byteLength(text) }).end(text);
}

/** Says how long the body is, or why it was not read; and sends whatever bytes as a client, and reads until the end. */
async function serve(t: TestContext, o: { readonly limitMs?: number } = {}) {
  const ended = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    try {
      const read = requestBody(req, { maxBytes: 10_000, ...o });
      begun.resolve();
      const body = await read;
      end(res, 200, `${body.length} bytes`);
    } catch (error) {
      const { code, entry } = toHoldfastError(error);
      ended.resolve(code);
      await takeRest(req, res, rest);
      end(res, entry.http, code);
    }
  };
  const mover = fleet.wire(t, fleet.mover, { overrides: { [transport]: 0 } });
  const http = createHttpServer({ handler: (req, res) => void answer(req, res).catch(() => res.destroy()) });
  t.after(() => http[Symbol.asyncDispose]());
  const { port } = await mover.listen(transport, { onConnection: http.feed });
  const agent = fleet.wire(t, fleet.agent);
  const connect = async () => (await agent.dial(transport, '127.0.0.1', { port })).stream;
  const ask = async (length: number, sent: number, more = 'connection: close\r\n'): Promise<string> => {
    const stream = await connect();
    stream.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n${more}\r\n`);
    stream.write(Buffer.alloc(sent, 'x'));
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    await once(stream, 'close');
    const text = Buffer.concat(pieces).toString();
    return `${text.slice(9, 12)} ${text.slice(text.lastIndexOf('\n') + 1)}${/^connection: close/im.test(text) ? ', over' : ''}`;
  };
  return { ask, connect, begun: begun.promise, ended: ended.promise };
}

test('a body is read whole, and what is larger or late is answered and not cut', async (t) => {
  const { ask } = await serve(t);
  assert.match(await ask(10_000, 10_000), /^200 .*10000 bytes/s);
  // All of it is taken, so that whoever only sends at first sees why.
  assert.equal(await ask(90_000, 90_000), '413 request.size, over');
  // More than is taken; the client would go on sending, and the connection ends.
  assert.equal(await ask(10_000_000, 200_000, ''), '413 request.size, over');
  const slow = await serve(t, { limitMs: 50 });
  assert.equal(await slow.ask(10_000, 100, ''), '408 request.slow, over');
});

test('a client that goes away in the middle of its body is waited for no longer', async (t) => {
  const { connect, begun, ended } = await serve(t);
  const stream = await connect();
  stream.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf');
  await begun;
  stream.destroy();
  assert.equal(await ended, 'channel.closed');
});
