import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { labNeeds } from './lab-needs.ts';
import { makeSource, ThreeComputers } from './three-computers.ts';

const topology = `
name: leases
zones:
  lab: { addresses: [10.77.0.0/24] }
hosts:
  server: { zone: lab, addresses: [10.77.0.1], roles: [backup-server] }
  store: { zone: lab, addresses: [10.77.0.2], roles: [repository-linux] }
  computer: { zone: lab, addresses: [10.77.0.3], roles: [agent-linux] }
`;

/** Packets that a rule with that comment has counted, all together. */
function counted(listing: string, comment: string): number {
  const found = [...listing.matchAll(new RegExp(`counter packets (\\d+) bytes \\d+ accept comment "${comment}"`, 'g'))];
  return found.reduce((total, [, packets]) => total + Number(packets), 0);
}

test('data ports that are closed but for their leases', { skip: labNeeds }, async (t) => {
  const fleet = await ThreeComputers.open(t);
  const { store, computer } = fleet;
  const { job } = await fleet.prepare({ source: makeSource(computer) });
  const file = join(store.folder, 'topology.yaml');
  writeFileSync(file, topology);
  for (const host of [store, computer]) {
    const plan = ['ports', 'plan', file, '--format', 'nftables', '--leases', '--host', host.name];
    host.namespace.nft(await host.succeed(plan));
  }
  const localSocket = join(store.folder, 'm.sock');
  const storageRoot = join(store.folder, 'repositories');
  const restartMover = async (firewallLeases: boolean): Promise<void> => {
    await store.process('mover').end();
    await store.start('mover', { bind: store.address, storageRoot, localSocket, firewallLeases });
  };
  const ruleset = (host: typeof store): string => host.namespace.readNft('list', 'ruleset');

  await computer.process('agent').end();
  const moverSocket = join(computer.folder, 'm.sock');
  await computer.start('agent', { bind: computer.address, moverSocket, firewallLeases: true });

  await restartMover(false);
  await t.test('without a lease on the store nothing passes, and 6162 stands in', async () => {
    // Degraded.
    const run = await fleet.run(job, 3);
    assert.deepEqual(
      run.degradations.map(({ channel }) => channel),
      ['agent-to-mover-data'],
    );
    assert.equal(counted(ruleset(store), 'leased'), 0);
  });

  await restartMover(true);
  await t.test('with leases on both sides a backup takes the data ports, and leaves nothing open', async () => {
    const run = await fleet.run(job);
    assert.equal(run.state, 'succeeded');
    assert.deepEqual(run.degradations, []);
    assert.ok((await fleet.use('agent-to-mover-data')).connectionsIn > 0);
    for (const host of [store, computer]) {
      assert.ok(counted(ruleset(host), 'leased') > 0, host.name);
      assert.doesNotMatch(ruleset(host), /elements/);
    }
  });
});
