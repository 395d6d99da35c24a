import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { viewPath, viewProtocol } from '@holdfast/protocol';
import { type Connection, createHttpServer } from '@holdfast/wire';
import type { TestLeaf } from '@holdfast/wire/testing';
import { maxOfferedStreams } from './limits.ts';
import { type MoverFixture, startFixture } from './testing/mover-fixture.ts';
import { object, type RestCall, restCalls } from './testing/rest-calls.ts';

/** A computer that restores sees what an executor shows it, whatever it asks for, and an executor shows only where it was told to. */

interface Shown {
  readonly fixture: MoverFixture;
  readonly executor: TestLeaf;
  readonly readerSessionId: string;
  readonly reader: RestCall;
  readonly executorGrant: string;
  /** What the executor was asked for. */
  readonly asked: string[];
  /** Offers a stream; another end than the executor's, or another session, where it is said. */
  readonly offer: (o?: {
    readonly leaf?: TestLeaf;
    readonly grant?: string;
    readonly to?: string;
  }) => Promise<Connection>;
}

async function open(
  fixture: MoverFixture,
  leaf: TestLeaf,
  more: { viewOnly?: true; publishesTo?: string },
): Promise<{ sessionId: string; grant: string }> {
  const sessionId = randomUUID();
  const admission = {
    ...{ sessionId, tenant: 'local', repository: 'repo', subject: `agent/${leaf.id}` },
    ...{ fingerprint: leaf.fingerprint, mode: 'read' as const },
  };
  const opened = await fixture.api('POST', '/sessions', { ...admission, ...more });
  assert.equal(opened.status, 200, JSON.stringify(opened.json));
  return { sessionId, grant: await fixture.grant(admission) };
}

async function show(
  t: TestContext,
  answer: (req: IncomingMessage, res: ServerResponse) => void = (_req, res) => void res.writeHead(404).end(),
): Promise<Shown> {
  const fixture = await startFixture(t);
  await fixture.place('repo');
  const executor = await fixture.installation.issue({ role: 'agent' });
  const reader = await open(fixture, fixture.agent, { viewOnly: true });
  const publisher = await open(fixture, executor, { publishesTo: reader.sessionId });
  const asked: string[] = [];
  const server = createHttpServer({
    handler: (req, res) => {
      asked.push(`${req.method} ${req.url}`);
      answer(req, res);
    },
  });
  t.after(() => server.close({ graceMs: 0 }));
  const offer: Shown['offer'] = async ({ leaf = executor, grant = publisher.grant, to = reader.sessionId } = {}) => {
    const http = fixture.client(leaf);
    const stream = await http.upgrade(viewPath(to), viewProtocol, { headers: { authorization: `Bearer ${grant}` } });
    const closed = new Promise<undefined>((resolve) => stream.once('close', () => resolve(undefined)));
    const connection: Connection = {
      stream,
      closed,
      peer: undefined,
      channel: 'agent-to-mover-transport',
      certificate: undefined,
      caPem: undefined,
      ...{ localPort: 0, remotePort: 0, localAddress: '', remoteAddress: '' },
      countAs: () => undefined,
      assertTrusted: () => undefined,
    };
    server.feed(connection);
    return connection;
  };
  return {
    ...{ fixture, executor, asked, offer, readerSessionId: reader.sessionId, executorGrant: publisher.grant },
    reader: restCalls(fixture.client(fixture.agent), reader.grant),
  };
}

test('whatever is asked for comes from the executor, and nothing out of the repository', async (t) => {
  const { fixture, reader, asked, offer } = await show(t);
  const writer = restCalls(fixture.client(fixture.agent), await fixture.grant());
  const { body, id } = object();
  assert.equal((await writer('POST', `data/${id}`, { body })).status, 200);
  // Waits for the executor, which comes a moment later.
  const first = reader('GET', `data/${id}`, { headers: { range: 'bytes=0-9' } });
  await offer();
  assert.equal((await first).status, 404);
  assert.equal((await reader('GET', 'data/?limit=10&retention=1&after=../..')).status, 404);
  assert.deepEqual(asked, [`GET /local/repo/data/${id}`, 'GET /local/repo/data/?after=..%2F..&limit=10']);
  for (const [method, path] of [
    ['POST', `data/${id}`],
    ['POST', `snapshots/${id}`],
    ['DELETE', `data/${id}`],
    ['POST', 'config'],
    ['POST', '/local/repo/?create=true'],
  ] as const)
    assert.deepEqual([(await reader(method, path, { body: 'x' })).code, asked.length], ['grant.mode', 2], path);
  const big = await reader('POST', `locks/${id}`, { body: Buffer.alloc(70_000) });
  assert.deepEqual([big.code, asked.length], ['storage.size', 2]);
  assert.equal((await writer('HEAD', `data/${id}`)).status, 200, 'it was there all the time');
});

test('only the executor whose session is for that offers a view, and only for that session', async (t) => {
  const { fixture, executor, offer, readerSessionId, executorGrant } = await show(t);
  const forbidden = { code: 'auth.forbidden' };
  const own = await open(fixture, fixture.agent, { viewOnly: true });
  await assert.rejects(
    offer({ leaf: fixture.agent, grant: own.grant, to: own.sessionId }),
    forbidden,
    'the reader itself',
  );
  const other = await open(fixture, executor, {});
  await assert.rejects(offer({ grant: other.grant }), forbidden, 'a session for something else');
  await assert.rejects(offer({ to: own.sessionId }), forbidden, 'the view of somebody else');
  const plain = await open(fixture, fixture.agent, {});
  const astray = await open(fixture, executor, { publishesTo: plain.sessionId });
  await assert.rejects(
    offer({ grant: astray.grant, to: plain.sessionId }),
    forbidden,
    'a session that reads by itself',
  );
  await assert.rejects(
    offer({ leaf: fixture.agent }),
    { code: 'grant.invalid' },
    "another computer with the executor's grant",
  );
  await assert.rejects(offer({ to: randomUUID() }), forbidden);
  const streams: Connection[] = [];
  for (let number = 0; number < maxOfferedStreams; number += 1) streams.push(await offer());
  await assert.rejects(offer(), { code: 'internal.limit' });
  await fixture.api('DELETE', `/sessions/${readerSessionId}`);
  await Promise.all(streams.map(({ closed }) => closed));
  await assert.rejects(offer({ grant: executorGrant }), { code: 'request.missing' });
});

test('an answer that breaks off is cut, and the next one comes over another stream', async (t) => {
  let breaks = true;
  const { reader, offer } = await show(t, (req, res) => {
    res.writeHead(200, { 'content-length': 10 });
    if (breaks) res.write('hal', () => req.socket.destroy());
    else res.end('0123456789');
  });
  const { id } = object();
  const broken = await offer();
  await assert.rejects(reader('GET', `data/${id}`), { code: 'channel.closed' });
  await broken.closed;
  breaks = false;
  const waiting = reader('GET', `data/${id}`);
  await offer();
  assert.equal((await waiting).body.toString(), '0123456789');
});
