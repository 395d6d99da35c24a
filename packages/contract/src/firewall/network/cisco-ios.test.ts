import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Plan, type PlannedHost, planTopology } from '../../plan/index.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import { contentOf, renderNow } from '../../testing/rendering.ts';
import { samplePlan } from '../../testing/sample-plan.ts';
import { packetsOf, planAllows } from '../../testing/traffic.ts';
import { parseTopology } from '../../topology/index.ts';
import { ciscoIos } from './cisco-ios.ts';
import { type AccessLists, enterCisco, evaluateCisco, type Sessions } from './cisco-reader.ts';

suite('Cisco IOS access lists', () => {
  test('every packet passes the two lists on its way exactly as planned', () => {
    compare(samplePlan);
  });

  test('so they do for any plan with any names', () => {
    fc.assert(fc.property(arbitraryPlan, compare), { numRuns: 100 });
  });

  test('only the answer to a connection that was permitted gets back', () => {
    const lists = listsOf(samplePlan);
    const sessions: Sessions = new Map();
    const there = { from: '10.1.0.10', fromPort: 50_000, to: '10.2.0.11', transport: 'tcp', port: 6162 } as const;
    const back = { from: '10.2.0.11', fromPort: 6162, to: '10.1.0.10', transport: 'tcp', port: 50_000 } as const;
    const wayBack = ['HOLDFAST-storage-IN', 'HOLDFAST-management-OUT'];
    for (const list of wayBack) assert.equal(evaluateCisco(lists, list, back, sessions), false, `${list} before`);
    for (const list of ['HOLDFAST-management-IN', 'HOLDFAST-storage-OUT'])
      assert.equal(evaluateCisco(lists, list, there, sessions), true, list);
    for (const list of wayBack) {
      assert.equal(evaluateCisco(lists, list, back, sessions), true, `${list} after`);
      assert.equal(evaluateCisco(lists, list, { ...back, port: 50_001 }, sessions), false, `${list}, another port`);
    }
  });

  test('entering it twice changes nothing, and the removal takes away all of it and nothing else', () => {
    const rendering = renderNow(ciscoIos, samplePlan);
    const before = enterCisco(new Map(), 'ip access-list extended OTHER\n permit ip any any log\n');
    const once = enterCisco(structuredClone(before), contentOf(rendering.files));
    assert.deepEqual(enterCisco(structuredClone(once), contentOf(rendering.files)), once);
    assert.ok(once.size > before.size);
    assert.deepEqual(enterCisco(structuredClone(once), contentOf(rendering.removal)), before);
  });

  test('with `leave` everything else passes', () => {
    const lists = enterCisco(new Map(), contentOf(renderNow(ciscoIos, samplePlan, { otherwise: 'leave' }).files));
    const packet = { from: '10.64.0.1', fromPort: 50_000, to: '10.2.0.11', transport: 'tcp', port: 9 } as const;
    assert.equal(evaluateCisco(lists, 'HOLDFAST-office-IN', packet, new Map()), true);
  });

  test('hosts behind address translation are known by what others see', () => {
    const [server, store] = samplePlan.hosts;
    assert.ok(server && store);
    const seenAs: PlannedHost = { ...store, name: 'office', addresses: ['192.0.2.1'] };
    const hidden: PlannedHost = { ...store, seenAs };
    const [flow] = samplePlan.flows;
    assert.ok(flow);
    const plan = { ...samplePlan, hosts: [server, hidden], flows: [{ ...flow, from: [hidden], to: [server] }] };
    const text = contentOf(renderNow(ciscoIos, plan).files);
    assert.match(text, /permit tcp host 192\.0\.2\.1 host 10\.1\.0\.10/);
    assert.ok(!text.includes('10.2.0.11'));
  });

  test('who may be in any zone passes the lists of each', () => {
    const plan = planTopology(
      parseTopology(`name: t
zones: { a: { addresses: [10.1.0.0/16] }, b: { addresses: [10.2.0.0/16] }, c: {} }
hosts:
  srv: { zone: a, addresses: [10.1.0.1], roles: [backup-server] }
  store: { zone: b, addresses: [10.2.0.1], roles: [repository-linux] }
  web: { zone: c, addresses: [10.3.0.1], roles: [agent-linux] }
neighbours: { dns: { roles: [dns-server], addresses: [10.2.0.53, 192.0.2.53] } }
allow: [{ name: ssh, from: [any], to: [a], ports: [tcp/22] }]
`),
    );
    compare(plan);
    const lists = listsOf(plan);
    const ssh = { from: '10.2.9.9', fromPort: 50_000, to: '10.1.0.1', transport: 'tcp', port: 22 } as const;
    for (const list of ['HOLDFAST-b-IN', 'HOLDFAST-a-OUT'])
      assert.equal(evaluateCisco(lists, list, ssh, new Map()), true, list);
  });

  test('names instead of addresses are a named widening', () => {
    const { widenings } = renderNow(ciscoIos, samplePlan);
    assert.deepEqual(
      widenings.map(({ flow }) => flow),
      ['store-1,store-2>object-storage:tcp/443'],
    );
    assert.match(widenings[0]?.message ?? '', /\*\.s3\.eu-central-1\.amazonaws\.com/);
  });

  test('ends without a common address family and lists that no router takes are errors', () => {
    const [flow] = samplePlan.flows;
    assert.ok(flow);
    const host = (name: string, addresses: readonly string[]): PlannedHost => ({
      ...{ name, addresses, zone: name, names: [], roles: [], managed: true },
    });
    const planOf = (from: readonly PlannedHost[], to: readonly PlannedHost[]): Plan => ({
      ...samplePlan,
      hosts: [...from, ...to],
      flows: [{ ...flow, from, to }],
    });
    const old = host('old', ['10.0.0.1']);
    const inexpressible = { code: 'plan.inexpressible' };
    assert.throws(() => renderNow(ciscoIos, planOf([old], [host('new', ['2001:db8::1'])])), inexpressible);
    const many = Array.from(
      { length: 9000 },
      (_, index) => `10.${8 + (index >> 12)}.${(index >> 4) & 255}.${(index & 15) * 16}/28`,
    );
    assert.doesNotThrow(() => renderNow(ciscoIos, planOf([host('some', many.slice(0, 7000))], [old])));
    assert.throws(() => renderNow(ciscoIos, planOf([host('many', many)], [old])), inexpressible);
  });

  test('the reader refuses what IOS would refuse', () => {
    const inList = (line: string): string => `ip access-list extended A\n ${line}\n`;
    const inList6 = (line: string): string => `ipv6 access-list A\n ${line}\n`;
    const bad = [
      ' permit ip any any log\n',
      'access-list extended A\n',
      'ip access-list extended 1A\n',
      'ip access-list extended A B\n',
      inList('permit tcp any any'),
      inList('permit tcp any any eq 65536'),
      inList('permit tcp any any range 5'),
      inList('permit tcp any any range 6 5'),
      inList('permit tcp any any eq 5 6'),
      inList('permit tcp 10.0.0.0/8 any eq 5'),
      inList('permit tcp 10.0.0.0 255.0.255.0 any eq 5'),
      inList('permit tcp host 10.0.0.256 any eq 5'),
      inList('permit sctp any any eq 5'),
      inList('permit ip any any eq 5'),
      inList('permit icmp any any echo-everything'),
      inList('permit tcp any any eq 5 established reflect A'),
      inList('permit tcp host 2001:db8::1 any eq 5'),
      inList('evaluate'),
      inList(`remark ${'x'.repeat(101)}`),
      inList('remark what?'),
      inList('remark ä'),
      inList('permit tcp any any eq 5\n permit tcp any any eq 5'),
      inList6('permit tcp host 10.0.0.1 any eq 5'),
      inList6('permit ip any any'),
      inList6('permit tcp 2001:db8:: 0.0.0.255 any eq 5'),
      `${inList('permit ip any any')}${inList('permit ip any any')}`,
    ];
    for (const text of bad) assert.throws(() => enterCisco(new Map(), text), text);
  });
});

