import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { CallArguments, Routes } from '@holdfast/protocol';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

const idOf = (number: number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;

test('runs are listed in the order of their state, end and sizes, sessions in both orders of time, page by page', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const agent = (await server.join('agent', { preinstalled: true })).answer.id;
  const repository = await server.client.call('createRepository', { body: { name: 'store', moverId: mover.id } });
  const run = (number: number, o: { state: string; ended?: number; read?: number; stored?: number }) =>
    `insert into "runs" ("tenant", "id", "kind", "agentId", "repositoryId", "orderJson", "sessionId", "state", "handedOver",
      "cancelRequested", "queuedAt", "endedAt", "problemsJson", "problemCount", "degradationsJson", "processedBytes", "storedBytes")
      values ('local', '${idOf(number)}', 'backup', '${agent}', '${repository.id}', '{}', 's', '${o.state}', 1, 0, '${day(number)}',
      ${o.ended === undefined ? 'null' : `'${day(o.ended)}'`}, '[]', 0, '[]', ${o.read ?? 0}, ${o.stored ?? 0});`;
  const session = (number: number) =>
    `insert into "sessions" ("tenant", "id", "kind", "groupName", "trigger", "createdAt", "planJson", "notesJson", "state", "endedAt")
      values ('local', '${idOf(number)}', 'backup', 'default', 'person', '${day(number)}', '{}', '[]', 'succeeded', '${day(9)}');`;
  await server.alterDatabase(
    [
      run(1, { state: 'succeeded', ended: 7, read: 10, stored: 9 }),
      run(2, { state: 'failed', ended: 6, read: 30, stored: 9 }),
      // It goes on: it has no end yet, and its sizes change.
      run(3, { state: 'running', read: 99, stored: 99 }),
      run(4, { state: 'failed', ended: 6, read: 20, stored: 1 }),
      ...[session(1), session(2), session(3)],
    ].join('\n'),
  );
  type Query = NonNullable<CallArguments<Routes['runs']>['query']>;
  const listed = async (query: Query): Promise<number[]> => {
    const runs = await server.client.list('runs', { query: { ...query, limit: 1 } });
    return runs.map(({ id }) => Number(id.slice(-2)));
  };
  assert.deepEqual(await listed({}), [4, 3, 2, 1]);
  assert.deepEqual(await listed({ order: 'asc' }), [1, 2, 3, 4]);
  const orders: readonly (readonly [NonNullable<Query['sort']>, readonly number[]])[] = [
    ['state', [1, 3, 4, 2]],
    ['ended', [1, 4, 2]],
    ['processedBytes', [2, 4, 1]],
    ['storedBytes', [2, 1, 4]],
  ];
  for (const [sort, expected] of orders) {
    assert.deepEqual(await listed({ sort }), expected, sort);
    assert.deepEqual(await listed({ sort, order: 'asc' }), expected.toReversed(), sort);
  }
  assert.deepEqual(await listed({ sort: 'processedBytes', state: 'failed' }), [2, 4], 'with a filter');
  const { total } = await server.client.call('runs', { query: { sort: 'ended', total: 'true' } });
  assert.equal(total, 3, 'as many as are listed');
  // A place in one order is none in another.
  const { next = '' } = await server.client.call('runs', { query: { limit: 1 } });
  await assert.rejects(server.client.call('runs', { query: { sort: 'state', after: next } }), {
    code: 'request.invalid',
  });

  const sessions = async (order: 'asc' | 'desc') =>
    (await server.client.list('sessions', { query: { order, limit: 1 } })).map(({ id }) => Number(id.slice(-2)));
  assert.deepEqual(await sessions('asc'), [1, 2, 3]);
  assert.deepEqual(await sessions('desc'), [3, 2, 1]);
});
