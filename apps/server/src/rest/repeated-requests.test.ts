import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { type Route, routes } from '@holdfast/protocol';
import { TestServer } from '../testing/test-server.ts';

async function start(t: TestContext) {
  const clock = new ManualClock(new Date());
  const server = await TestServer.start(temporaryFolder(t), { clock });
  t.after(() => server[Symbol.asyncDispose]());
  const ask = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    o: { body?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const response = await server.http.request({
      method,
      path,
      headers: {
        authorization: `Bearer ${server.token}`,
        ...(o.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...o.headers,
      },
      body: o.body === undefined ? undefined : JSON.stringify(o.body),
    });
    const text = await response.text(1_000_000);
    const content = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>);
    return { status: response.status, tag: String(response.headers['etag']), content };
  };
  return { clock, server, ask };
}

test('whoever may not ask any more does not get the answer again', async (t) => {
  const { server } = await start(t);
  const { id, token } = await server.person('alice', 'administrator', { groups: ['default'] });
  const make = async () => {
    const response = await server.http.request({
      method: 'POST',
      path: '/api/v1/join-tokens',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': 'key-00000001',
      },
      body: JSON.stringify({ role: 'agent' }),
    });
    await response.text(100_000);
    return response.status;
  };
  assert.equal(await make(), 200);
  await server.client.call('updateUser', { params: { id }, body: { role: 'auditor' } });
  assert.equal(await make(), 403);
});

test('a request with an Idempotency-Key is done once, and answered alike however often it comes', async (t) => {
  const { clock, server, ask } = await start(t);
  const make = (key: string, uses = 1) =>
    ask('POST', '/api/v1/join-tokens', { body: { role: 'agent', uses }, headers: { 'idempotency-key': key } });
  const first = await make('key-00000001');
  assert.equal(first.status, 200);
  assert.deepEqual(await make('key-00000001'), first);
  const { records } = await server.client.call('audit', { query: { action: 'createToken' } });
  assert.deepEqual(
    records.map(({ details }) => details['repeated']),
    [true, undefined],
    'the answer may hold a secret: that it was given again is in the audit',
  );
  assert.equal((await server.client.list('tokens', {})).length, 1);

  const other = await make('key-00000001', 2);
  assert.equal(other.status, 400);
  assert.match(String(other.content?.['detail']), /another request/);
  assert.equal((await make('short')).status, 400);

  // What was refused may be tried again; two at once are one.
  assert.equal((await make('key-00000002', -1)).status, 400);
  const both = await Promise.all([make('key-00000002'), make('key-00000002')]);
  assert.ok(both.some(({ status }) => status === 200));
  assert.ok(both.every(({ status }) => status === 200 || status === 409));
  assert.equal((await server.client.list('tokens', {})).length, 2);

  clock.advance(24 * 3_600_000);
  const later = await make('key-00000001');
  assert.equal(later.status, 200);
  assert.notDeepEqual(later.content, first.content);
});

test('a list that is unchanged is not sent again', async (t) => {
  const { server, ask } = await start(t);
  const { tag, status } = await ask('GET', '/api/v1/join-tokens');
  assert.equal(status, 200);
  const again = (header: string) => ask('GET', '/api/v1/join-tokens', { headers: { 'if-none-match': header } });
  assert.equal((await again(tag)).status, 304);
  assert.equal((await again(`"x", W/${tag}`)).status, 304);
  await server.joinToken('agent');
  assert.equal((await again(tag)).status, 200);
});

test('a change of what somebody else has changed meanwhile is refused, where the caller says what it saw', async (t) => {
  const { server, ask } = await start(t);
  const { id } = await server.client.call('createUser', {
    body: { name: 'ada', role: 'auditor', password: 'a long enough password' },
  });
  const path = `/api/v1/users/${id}`;
  const { tag } = await ask('GET', path);
  const change = (displayName: string, header: string) =>
    ask('PUT', path, { body: { displayName }, headers: { 'if-match': header } });
  assert.equal((await change('Ada', tag)).status, 200);
  const late = await change('Countess', tag);
  assert.deepEqual([late.status, late.content?.['code']], [412, 'request.changed']);
  assert.equal((await ask('DELETE', path, { headers: { 'if-match': tag } })).status, 412);
  assert.equal((await change('Ada King', (await ask('GET', path)).tag)).status, 200);

  // Both read the same, and one of them comes first.
  const seen = (await ask('GET', path)).tag;
  const both = await Promise.all(['one', 'two'].map((name) => change(name, seen)));
  assert.deepEqual(both.map(({ status }) => String(status)).toSorted(), ['200', '412']);

  // Nobody is left to believe that a route looked at the header.
  const unguarded = await ask('POST', '/api/v1/join-tokens', { body: { role: 'agent' }, headers: { 'if-match': tag } });
  assert.equal(unguarded.status, 400);
});

test('what a guarded route changes can be read', () => {
  const all = Object.values<Route>(routes);
  for (const { id, path, guarded } of all)
    if (guarded)
      assert.ok(
        all.some((other) => other.method === 'GET' && other.path === path),
        id,
      );
});
