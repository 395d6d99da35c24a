import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { type ErrorCode, hasCode } from '@holdfast/core';
import type { Connection } from './connection.ts';
import { httpClient, singleConnection } from './http-client.ts';

/** The other end of a connection: what it says to each piece that it takes in. */
interface Server {
  readonly says: (piece: string) => string;
  /** Pieces that it takes in. Default: all. */
  readonly takes?: number;
}

function connectionTo({ says, takes = Number.POSITIVE_INFINITY }: Server): Connection {
  let taken = 0;
  const stream: Duplex = new Duplex({
    read: () => undefined,
    write: (piece: Buffer, _encoding, done) => {
      taken += 1;
      stream.push(says(piece.toString('latin1')));
      if (taken <= takes) done();
    },
    final: (done) => {
      stream.push(null);
      done();
    },
  });
  stream.on('error', () => undefined);
  return {
    stream,
    peer: undefined,
    certificate: undefined,
    channel: 'agent-to-mover-data',
    localPort: 0,
    localAddress: '192.0.2.2',
    remoteAddress: '192.0.2.1',
    remotePort: 443,
    caPem: undefined,
    countAs: () => undefined,
    assertTrusted: () => undefined,
    closed: new Promise((resolve) => stream.once('close', () => resolve(undefined))),
  };
}

/** A client with one connection at a time: to each of the servers in turn. */
function clientOf(...servers: readonly Server[]) {
  const connections = servers.map(connectionTo);
  const dialled: Duplex[] = [];
  const client = httpClient({
    connect: async () => {
      const connection = connections[dialled.length];
      assert.ok(connection, 'one more connection than expected');
      dialled.push(connection.stream);
      return connection;
    },
  });
  return { client, dialled };
}

const answer = (status: number | string, headers = ''): string =>
  `HTTP/1.1 ${status} Said\r\n${headers}content-length: 2\r\n\r\nno`;
const always = (text: string): Server['says'] => {
  let said = false;
  return () => {
    const now = said ? '' : text;
    said = true;
    return now;
  };
};
const good: Server = { says: () => answer(200) };
const get = { method: 'GET', path: '/' } as const;

