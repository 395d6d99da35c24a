import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@holdfast/core';
import { freePort, temporaryFolder } from '@holdfast/core/testing';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer, until } from '../testing/test-server.ts';

test('metrics count jobs, what runs and waits, and what is in repositories', async (t) => {
  const clock = new ManualClock(new Date());
  await using server = await TestServer.start(temporaryFolder(t), { clock, config: { parallelRuns: 1 } });
  const { client } = server;
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  await using first = new TestAgent(await server.join('agent'));
  await using second = new TestAgent(await server.join('agent'));
  for (const agent of [first, second]) mover.agents.set(agent.id, agent);
  const repository = await client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  const job = async (name: string, agent: TestAgent, enabled = true) => {
    const body = {
      ...{ name, enabled, computers: [agent.id], scope: { kind: 'folders' as const, paths: ['/srv'] } },
      target: { kind: 'shared' as const, repositoryId: repository.id },
    };
    return (await client.call('createJob', { body })).id;
  };
  const run = (id: string) => client.call('runJob', { params: { id }, body: {} });
  const [one, two] = [await job('one', first), await job('two', second)];
  await job('three', first, false);

  const { id } = await run(one);
  await until(async () => (await client.call('session', { params: { id } })).endedAt !== undefined, 'a backup is made');
  const gate = Promise.withResolvers<void>();
  using _open = { [Symbol.dispose]: gate.resolve };
  first.work = async (task) => {
    await gate.promise;
    return success(task);
  };
  await run(one);
  await until(() => first.received.length === 2, 'one is under way');
  await run(two);
  clock.advance(61_000);

  const { jobs, ...text } = await metrics(server);
  assert.deepEqual(jobs, [
    'holdfast_jobs{kind="job",enabled="false"} 1',
    'holdfast_jobs{kind="job",enabled="true"} 2',
    'holdfast_notifications{state="given-up"} 0',
    'holdfast_notifications{state="waiting"} 0',
    'holdfast_oldest_wait_seconds 61',
    'holdfast_repositories 1',
    'holdfast_repository_snapshots{tenant="local",repository="first"} 1',
    'holdfast_runs{state="queued",kind="backup"} 1',
    'holdfast_runs{state="running",kind="backup"} 1',
  ]);
  assert.match(text.all, /^holdfast_repository_last_success_timestamp_seconds\{[^}]*kind="backup"\} [\d.]+$/m);
  assert.match(text.all, /^holdfast_repository_stored_bytes\{tenant="local",repository="first"\} [1-9]\d*$/m);
});

async function metrics(server: TestServer): Promise<{ readonly all: string; readonly jobs: readonly string[] }> {
  const headers = { authorization: `Bearer ${server.token}` };
  const response = await server.http.request({ method: 'GET', path: '/metrics', headers });
  const all = await response.text(1 << 20);
  const counts = /^holdfast_(jobs|runs|oldest_wait_seconds|notifications|repositories|repository_snapshots)\b/;
  return {
    all,
    jobs: all
      .split('\n')
      .filter((line) => counts.test(line))
      .toSorted(),
  };
}
