import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { type ErrorCode, HoldfastError, hasCode } from '@holdfast/core';
import { type HttpClient, type HttpResponse, httpClient, singleConnection } from './http-client.ts';
import { createHttpServer, type HttpServerOnConnections, type HttpServerOptions } from './http-server.ts';
import { connectedPair, testFleet } from './wire-fixture.ts';

const fleet = await testFleet();
const transport = 'agent-to-mover-transport';
const overrides = { [transport]: 0, 'client-to-mover': 0 } as const;

interface Served {
  readonly http: HttpServerOnConnections;
  readonly client: HttpClient;
  readonly port: number;
  readonly connected: () => number;
}

/** A mover that serves HTTP on its transport port, and an agent's client with a pool of connections to it. */
async function serve(
  t: TestContext,
  options: HttpServerOptions,
  o: { connections?: number; isRevoked?: (serial: string) => boolean } = {},
): Promise<Served> {
  const mover = fleet.wire(t, fleet.mover, { overrides, isRevoked: o.isRevoked });
  const http = createHttpServer(options);
  const listener = await mover.listen([transport, 'client-to-mover'], { onConnection: http.feed });
  const agent = fleet.wire(t, fleet.agent);
  let dialled = 0;
  const client = httpClient({
    connections: o.connections ?? 2,
    connect: (signal) => {
      dialled += 1;
      return agent.dial(transport, '127.0.0.1', { port: listener.port, signal });
    },
  });
  t.after(async () => {
    await client[Symbol.asyncDispose]();
    await http[Symbol.asyncDispose]();
  });
  return { http, client, port: listener.port, connected: () => dialled };
}

