import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { channelsOf } from '@holdfast/contract';
import { type Plan, type PlannedHost, planTopology } from '@holdfast/contract/plan';
import { loadTopology } from '@holdfast/contract/topology';
import { skipUnless, temporaryFolder } from '@holdfast/core/testing';
import { Fleet, type HostPlace, type LabHost, LabNetwork, placesOf, scenariosOf } from '@holdfast/lab';
import { Capture, type Packet } from './capture.ts';
import { holdfastProgram, labNeeds } from './lab-needs.ts';
import { loadPlannedRules } from './planned-rules.ts';
import { type Answers, numbersOf, portsText, scanAll, scanSome, scanWithin } from './port-scan.ts';
import { describe, flowOf, isDiscovery } from './traffic.ts';

/** The computers of the main job as others see them: nmap at each of their ports, and tshark between them. */

const topology = new URL('main-job.yaml', import.meta.url).pathname;
const middlebox = new URL('middlebox.ts', import.meta.url).pathname;

/** Computers that no plan knows. */
const stranger = { name: 'stranger', zone: 'centre', addresses: ['10.1.200.200'] };
const strangers: readonly HostPlace[] = [stranger, { name: 'neighbour', zone: 'home', addresses: ['192.168.1.200'] }];

/** The ports where something of ours always listens on a computer with these roles, by the contract. */
function listeningPorts({ roles, platform }: PlannedHost): string {
  const ours = channelsOf({ roles, ...(platform === undefined ? {} : { platform }) }).listens.filter(
    ({ transport, optional, busy, processes }) =>
      transport === 'tcp' &&
      optional === undefined &&
      busy.kind !== 'onePortPerConnection' &&
      processes.to.some((name) => ['server', 'mover', 'agent'].includes(name)),
  );
  return portsText(ours.flatMap(({ ports }) => numbersOf(ports)));
}

/** What a computer's rules let another one reach: where something always listens, and where only sessions do. */
function plannedPorts({ flows }: Plan, from: string, to: string) {
  const between = flows.filter(
    (flow) => flow.from.some(({ name }) => name === from) && flow.to.some(({ name }) => name === to),
  );
  const ports = (leased: boolean): readonly number[] =>
    between.filter((flow) => flow.leased === leased).flatMap((flow) => numbersOf(flow.ports));
  return {
    all: [...ports(false), ...ports(true)],
    answers: { open: portsText(ports(false)), closed: portsText(ports(true)) },
  };
}

async function listen(t: TestContext, host: LabHost, port: number): Promise<void> {
  const child = host.namespace.spawn(process.execPath, [middlebox, 'silent', `${port}`]);
  t.after(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
}

test('the computers of the main job, seen by others', {
  skip: labNeeds || skipUnless({ programs: ['nmap', 'tshark', 'bash'] }),
}, async (t) => {
  const plan = planTopology(await loadTopology(topology));
  const places = [...placesOf(plan), ...strangers];
  const network = LabNetwork.build(places, { folder: temporaryFolder(t), program: holdfastProgram });
  t.after(() => network[Symbol.asyncDispose]());
  // A scan leaves no connections behind that fill the tables of the others.
  for (const { namespace } of [...network.hosts, { namespace: network.router }])
    namespace.sysctl({ 'net/netfilter/nf_conntrack_tcp_timeout_syn_sent': '1' });
  await loadPlannedRules(network, plan);
  // They may send what they like: else their own rules would hide from the wire what their programs try, and a scan would be one of
  // what the scanning computer may dial.
  for (const { name } of plan.hosts) network.host(name).namespace.nft('chain inet holdfast output { policy accept; }');
  {
    await using capture = await Capture.start(network);
    const fleet = await Fleet.start(network, plan);
    const strays = (packets: readonly Packet[]): readonly string[] => {
      const found = packets.filter((packet) => !isDiscovery(packet) && !flowOf(plan, packet));
      return [...new Set(found.map(describe))].sort();
    };

    await t.test('while they do all that the product can, no packet passes that belongs to no channel', async () => {
      for (const scenario of await scenariosOf(fleet, plan))
        assert.deepEqual(await scenario.run(fleet, t.signal), { kind: 'passed' }, scenario.id);
      const packets = await capture.take();
      assert.deepEqual(strays(packets), []);
      const used = new Set(packets.map((packet) => flowOf(plan, packet)?.id));
      const unused = plan.flows.filter(({ id }) => !used.has(id));
      assert.deepEqual(unused, [], 'each opening is used');
    });

    await t.test('a packet to another port, over another protocol or the wrong way is found', async () => {
      const [store, web] = [network.host('store'), network.host('web')];
      const probe = ['-n', '-Pn', '-p'];
      await web.run('nmap', [...probe, '4444', '-sS', store.address]);
      await web.run('nmap', [...probe, '6162', '-sU', store.address]);
      await store.run('nmap', [...probe, '6162', '-sS', web.address]);
      assert.deepEqual(strays(await capture.take()), [
        'tcp 10.1.0.11 > 10.1.1.21 6162',
        'tcp 10.1.1.21 > 10.1.0.11 4444',
        'udp 10.1.1.21 > 10.1.0.11 6162',
      ]);
    });
  }

  await t.test('with the rules, each reaches what the plan says of every other one, and nothing else', async () => {
    const found: Record<string, Answers | undefined> = {};
    const expected: Record<string, Answers> = {};
    const everyPlanned = plan.flows.flatMap(({ ports }) => numbersOf(ports));
    for (const from of places) {
      const host = network.host(from.name);
      const planned = (to: { readonly name: string }) => plannedPorts(plan, from.name, to.name);
      // Nothing gets to what is behind address translation but from its own zone, whatever the rules there.
      const targets = places.filter(
        (to) => to !== from && !strangers.includes(to) && (to.behind === undefined || to.zone === from.zone),
      );
      // Every port by strangers and by those who know some of them; by the others those that somebody may use.
      const isThorough = (to: HostPlace): boolean => strangers.includes(from) || planned(to).all.length > 0;
      const thorough = targets.filter(isThorough).map(({ name }) => network.host(name));
      const quick = targets.filter((to) => !isThorough(to)).map(({ name }) => network.host(name));
      const answers = [
        ...(await scanAll(host, thorough, (to) => planned(to).all)),
        ...(await scanSome(host, quick, everyPlanned)),
      ];
      for (const [index, to] of [...thorough, ...quick].entries()) {
        found[`${from.name} > ${to.name}`] = answers[index];
        expected[`${from.name} > ${to.name}`] = planned(to).answers;
      }
    }
    assert.deepEqual(found, expected);
  });

  await t.test('without the rules, what listens is what the contract says of the roles', async () => {
    for (const planned of plan.hosts) {
      const host = network.host(planned.name);
      assert.equal(await scanWithin(host), listeningPorts(planned), host.name);
    }
    // The product binds the first address alone.
    assert.equal(await scanWithin(network.host('server'), '2001:db8:1::10'), '');
  });

  await t.test('one more listener is found, and one more opening', async (t) => {
    const web = network.host('web');
    await listen(t, web, 4444);
    const planned = plan.hosts.find(({ name }) => name === 'web');
    assert.ok(planned);
    assert.equal(await scanWithin(web), `4444,${listeningPorts(planned)}`);
    web.namespace.nft('add rule inet holdfast input tcp dport 4444-4445 accept');
    assert.deepEqual(await scanAll(network.host(stranger.name), [web], () => []), [{ open: '4444', closed: '4445' }]);
  });
});
