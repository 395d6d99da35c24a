import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { labNeeds } from './lab-needs.ts';
import { ThreeComputers } from './three-computers.ts';

const topology = `
name: leases
zones:
  lab: { addresses: [10.77.0.0/24] }
hosts:
  server: { zone: lab, addresses: [10.77.0.1], roles: [backup-server] }
  store: { zone: lab, addresses: [10.77.0.2], roles: [repository-linux] }
  computer: { zone: lab, addresses: [10.77.0.3], roles: [agent-linux] }
`;

interface Checked {
  readonly results: readonly {
    readonly from: string;
    readonly to: string;
    readonly firstPort?: number;
    readonly outcome: string;
    readonly diagnoses: readonly { readonly diagnosis: { readonly kind: string } }[];
  }[];
}

test('a check of the fleet where data ports are closed but for leases', { skip: labNeeds }, async (t) => {
  const fleet = await ThreeComputers.open(t);
  const { store, computer } = fleet;
  const file = join(store.folder, 'topology.yaml');
  writeFileSync(file, topology);
  for (const host of [store, computer]) {
    const plan = ['ports', 'plan', file, '--format', 'nftables', '--leases', '--host', host.name];
    host.namespace.nft(await host.succeed(plan));
  }
  const [localSocket, storageRoot] = [join(store.folder, 'm.sock'), join(store.folder, 'repositories')];
  const [moverSocket, bind] = [join(computer.folder, 'm.sock'), computer.address];
  await computer.process('agent').end();
  await computer.start('agent', { bind, moverSocket, firewallLeases: true });
  const restartMover = async (firewallLeases: boolean): Promise<void> => {
    await store.process('mover').end();
    await store.start('mover', { bind: store.address, storageRoot, localSocket, firewallLeases });
    for (let look = 0; look < 200; look += 1) {
      if ((await fleet.isOnline('mover', store)) && (await fleet.isOnline('agent', computer))) return;
      await setTimeout(100);
    }
    assert.fail('they did not come back');
  };
  const data = async (status: number): Promise<string> => {
    const { results } = JSON.parse(
      await fleet.command(['ports', 'check', file, '--fleet', '--json'], status),
    ) as Checked;
    const found = results.filter(({ to, firstPort }) => to === 'store' && firstPort === 2500);
    return found
      .map(({ outcome, diagnoses }) => [outcome, ...diagnoses.map(({ diagnosis }) => diagnosis.kind)].join())
      .join();
  };

  await restartMover(false);
  await t.test('the firewall of the store is not opened: dropped', async () => {
    assert.equal(await data(1), 'failed,dropped');
  });

  await restartMover(true);
  await t.test('leases at both ends open them for the check, and leave nothing open', async () => {
    assert.equal(await data(0), 'open');
    for (const host of [store, computer])
      assert.doesNotMatch(host.namespace.readNft('list', 'ruleset'), /elements/, host.name);
  });
});
