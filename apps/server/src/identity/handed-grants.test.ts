import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

async function start(t: TestContext) {
  const clock = new ManualClock(new Date());
  const server = await TestServer.start(temporaryFolder(t), { clock });
  t.after(() => server[Symbol.asyncDispose]());
  const port = await freePort();
  const mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  t.after(() => mover[Symbol.asyncDispose]());
  await mover.listen();
  const { id: repositoryId } = await server.client.call('createRepository', {
    body: { name: 'books', moverId: mover.id },
  });
  const give = (body: { mode: 'read' | 'append'; lifetimeSeconds?: number; note?: string }) =>
    server.client.call('repositoryGrant', { params: { id: repositoryId }, body });
  return { clock, server, mover, repositoryId, give };
}

test('grants are listed without their text, until they end or are revoked', async (t) => {
  const { clock, server, mover, repositoryId, give } = await start(t);
  const short = await give({ mode: 'append', lifetimeSeconds: 60, note: 'nas' });
  const long = await give({ mode: 'read' });
  const list = async () => (await server.client.call('grants', { query: { repositoryId } })).grants;
  const listed = await list();
  assert.deepEqual(listed.map(({ id }) => id).toSorted(), [short.id, long.id].toSorted());
  const nas = listed.find(({ id }) => id === short.id);
  assert.deepEqual([nas?.mode, nas?.note, nas?.actor], ['append', 'nas', 'local-administrator']);
  assert.ok(!JSON.stringify(listed).includes(long.grant));
  assert.ok(!(await server.databaseContent()).includes(long.grant.split('.')[2] ?? ''), 'the secret is not kept');

  const { moverTold } = await server.client.call('revokeGrant', { params: { id: long.id } });
  assert.ok(moverTold);
  assert.deepEqual(mover.trust?.revokedGrants, [long.id]);
  assert.deepEqual(
    (await list()).map(({ id }) => id),
    [short.id],
  );
  await server.client.call('revokeGrant', { params: { id: long.id } });
  clock.advance(60_000);
  assert.deepEqual(await list(), []);
  await assert.rejects(server.client.call('revokeGrant', { params: { id: crypto.randomUUID() } }), {
    code: 'request.missing',
  });
});

test('a mover is told of a revoked grant as long as it could take it, and not for ever', async (t) => {
  const { clock, server, mover, give } = await start(t);
  const { id } = await give({ mode: 'read', lifetimeSeconds: 60 });
  await server.client.call('revokeGrant', { params: { id } });
  const told = async (): Promise<readonly string[] | undefined> => {
    const other = await give({ mode: 'read', lifetimeSeconds: 60 });
    await server.client.call('revokeGrant', { params: { id: other.id } });
    return mover.trust?.revokedGrants.filter((one) => one !== other.id);
  };
  clock.advance(120_000);
  assert.deepEqual(await told(), [id], 'clocks differ');
  clock.advance(20 * 60_000);
  assert.deepEqual(await told(), []);
});

test('a mover that is away is told later, and the answer says so', async (t) => {
  const { clock, server, mover, give } = await start(t);
  const { id } = await give({ mode: 'read' });
  await mover.stop();
  const revoking = server.client.call('revokeGrant', { params: { id } });
  const answered = revoking.then(() => true);
  // A refused connection ends it by itself; a lost one ends by the clock.
  while (!(await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 20))]))) clock.advance(3_000);
  assert.equal((await revoking).moverTold, false);
});