async function rejection(promise: Promise<unknown>, code: ErrorCode): Promise<HoldfastError> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected ${code}, but it succeeded`),
    (reason: unknown) => reason,
  );
  assert.ok(hasCode(error, code), `expected ${code}, got ${String(error)}`);
  return error;
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Answers with the digest of what was posted, or with as many bytes as the path says. */
async function echo(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.method === 'GET') {
    const size = Number(req.url?.slice(1));
    res.setHeader('content-length', size).end(Buffer.alloc(size, 7));
    return;
  }
  const hash = createHash('sha256');
  for await (const piece of req as AsyncIterable<Buffer>) hash.update(piece);
  res.setHeader('content-type', 'application/json').end(JSON.stringify({ digest: hash.digest('hex') }));
}
const echoHandler = (req: IncomingMessage, res: ServerResponse): void => {
  // A client that goes away in the middle of its body gets no answer.
  echo(req, res).catch(() => res.destroy());
};

test('the server knows who asks', async (t) => {
  const served = await serve(t, {
    handler: (req, res) => {
      res.end(JSON.stringify({ id: served.http.peerOf(req)?.id, channel: served.http.connectionOf(req)?.channel }));
    },
  });
  const answer = await served.client.request({ method: 'GET', path: '/' });
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { id: fleet.agent.id, channel: transport });
});

test('a pack goes up and down unchanged, whole or in pieces, over one reused connection', async (t) => {
  const { client, connected } = await serve(t, { handler: echoHandler }, { connections: 1 });
  const pack = randomBytes(16 * 1024 * 1024);
  for (const body of [pack, [pack.subarray(0, 5), pack.subarray(5, 5), pack.subarray(5)]]) {
    const answer = await client.request({ method: 'POST', path: '/', body });
    assert.deepEqual(await answer.json(), { digest: digest(pack) });
  }
  const down = await client.request({ method: 'GET', path: `/${pack.length}` });
  assert.equal(digest(await down.bytes(pack.length)), digest(Buffer.alloc(pack.length, 7)));
  for (const body of ['', 'text', new Uint8Array(0), []]) {
    const answer = await client.request({ method: 'POST', path: '/', body });
    assert.deepEqual(await answer.json(), { digest: digest(Buffer.from(body as Uint8Array)) });
  }
  // A data channel costs a lease: asking whether something is there must not use it up.
  for (let times = 0; times < 3; times++) await (await client.request({ method: 'HEAD', path: '/' })).bytes();
  assert.equal(connected(), 1);
});

test('a server that does not read makes the client wait instead of filling memory', async (t) => {
  const paused = Promise.withResolvers<IncomingMessage>();
  const { client } = await serve(t, { handler: (req) => paused.resolve(req) });
  const piece = Buffer.alloc(1024 * 1024);
  const body = Array.from({ length: 64 }, () => piece);
  const abort = new AbortController();
  const answer = client.request({ method: 'POST', path: '/', body, signal: abort.signal });
  const stopped = assert.rejects(answer, { name: 'AbortError' });
  const req = await paused.promise;
  req.on('error', () => undefined);
  for (let n = 0; n < 200; n += 1) await setImmediate();
  assert.ok(req.socket.bytesRead < 16 * 1024 * 1024, `${req.socket.bytesRead} bytes were taken in`);
  const cut = new Promise((resolve) => req.once('close', resolve));
  abort.abort();
  await stopped;
  // Who does not read does not see the end either.
  req.resume();
  await cut;
});

test('a server that refuses a body without reading it holds nothing up', async (t) => {
  const mover = fleet.wire(t, fleet.mover, { overrides });
  const http = createHttpServer({ handler: echoHandler });
  let at = 0;
  const refusals = ['507 No\r\n', '413 No\r\nconnection: close\r\n', '200 OK\r\n'];
  const listener = await mover.listen([transport], {
    onConnection: (connection) => {
      const refusal = refusals[at++];
      if (refusal === undefined) http.feed(connection);
      else connection.stream.write(`HTTP/1.1 ${refusal}content-length: 2\r\n\r\nno`);
    },
  });
  const agent = fleet.wire(t, fleet.agent);
  await using client = httpClient({
    connect: (signal) => agent.dial(transport, '127.0.0.1', { port: listener.port, signal }),
  });
  const piece = Buffer.alloc(1024 * 1024);
  const body = Array.from({ length: 64 }, () => piece);
  for (const refusal of refusals) {
    const answer = await client.request({ method: 'POST', path: '/', body, timeoutMs: 0 });
    assert.equal(answer.status, Number.parseInt(refusal, 10));
    assert.equal(await answer.text(), 'no');
  }
  assert.equal((await (await client.request({ method: 'GET', path: '/3' })).bytes()).length, 3);
  await client.close();
  await http[Symbol.asyncDispose]();
});

test('answers have a bound', async (t) => {
  const { client } = await serve(t, {
    handler: (req, res) => {
      // Without a length the client finds out while it reads.
      if (req.url === '/chunked') {
        res.write(Buffer.alloc(60));
        res.end(Buffer.alloc(60));
      } else echoHandler(req, res);
    },
  });
  for (const path of ['/101', '/chunked']) {
    const answer = await client.request({ method: 'GET', path });
    await rejection(answer.bytes(100), 'internal.limit');
  }
  assert.equal((await (await client.request({ method: 'GET', path: '/100' })).bytes(100)).length, 100);
  const text = await client.request({ method: 'GET', path: '/3' });
  await rejection(text.json(), 'request.invalid');
});

test('silence before the answer and within it ends a request', async (t) => {
  const { client } = await serve(t, {
    handler: (req, res) => {
      if (req.url === '/stalls') res.write('first words');
    },
  });
  const never = await rejection(client.request({ method: 'GET', path: '/never', timeoutMs: 50 }), 'run.timeout');
  assert.match(never.message, /GET \/never to 127\.0\.0\.1:\d+ along channel agent-to-mover-transport/);
  // On a busy machine the beginning of an answer may take longer.
  const begin = async (timeoutMs: number): Promise<HttpResponse> => {
    try {
      return await client.request({ method: 'GET', path: '/stalls', timeoutMs });
    } catch (error) {
      if (!hasCode(error, 'run.timeout') || timeoutMs > 60_000) throw error;
      return await begin(timeoutMs * 4);
    }
  };
  await rejection((await begin(500)).text(), 'run.timeout');
});

test('a request is aborted before its answer and while it is read', async (t) => {
  const { client } = await serve(t, { handler: (req, res) => void (req.url === '/begun' && res.write('x')) });
  const reason = new Error('enough');
  await assert.rejects(client.request({ method: 'GET', path: '/', signal: AbortSignal.abort(reason) }), reason);
  for (const path of ['/silent', '/begun']) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(reason), 30);
    await assert.rejects(
      client.request({ method: 'GET', path, signal: abort.signal }).then((answer) => answer.text()),
      reason,
    );
  }
});

test('a failed dial is the error of the request', async (t) => {
  const agent = fleet.wire(t, fleet.agent);
  await using client = httpClient({ connect: (signal) => agent.dial(transport, 'no-such-host.invalid', { signal }) });
  await rejection(client.request({ method: 'GET', path: '/' }), 'channel.name');
});

test('a cut connection is an error that names the request, and the next one dials again', async (t) => {
  const { client, connected } = await serve(
    t,
    {
      handler: (req, res) => {
        if (req.url === '/cut') req.socket.destroy();
        else echoHandler(req, res);
      },
    },
    { connections: 1 },
  );
  await rejection(client.request({ method: 'POST', path: '/cut', body: 'x' }), 'channel.closed');
  await (await client.request({ method: 'GET', path: '/1' })).bytes();
  assert.equal(connected(), 2);
});

test('a client has no more connections than it may, and who waits for one can be aborted', async (t) => {
  const waiting: ServerResponse[] = [];
  const arrived = Promise.withResolvers<undefined>();
  const handler = (_req: IncomingMessage, res: ServerResponse): void => {
    if (waiting.push(res) === 2) arrived.resolve(undefined);
    if (waiting.length > 2) res.end('ok');
  };
  const { client, connected } = await serve(t, { handler }, { connections: 2 });
  const get = async (signal?: AbortSignal): Promise<string> =>
    (await client.request({ method: 'GET', path: '/', signal })).text();
  const answers = Array.from({ length: 6 }, () => get());
  await arrived.promise;
  const abort = new AbortController();
  const aborted = assert.rejects(get(abort.signal), { name: 'AbortError' });
  abort.abort();
  await aborted;
  const closed = client.close();
  for (const res of waiting) res.end('ok');
  assert.deepEqual(await Promise.all(answers), Array<string>(6).fill('ok'));
  await closed;
  assert.equal(waiting.length, 6);
  assert.equal(connected(), 2);
  await rejection(get(), 'channel.closed');
});

test('an abort also ends the dial of the request', async () => {
  const dialling = Promise.withResolvers<AbortSignal>();
  await using client = httpClient({
    connect: (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        dialling.resolve(signal);
      }),
  });
  const abort = new AbortController();
  const reason = new Error('enough');
  const refused = assert.rejects(client.request({ method: 'GET', path: '/', signal: abort.signal }), reason);
  await dialling.promise;
  abort.abort(reason);
  await refused;
});

test('an upgrade gives a plain stream in both directions', async (t) => {
  const { client, http } = await serve(t, {
    onUpgrade: (req, stream, head) => {
      assert.equal(http.peerOf(req)?.id, fleet.agent.id);
      assert.equal(head.length, 0);
      // The first message comes together with the answer.
      stream.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${req.headers.upgrade}\r\n\r\nhello`,
      );
      stream.on('data', (piece: Buffer) => stream.write(piece));
    },
  });
  const stream = await client.upgrade('/v1/control', 'holdfast-task');
  assert.equal(String((await once(stream, 'data'))[0]), 'hello');
  const sent = randomBytes(1_000_000);
  stream.write(sent);
  const back: Buffer[] = [];
  let size = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    back.push(piece);
    size += piece.length;
    if (size >= sent.length) break;
  }
  assert.equal(digest(Buffer.concat(back)), digest(sent));
});