async function rejection(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected ${code}, but it succeeded`),
    (reason: unknown) => reason,
  );
  assert.ok(hasCode(error, code), `expected ${code}, got ${String(error)}`);
  assert.match(error.message, message);
}

for (const [status, headers] of [
  ['507', ''],
  ['413', 'connection: close\r\n'],
  ['200', ''],
] as const) {
  test(`answered ${status} before its body was sent, a request ends, and the rest is not sent`, async () => {
    const { client, dialled } = clientOf({ says: always(answer(status, headers)), takes: 1 }, good);
    const body = Array.from({ length: 8 }, () => Buffer.alloc(256 * 1024));
    const refused = await client.request({ method: 'POST', path: '/', body, timeoutMs: 0 });
    assert.equal(refused.status, Number(status));
    assert.equal(await refused.text(), 'no');
    assert.equal(await (await client.request(get)).text(), 'no');
    assert.equal(dialled[0]?.destroyed, true);
    await client.close();
  });

  for (const ended of ['the silence', 'an abort'] as const) {
    test(`answered ${status}, with its last piece never taken: ${ended} gives the place to the next request`, async () => {
      const { client, dialled } = clientOf({ says: always(answer(status, headers)), takes: 0 }, good);
      const abort = new AbortController();
      const limit = ended === 'an abort' ? { timeoutMs: 0, signal: abort.signal } : { timeoutMs: 20 };
      const refused = await client.request({ method: 'POST', path: '/', body: 'all of it', ...limit });
      assert.equal(await refused.text(), 'no');
      const next = client.request(get);
      const closed = client.close();
      abort.abort();
      assert.equal(await (await next).text(), 'no');
      assert.equal(dialled[0]?.destroyed, true);
      await closed;
    });
  }
}

test('an upgrade that nobody asked for is an error, and the next request works', async () => {
  const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n';
  const { client } = clientOf({ says: always(upgraded) }, good);
  await rejection(client.request(get), 'channel.closed', /GET \/ to .* was closed without an answer/);
  assert.equal(await (await client.request(get)).text(), 'no');
});

test('a request that HTTP cannot carry is refused for good, and costs no connection', async () => {
  const { client, dialled } = clientOf(good, good);
  const headers = { 'x-name': 'a\nb' };
  await rejection(client.request({ ...get, headers }), 'request.invalid', /HTTP can carry/);
  await rejection(client.request({ ...get, path: '/a b' }), 'request.invalid', /GET \/a b is not/);
  assert.equal(await (await client.request(get)).text(), 'no');
  assert.equal(dialled.length, 1);
  await rejection(client.upgrade('/', 'x', { headers }), 'request.invalid', /HTTP can carry/);
  assert.equal(dialled[1]?.destroyed, true);
});

test('a request is given up while it waits for a connection, and no more when it is sent', async () => {
  const asked: string[] = [];
  const { client } = clientOf(
    {
      says: (piece) => {
        asked.push(piece.split(' ')[1] ?? '');
        return '';
      },
    },
    good,
  );
  const [first, second] = [new AbortController(), new AbortController()];
  const timeoutMs = 200;
  const sent = client.request({ ...get, path: '/sent', unsentSignal: first.signal, timeoutMs });
  const waits = client.request({ ...get, path: '/waits', unsentSignal: second.signal, timeoutMs });
  await new Promise(setImmediate);
  const reason = new Error('no more');
  first.abort(new Error('too late'));
  second.abort(reason);
  await assert.rejects(waits, reason);
  // Waited for until the other end has been silent for too long.
  await rejection(sent, 'run.timeout', /not answered in time/);
  assert.deepEqual(asked, ['/sent']);
});

test('a refused upgrade whose body stalls is given up', async () => {
  const { client, dialled } = clientOf({ says: always('HTTP/1.1 403 No\r\ncontent-length: 100\r\n\r\nfirst words') });
  await rejection(client.upgrade('/', 'x', { timeoutMs: 20 }), 'run.timeout', /was not answered in time/);
  assert.equal(dialled[0]?.destroyed, true);
});

test('a connection that is closed when it comes is an error of the connection', async () => {
  const connection = connectionTo(good);
  connection.stream.destroy();
  const closed = /the connection to 192\.0\.2\.1:443 is closed/;
  await using client = httpClient({ connect: singleConnection(connection) });
  await rejection(client.request(get), 'channel.closed', closed);
  await rejection(client.request(get), 'channel.closed', closed);
  const ended = connectionTo(good);
  ended.stream.end();
  await using other = httpClient({ connect: singleConnection(ended) });
  await rejection(other.upgrade('/', 'x'), 'channel.closed', closed);
  assert.equal(ended.stream.destroyed, true);
});

test('a connection that comes after the client was closed is cut', async () => {
  const dialling = Promise.withResolvers<undefined>();
  const late = Promise.withResolvers<Connection>();
  const client = httpClient({
    connect: () => {
      dialling.resolve(undefined);
      return late.promise;
    },
  });
  const refused = rejection(client.request(get), 'channel.closed', /was cut/);
  await dialling.promise;
  await client[Symbol.asyncDispose]();
  const connection = connectionTo(good);
  late.resolve(connection);
  await refused;
  assert.equal(connection.stream.destroyed, true);
});

test('what comes while a connection is idle ends it, and is no answer to the next request', async () => {
  const { client, dialled } = clientOf(good, { says: () => answer(201) });
  assert.equal(await (await client.request(get)).text(), 'no');
  const [first] = dialled;
  assert.ok(first);
  // The connection is idle once the request has closed.
  await new Promise((resolve) => setImmediate(resolve));
  first.push(answer(500));
  await once(first, 'close');
  const next = await client.request(get);
  assert.equal(next.status, 201);
  await next.bytes();
});

test('after HEAD, a server that closes by default is not asked again along the same connection', async () => {
  const head = { method: 'HEAD', path: '/' } as const;
  for (const [version, dials] of [
    ['1.1', 1],
    ['1.0', 2],
  ] as const) {
    const server: Server = { says: () => `HTTP/${version} 200 OK\r\n\r\n` };
    const { client, dialled } = clientOf(server, server);
    for (let times = 0; times < 2; times += 1) await (await client.request(head)).bytes();
    assert.equal(dialled.length, dials, version);
  }
});

test('an idle connection is closed a second before the server would', async (t) => {
  for (const [keepAlive, ms] of [
    ['keep-alive: timeout=5, max=100\r\n', 4_000],
    ['keep-alive: timeout=600\r\n', 60_000],
    ['', 60_000],
  ] as const) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { client, dialled } = clientOf({ says: () => answer(200, keepAlive) });
    await (await client.request(get)).text();
    await new Promise((resolve) => setImmediate(resolve));
    t.mock.timers.tick(ms - 1);
    assert.equal(dialled[0]?.destroyed, false);
    t.mock.timers.tick(1);
    assert.equal(dialled[0]?.destroyed, true);
    t.mock.timers.reset();
  }
});
