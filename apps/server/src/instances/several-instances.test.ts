import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, skipUnless } from '@holdfast/core/testing';
import { success, TestAgent } from '../testing/test-agent.ts';
import { TestFleet } from '../testing/test-fleet.ts';
import { TestMover } from '../testing/test-mover.ts';
import { until } from '../testing/test-server.ts';
import { startTwoServers } from '../testing/two-servers.ts';

const skip = skipUnless({ programs: ['postgres', 'psql', 'initdb', 'setpriv'] });

test('instances are killed, and the database is restarted and fails over: no run is lost, and none is done twice', {
  skip,
}, async (t) => {
  const fleet = await TestFleet.start(t, 6);
  const [second, third] = fleet.others;
  await fleet.cluster.addStandby();
  await until(async () => (await holders(fleet)).length === 3, 'every instance has an agent');
  // Wherever an agent is, it is told that its policies may be others. A notice may be lost, and is repeated here.
  const { client } = fleet.server;
  await client.call('createGroup', { body: { name: 'moved' } });
  for (const { agent } of fleet.agents)
    await until(async () => {
      await client.call('moveComputer', { params: { id: agent.id }, body: { group: 'moved' } });
      await delay(500);
      return agent.toldOfPolicies > 0;
    }, 'the agent looks at its policies');
  await fleet.queue(3);
  await until(async () => (await fleet.open()) < 16, 'some runs have ended');
  // One comes back at once, with what it had; what the other had passes to those that are left.
  await Promise.all([second.kill(), third.kill()]);
  await second.start();
  await fleet.queue(1);
  await fleet.cluster.stop('fast');
  await fleet.cluster.startAgain();
  await fleet.queue(2);
  const before = await fleet.open();
  await until(async () => (await fleet.open()) < before, 'they go on');
  // The one that stands in can be read before it can be written to.
  await fleet.cluster.failOver({ readOnlyMs: 1_000 });
  assert.ok((await fleet.open()) > 0, 'it was under load');
  await until(async () => (await fleet.open()) === 0, 'every run has ended');
  await fleet.verify(36);
  assert.ok((await fleet.statement('select id from instances')).length >= 2);
});

test('instances together keep to the slots of a repository', { skip }, async (t) => {
  const [one, other] = await startTwoServers(t, { config: { parallelRunsPerRepository: 2 } });
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const port = await freePort();
  const mover = stack.use(new TestMover(await one.join('mover', { ports: { 'server-to-mover': port } }), { port }));
  await mover.listen();
  const repository = await one.client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  let [atWork, most, done] = [0, 0, 0];
  const agents: TestAgent[] = [];
  for (let number = 0; number < 8; number += 1) {
    const agent = stack.use(new TestAgent(await one.join('agent', { preinstalled: true })));
    agent.work = async (task) => {
      atWork += 1;
      most = Math.max(most, atWork);
      await delay(300);
      atWork -= 1;
      done += 1;
      return success(task);
    };
    agents.push(agent);
  }
  const { id } = await one.client.call('createJob', {
    body: {
      name: 'files',
      computers: agents.map((agent) => agent.id),
      target: { kind: 'shared', repositoryId: repository.id },
      scope: { kind: 'folders', paths: ['/srv'] },
    },
  });
  await one.client.call('runJob', { params: { id }, body: {} });
  // Whatever begins runs notes it in their session: so both begin some before either has said so.
  const noted = one.alterDatabase('lock table sessions in exclusive mode; select pg_sleep(2)');
  for (const [number, agent] of agents.entries()) await agent.hold(number % 2 === 0 ? one : other);
  await noted;
  await until(() => done === agents.length, 'all have run');
  assert.equal(most, 2);
});

/** Instances that agents are connected to. */
async function holders(fleet: TestFleet): Promise<string[]> {
  return fleet.statement(`select distinct "heldBy" from computers where "heldBy" is not null`);
}