test('a refused upgrade is the error that the server reports', async (t) => {
  const report = new HoldfastError('auth.forbidden', { message: 'Not for you.' });
  const { client } = await serve(t, {
    handler: (req, res) => res.writeHead(403).end(req.url === '/ours' ? JSON.stringify(report) : '<html>'),
  });
  assert.equal((await rejection(client.upgrade('/ours', 'x'), 'auth.forbidden')).message, 'Not for you.');
  assert.match((await rejection(client.upgrade('/other', 'x'), 'request.invalid')).message, /answered 403/);
});

test('a certificate revoked in between is refused at the next request and upgrade', async (t) => {
  const revoked = new Set<string>();
  let handled = 0;
  const handler = (_req: IncomingMessage, res: ServerResponse): void => {
    handled += 1;
    res.end('ok');
  };
  const onUpgrade = (): void => assert.fail('upgraded');
  const { client } = await serve(
    t,
    { handler, onUpgrade },
    { connections: 1, isRevoked: (serial) => revoked.has(serial) },
  );
  assert.equal(await (await client.request({ method: 'GET', path: '/' })).text(), 'ok');
  revoked.add(fleet.agent.serial);
  const answer = await client.request({ method: 'GET', path: '/' });
  assert.equal(answer.status, 403);
  assert.equal(((await answer.json()) as { code: string }).code, 'channel.revoked');
  assert.equal(handled, 1);
  await rejection(client.upgrade('/', 'x'), 'channel.revoked');
});

