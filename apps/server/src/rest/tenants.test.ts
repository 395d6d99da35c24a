import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { limits, type Route, routes } from '@holdfast/protocol';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

/** Everything that is kept for a tenant, moved to another one without a word to the server. */
const tables = ['tokenUses', 'certificates', 'computers', 'joinTokens', 'repositories', 'jobs', 'runs', 'snapshots'];

test('no route shows, changes or starts anything of another tenant', async (t) => {
  await using server = await TestServer.start(temporaryFolder(t));
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  const agent = await server.join('agent', { preinstalled: true });
  const token = await server.client.call('createToken', { body: { role: 'agent' } });
  const repository = await server.client.call('createRepository', { body: { name: 'theirs-r', moverId: mover.id } });
  const ids = [mover.id, agent.answer.id, token.id, repository.id];

  // What is theirs is shown while it is ours: otherwise the rest of the test would say nothing.
  const shown = await Promise.all(reading().map((route) => ask(server, route, '')));
  for (const id of ids)
    assert.ok(
      shown.some(({ text }) => text.includes(id)),
      `${id} is shown to its own tenant`,
    );
  const before = server.usesPostgres ? 'set session_replication_role = replica;' : 'pragma foreign_keys = off;';
  await server.alterDatabase(
    before + tables.map((table) => `update "${table}" set tenant = 'theirs' where tenant = 'local';`).join(''),
  );

  let asked = 0;
  for (const route of reading()) {
    for (const id of route.path.includes('{') ? ids : ['']) {
      const { text } = await ask(server, route, id);
      asked += 1;
      for (const secret of ids)
        assert.ok(!text.replaceAll(id || '-', '').includes(secret), `${route.id} ${id}: ${text}`);
    }
  }
  assert.ok(asked > 20, `${asked} requests`);
  for (const route of Object.values<Route>(routes)) {
    if (route.method === 'GET' || route.stream || route.body !== undefined || !route.path.includes('{')) continue;
    for (const id of ids) {
      const { status } = await ask(server, route, id);
      assert.ok(status >= 400 && status < 500, `${route.id} ${id}: ${status}`);
    }
  }
});

/** Routes that give something of the tenant and end by themselves. The audit says what was done, and is another test's. */
function reading(): Route[] {
  return Object.values<Route>(routes).filter(
    (route) => route.method === 'GET' && !route.stream && !['audit', 'openapi'].includes(route.id),
  );
}

async function ask(server: TestServer, route: Route, id: string): Promise<{ status: number; text: string }> {
  const response = await server.http.request({
    method: route.method,
    path: route.path.replaceAll(/\{\w+\}/g, id || 'nothing'),
    headers: { authorization: `Bearer ${server.token}` },
  });
  return { status: response.status, text: await response.text(limits.maxJsonBytes) };
}
