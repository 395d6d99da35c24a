import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { HoldfastError, ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { limits, RestClient, type Route, routes, type ServerEvent } from '@holdfast/protocol';
import { pino } from 'pino';
import { startServer } from '../server.ts';
import { TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

async function start(t: TestContext, o: Parameters<typeof TestServer.start>[1] = {}): Promise<TestServer> {
  const server = await TestServer.start(temporaryFolder(t), o);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

function bearer(token: string) {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}

const anyId = '00000000-0000-4000-8000-000000000000';

/** The only routes for which nobody has to have signed in. */
const publicRoutes = [
  'signIn',
  'completeSignIn',
  'console',
  'browserSignIn',
  'completeBrowserSignIn',
  'beginOutsideSignIn',
  'completeOutsideSignIn',
  'setUp',
];

test('every route but those of signing in, and every path that is none, needs a token', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  const all = Object.values<Route>(routes);
  const open = all.filter(({ access }) => access === 'public').map(({ id }) => id);
  assert.deepEqual(open, publicRoutes);
  const paths = all
    .filter(({ id }) => !open.includes(id))
    .map(({ method, path }) => ({ method, path: path.replace('{id}', anyId) }));
  for (const { method, path } of [
    ...paths,
    { method: 'GET' as const, path: '/api/nothing' },
    { method: 'POST' as const, path: '/' },
    { method: 'GET' as const, path: '/%zz' },
  ]) {
    clock.advance(60_000);
    for (const headers of [{}, bearer('hfa_wrong'), { authorization: `Basic ${server.token}` }]) {
      const response = await server.http.request({ method, path, headers });
      // A path that can't be decoded is refused before anybody is asked who they are.
      assert.equal(response.status, path === '/%zz' ? 400 : 401, `${method} ${path}`);
      assert.match(String(response.headers['content-type']), /^application\/problem\+json/);
      const report = (await response.json()) as Record<string, unknown>;
      assert.ok(['auth.required', 'request.invalid'].includes(String(report['code'])));
      assert.equal(report['status'], response.status);
      assert.equal(report['type'], `urn:holdfast:error:${String(report['code'])}`);
      assert.equal(report['instance'], `urn:uuid:${String(response.headers['x-request-id'])}`);
      assert.equal(response.headers['cache-control'], 'no-store', `${method} ${path}`);
      assert.equal(response.headers['x-content-type-options'], 'nosniff');
    }
  }
  assert.ok(paths.length > 20);
});

test('wrong tokens from one address are limited, and keep nobody out who has a right one', async (t) => {
  const clock = new ManualClock(new Date());
  const server = await start(t, { clock });
  const wrong = new RestClient({ http: server.http, token: 'hfa_wrong' });
  for (let n = 0; n < 20; n += 1) await assert.rejects(wrong.call('status', {}), { code: 'auth.required' });
  await assert.rejects(wrong.call('status', {}), { code: 'auth.rate' });
  await server.client.call('status', {});
  clock.advance(60_000);
  await assert.rejects(wrong.call('status', {}), { code: 'auth.required' });
});

test('the OpenAPI document has every route, with parameters and answers that resolve', async (t) => {
  const server = await start(t);
  const document = (await server.client.call('openapi', {})) as {
    openapi: string;
    info: { title: string; version: string };
    paths: Record<
      string,
      Record<
        string,
        {
          operationId: string;
          parameters: { name: string; in: string; required: boolean }[];
          responses: Record<string, unknown>;
        }
      >
    >;
    components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
  };
  assert.equal(document.openapi, '3.1.0');
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  assert.equal(operations.length, Object.keys(routes).length);
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
  for (const { path, operation } of operations) {
    const inPath = operation.parameters.filter((one) => one.in === 'path');
    assert.deepEqual(
      inPath.map(({ name }) => name),
      [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
    );
    assert.ok(inPath.every(({ required }) => required));
    assert.ok(operation.responses['200'] && operation.responses['default'], path);
  }
  for (const [, reference] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
    const target = String(reference)
      .slice(2)
      .split('/')
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
    assert.ok(target, `${reference} leads nowhere`);
  }
});

test('bodies, queries and paths are checked, and the error says what is wrong', async (t) => {
  const server = await start(t);
  const request = async (method: 'GET' | 'POST' | 'PUT', path: string, body?: string, type = 'application/json') => {
    const response = await server.http.request({
      method,
      path,
      headers: { ...bearer(server.token), 'content-type': type },
      body,
    });
    return { status: response.status, report: (await response.json()) as { code: string; detail: string } };
  };
  for (const [method, path, body, expected] of [
    ['POST', '/api/v1/join-tokens', '{"role":"root"}', /role/],
    ['POST', '/api/v1/join-tokens', '{"role":"agent","extra":1}', /extra/],
    ['POST', '/api/v1/join-tokens', '{"role":"agent","__proto__":{"uses":5}}', /./],
    ['POST', '/api/v1/join-tokens', '{"role":', /./],
    ['POST', '/api/v1/join-tokens', '', /role/],
    ['GET', '/api/v1/runs?limit=0', undefined, /limit/],
    ['GET', '/api/v1/runs?limt=1', undefined, /limt/],
    ['GET', '/api/v1/runs/not-an-id', undefined, /id/],
    ['POST', `/api/v1/runs/${anyId}/cancel`, '{"now":true}', /takes no body/],
  ] as const) {
    const { status, report } = await request(method, path, body);
    assert.equal(status, 400, path);
    assert.equal(report.code, 'request.invalid', path);
    assert.match(report.detail, expected);
  }
  assert.equal(
    (await request('POST', '/api/v1/join-tokens', 'role=agent', 'application/x-www-form-urlencoded')).status,
    400,
  );
  // What a PUT leaves out is as it is by default: neither may set everything back.
  for (const body of [undefined, 'null'])
    assert.equal((await request('PUT', `/api/v1/repositories/${anyId}/maintenance`, body)).status, 400);
  const large = await request('POST', '/api/v1/join-tokens', JSON.stringify({ role: 'x'.repeat(limits.maxJsonBytes) }));
  assert.deepEqual([large.report.code, large.status], ['request.size', 413]);
  assert.equal((await request('GET', '/api/v1/nothing')).report.code, 'request.missing');
  assert.equal((await request('GET', `/api/v1/runs/${anyId}`)).report.code, 'request.missing');
  assert.equal((await request('GET', `/api/v1/runs/${anyId}/events`)).report.code, 'request.missing');
});

test('a name that a repository of another group has is taken, and that is all that is told', async (t) => {
  const server = await start(t);
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const { moverId } = await server.client.call('createRepository', {
    body: { name: 'books', moverId: mover.id, group: 'secret' },
  });
  const { client } = await server.person('alice', 'administrator', { groups: ['default'] });
  assert.deepEqual((await client.call('repositories', {})).repositories, []);
  await assert.rejects(client.call('createRepository', { body: { name: 'books', moverId } }), {
    code: 'repository.exists',
    message: 'There is a repository books already.',
  });
});

test('a grant that deletes backups is not given to one person where two have to agree to that', async (t) => {
  const server = await start(t);
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const { id } = await server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  const grant = (mode: 'read' | 'maintain') =>
    server.client.call('repositoryGrant', { params: { id }, body: { mode } });
  await grant('maintain');
  for (const name of ['alice', 'bob']) await server.person(name, 'administrator');
  await assert.rejects(grant('maintain'), { code: 'auth.forbidden' });
  await grant('read');
});

test('every change, and every look at a secret, is in the audit', async (t) => {
  const server = await start(t);
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const repository = await server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } });
  const place = { params: { id: repository.id } };
  const { password } = await server.client.call('repositoryPassword', place);
  assert.match(password, /^[\w-]{43}$/);
  assert.equal((await server.client.call('repositoryPassword', place)).password, password);
  const grant = await server.client.call('repositoryGrant', { ...place, body: { mode: 'read' } });
  assert.equal(grant.url, `https://127.0.0.1:${port}/local/books/`);
  await assert.rejects(server.client.call('createRepository', { body: { name: 'books', moverId: mover.id } }), {
    code: 'repository.exists',
  });
  const { records } = await server.client.call('audit', {});
  assert.deepEqual(records.map(({ actor, action }) => `${actor.replace(/\/.*/, '')} ${action}`).toReversed(), [
    'local-administrator createToken',
    'mover enrol',
    'local-administrator createRepository',
    'local-administrator repositoryPassword',
    'local-administrator repositoryPassword',
    'local-administrator repositoryGrant',
    'local-administrator createRepository',
  ]);
  assert.equal(records[0]?.outcome, 'failed');
  assert.ok(records.slice(1, 5).every(({ subject }) => subject === repository.id));
  assert.ok(!JSON.stringify(records).includes(password));
  const database = await server.databaseContent();
  assert.ok(!database.includes(password), 'the password is not in the database');
  assert.ok(!database.includes(server.token), 'nor is the token');
});

