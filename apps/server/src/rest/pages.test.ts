import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder } from '@holdfast/core/testing';
import { TestServer } from '../testing/test-server.ts';

test('a list is read page by page, each item once, also while it grows', async (t) => {
  const server = await TestServer.start(temporaryFolder(t));
  t.after(() => server[Symbol.asyncDispose]());
  const made: string[] = [];
  const make = async (): Promise<void> => {
    made.push((await server.client.call('createToken', { body: { role: 'agent' } })).id);
  };
  for (let n = 0; n < 5; n += 1) await make();
  const first = await server.client.call('tokens', { query: { limit: 2 } });
  assert.equal(first.tokens.length, 2);
  assert.ok(first.next);
  await make();
  const second = await server.client.call('tokens', { query: { limit: 2, after: first.next } });
  const third = await server.client.call('tokens', { query: { limit: 2, after: second.next } });
  assert.equal(third.next, undefined);
  const seen = [first, second, third].flatMap(({ tokens }) => tokens.map(({ id }) => id));
  assert.deepEqual(seen.toSorted(), made.toSorted());
  assert.deepEqual(
    (await server.client.list('tokens', { query: { limit: 1 } })).map(({ id }) => id),
    seen,
  );

  // Newest first.
  const audit = await server.client.list('audit', { query: { limit: 4 } });
  assert.deepEqual(
    audit.filter(({ action }) => action === 'createToken').map(({ subject }) => subject),
    made.toReversed(),
  );

  const place = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const after of ['x', place([1]), place(['2026']), place(['2026', null]), place({}), '%']) {
    await assert.rejects(server.client.call('tokens', { query: { after } }), { code: 'request.invalid' }, after);
  }
});