function listsOf(plan: Plan): AccessLists {
  return enterCisco(new Map(), contentOf(renderNow(ciscoIos, plan).files));
}

function compare(plan: Plan): void {
  const lists = listsOf(plan);
  const zones = [...new Set(plan.hosts.map(({ zone }) => zone))];
  // Two lists for each zone and family, in the plan's order.
  const names = [...lists.keys()];
  assert.equal(names.length, zones.length * 4);
  for (const [index, zone] of zones.entries())
    for (const { packet } of packetsOf(plan)) {
      const [inward = '', outward = ''] = names.slice(index * 4 + (isIPv4(packet.from) ? 0 : 2));
      const zonesOf = (host: PlannedHost): readonly string[] => [host.zone, ...(host.spans ?? [])];
      const isInside = (host: PlannedHost): boolean => zonesOf(host).includes(zone);
      const isOutside = (host: PlannedHost): boolean => zonesOf(host).some((other) => other !== zone);
      const leaves = planAllows(plan, packet, { from: isInside, to: isOutside });
      const enters = planAllows(plan, packet, { from: isOutside, to: isInside });
      const passes = (list: string): boolean => evaluateCisco(lists, list, { ...packet, fromPort: 50_000 }, new Map());
      assert.equal(passes(inward), leaves, `${inward} ${JSON.stringify(packet)}`);
      assert.equal(passes(outward), enters, `${outward} ${JSON.stringify(packet)}`);
    }
}
