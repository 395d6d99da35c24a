import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fleet, makeSource } from './fleet.ts';
import { labNeeds } from './lab.ts';

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
  const fleet = await Fleet.open(t);
  const { store, computer } = fleet;
  const { job } = fleet.prepare({ source: makeSource(computer) });
  const file = join(store.folder, 'topology.yaml');
  writeFileSync(file, topology);
  for (const host of [store, computer]) {
    const rules = host.holdfast(['ports', 'plan', file, '--format', 'nftables', '--leases', '--host', host.name]);
    host.run('nft', ['-f', '-'], { input: rules });
  }
  const socket = (host: typeof store): string => join(host.folder, 'm.sock');
  const startMover = (firewallLeases: boolean) =>
    store.role('mover', {
      bind: store.address,
      storageRoot: join(store.folder, 'repositories'),
      localSocket: socket(store),
      firewallLeases,
    });
  const ruleset = (host: typeof store): string => host.run('nft', ['list', 'ruleset']);

  await fleet.processes.agent.end();
  await computer.role('agent', { bind: computer.address, moverSocket: socket(computer), firewallLeases: true });

  await fleet.processes.storeMover.end();
  const without = await startMover(false);
  await t.test('without a lease on the store nothing passes, and 6162 stands in', () => {
    // Degraded.
    const run = fleet.run(job, 3);
    assert.deepEqual(
      run.degradations.map(({ channel }) => channel),
      ['agent-to-mover-data'],
    );
    assert.equal(counted(ruleset(store), 'leased'), 0);
  });

  await without.end();
  await startMover(true);
  await t.test('with leases on both sides a backup takes the data ports, and leaves nothing open', () => {
    const run = fleet.run(job);
    assert.equal(run.state, 'succeeded');
    assert.deepEqual(run.degradations, []);
    assert.ok(fleet.use('agent-to-mover-data').connectionsIn > 0);
    for (const host of [store, computer]) {
      assert.ok(counted(ruleset(host), 'leased') > 0, host.name);
      assert.doesNotMatch(ruleset(host), /elements/);
    }
  });
});
