import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import type { CallArguments, Routes } from '@holdfast/protocol';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

test('jobs and policies are listed by a part of their names, by repository, and in the order of names', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const { client } = server;
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  await server.haveGroup('north');
  const [first, second, third] = [
    (await server.join('agent', { preinstalled: true })).answer.id,
    (await server.join('agent', { preinstalled: true })).answer.id,
    (await server.join('agent', { preinstalled: true, group: 'north' })).answer.id,
  ];
  const shared = await client.call('createRepository', { body: { name: 'shared', moverId: mover.id } });
  const own = await client.call('createRepository', { body: { name: 'own', moverId: mover.id } });
  await server.alterDatabase(`update "repositories" set "ownerId" = '${first}' where "id" = '${own.id}'`);
  type Body = CallArguments<Routes['createJob']>['body'];
  const make = (name: string, computers: string[], target: Body['target'], enabled = true) =>
    client.call('createJob', {
      body: { name, enabled, computers, target, scope: { kind: 'folders', paths: [`/${name}`] } },
    });
  const toShared = { kind: 'shared', repositoryId: shared.id } as const;
  const toOwn = { kind: 'own', moverId: mover.id } as const;
  await make('Mail', [first], toShared);
  const accounts = await make('Accounts 100%', [first], toOwn);
  await make('letters', [second], toOwn, false);
  await client.call('createPolicy', {
    body: { name: 'On the road', groups: ['north'], target: toShared, scope: { kind: 'folders', paths: ['/home'] } },
  });

  const listed = async (query: NonNullable<CallArguments<Routes['jobs']>['query']>) => {
    const { jobs, total } = await client.call('jobs', { query: { ...query, total: 'true' } });
    assert.equal(total, jobs.length);
    return jobs.map(({ name }) => name);
  };
  assert.deepEqual(await listed({}), ['Mail', 'Accounts 100%', 'letters'], 'the oldest first');
  assert.deepEqual(await listed({ sort: 'name' }), ['Accounts 100%', 'Mail', 'letters'], 'by their bytes');
  assert.deepEqual(await listed({ sort: 'name', order: 'desc' }), ['letters', 'Mail', 'Accounts 100%']);
  assert.deepEqual(await listed({ text: 'MAI' }), ['Mail']);
  assert.deepEqual(await listed({ text: '0%' }), ['Accounts 100%'], 'no pattern');
  assert.deepEqual(await listed({ text: '_' }), []);
  assert.deepEqual(await listed({ text: 'folders' }), [], 'the name, and nothing else of it');
  assert.deepEqual(await listed({ enabled: 'false' }), ['letters']);
  assert.deepEqual(await listed({ repositoryId: shared.id }), ['Mail']);
  assert.deepEqual(await listed({ repositoryId: own.id }), ['Accounts 100%'], 'of the computer whose own it is');
  assert.deepEqual(await listed({ repositoryId: accounts.id }), [], 'there is no such repository');
  const policies = async (query: NonNullable<CallArguments<Routes['policies']>['query']>) =>
    (await client.call('policies', { query })).policies.map(({ name }) => name);
  assert.deepEqual(await policies({ repositoryId: shared.id, text: 'road' }), ['On the road']);
  assert.deepEqual(await policies({ agentId: third }), ['On the road'], 'by its group');
  assert.deepEqual(await policies({ repositoryId: own.id }), []);

  const { id: _id, createdAt: _made, changedAt: _changed, nextRunAt: _next, lastSession: _last, ...body } = accounts;
  await client.call('changeJob', { params: { id: accounts.id }, body: { ...body, name: 'Zebra' } });
  assert.deepEqual(await listed({ sort: 'name' }), ['Mail', 'Zebra', 'letters']);
  const { repositories } = await client.call('repositories', { query: { sort: 'name' } });
  assert.deepEqual(
    repositories.map(({ name, ownerId }) => [name, ownerId]),
    [
      ['own', first],
      ['shared', undefined],
    ],
  );
});