test('events tell who comes and goes', async (t) => {
  const server = await start(t);
  const told: ServerEvent[] = [];
  const stop = new AbortController();
  const listening = (async () => {
    for await (const event of server.client.events('events', { signal: stop.signal })) told.push(event);
  })();
  await using agent = new TestAgent(await server.join('agent'));
  const held = await agent.hold(server);
  const states = () => told.flatMap((event) => (event.kind === 'computer' ? [event.computer.state] : []));
  await until(() => states().includes('online'), 'the agent is online');
  await held[Symbol.asyncDispose]();
  await until(() => states().at(-1) === 'offline', 'the agent is offline');
  stop.abort(new HoldfastError('run.cancelled'));
  await assert.rejects(listening, { code: 'run.cancelled' });
});

test('channel use lists every process, and says why one could not be asked', async (t) => {
  const server = await start(t);
  await server.join('agent');
  const { processes } = await server.client.call('channelUse', {});
  const [own, agent] = processes;
  assert.ok(own?.channels.some(({ channel, connectionsIn }) => channel === 'client-to-server' && connectionsIn > 0));
  assert.equal(agent?.role, 'agent');
  assert.equal(agent.error?.code, 'channel.closed');
});

test('a second server on the same folder is refused, and one that was restarted keeps its identity', async (t) => {
  const folder = temporaryFolder(t);
  const first = await TestServer.start(folder);
  const { installation, caFingerprint } = first.running;
  const token = first.token;
  await assert.rejects(startServer({ dataDir: join(folder, 'server'), logger: pino({ level: 'silent' }) }), {
    code: 'process.running',
  });
  const enrolled = await first.join('agent');
  await first[Symbol.asyncDispose]();
  await using second = await TestServer.start(folder);
  assert.deepEqual(
    [second.running.installation, second.running.caFingerprint, second.token],
    [installation, caFingerprint, token],
  );
  await using agent = new TestAgent(enrolled);
  await agent.hold(second);
  await until(() => agent.greeted === 1, 'the agent is known');
});

test('a secret that others can read stops the start', {
  skip: process.platform === 'win32' && 'modes are of POSIX',
}, async (t) => {
  const folder = temporaryFolder(t);
  const first = await TestServer.start(folder);
  await first[Symbol.asyncDispose]();
  const { chmodSync } = await import('node:fs');
  chmodSync(join(folder, 'server', 'vault-key'), 0o644);
  await assert.rejects(TestServer.start(folder), { code: 'usage.configuration' });
});

test('a wrong configuration names the key', async (t) => {
  const dataDir = temporaryFolder(t);
  const start = (config: object) => startServer({ dataDir, config, logger: pino({ level: 'silent' }) });
  await assert.rejects(start({ parallelRuns: 0 }), /parallelRuns/);
  await assert.rejects(start({ paralelRuns: 1 }), /paralelRuns/);
  await assert.rejects(start({ ports: { 'no-such-channel': 1 } }), { code: 'channel.unknown' });
});