test('heads that are too large or too slow, and nonsense, are refused', async (t) => {
  const { client, port } = await serve(t, { handler: echoHandler });
  const { port: hurried } = await serve(t, { handler: echoHandler, limits: { headersTimeoutMs: 100 } });
  const { port: impatient } = await serve(t, { handler: echoHandler, limits: { bodySilenceMs: 100 } });
  const large = await client.request({ method: 'GET', path: '/1', headers: { 'x-large': 'a'.repeat(20_000) } });
  assert.equal(large.status, 431);
  await large.bytes();
  const speak = async (to: number, text: string): Promise<string> => {
    const socket = tlsConnect({
      port: to,
      host: '127.0.0.1',
      ca: fleet.installation.caPem,
      checkServerIdentity: () => undefined,
    });
    let answer = '';
    socket.on('data', (piece) => {
      answer += String(piece);
    });
    socket.write(text);
    await once(socket, 'close');
    return answer;
  };
  assert.match(await speak(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400/);
  assert.match(await speak(hurried, 'GET / HTTP/1.1\r\nhost:'), /^HTTP\/1\.1 (400|408)|^$/);
  // A body that stops arriving.
  assert.equal(await speak(impatient, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc'), '');
});

test('closing waits for the request under way and lets idle connections go', async (t) => {
  const started = Promise.withResolvers<ServerResponse>();
  const { client, http } = await serve(t, {
    handler: (req, res) => {
      if (req.url === '/slow') started.resolve(res);
      else res.end('ok');
    },
  });
  await (await client.request({ method: 'GET', path: '/' })).text();
  const slow = client.request({ method: 'GET', path: '/slow' });
  const res = await started.promise;
  const closed = http.close();
  res.end('done');
  assert.equal(await (await slow).text(), 'done');
  await closed;
});

test('over a leased stream either end may be the client', async (t) => {
  for (const clientIs of ['dialler', 'listener'] as const) {
    const mover = fleet.wire(t, fleet.mover, { overrides: { 'agent-to-mover-data': 0 } });
    const nonce = randomBytes(32);
    const lease = await mover.lease('agent-to-mover-data', { nonce, fingerprint: fleet.agent.fingerprint });
    const near = await fleet.wire(t, fleet.agent).dialLease('agent-to-mover-data', '127.0.0.1', lease.port, { nonce });
    const far = await lease.connection;
    const http = createHttpServer({ handler: echoHandler });
    http.feed(clientIs === 'dialler' ? far : near);
    await using client = httpClient({ connect: singleConnection(clientIs === 'dialler' ? near : far) });
    const pack = randomBytes(3_000_000);
    for (let n = 0; n < 3; n += 1) {
      const answer = await client.request({ method: 'POST', path: '/', body: pack });
      assert.deepEqual(await answer.json(), { digest: digest(pack) });
    }
    near.stream.destroy();
    await far.closed;
    await rejection(client.request({ method: 'GET', path: '/1' }), 'channel.closed');
    await http[Symbol.asyncDispose]();
  }
});

test('counters see what HTTP carried', async (t) => {
  const mover = fleet.wire(t, fleet.mover, { overrides });
  const { near, far } = await connectedPair(fleet.wire(t, fleet.agent), mover, transport);
  const http = createHttpServer({ handler: echoHandler });
  http.feed(far);
  await using client = httpClient({ connect: singleConnection(near) });
  await (await client.request({ method: 'POST', path: '/', body: Buffer.alloc(500_000) })).json();
  const [use] = mover.use();
  assert.ok(use && use.bytesIn > 500_000 && use.bytesIn < 501_000, `${use?.bytesIn} bytes in`);
  await http[Symbol.asyncDispose]();
});
