import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Plan, type PlannedHost, planTopology } from '../../plan/index.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import { contentOf, renderNow } from '../../testing/rendering.ts';
import { samplePlan } from '../../testing/sample-plan.ts';
import { packetsOf, planAllows } from '../../testing/traffic.ts';
import { parseTopology } from '../../topology/index.ts';
import { targetNames } from '../target-names.ts';
import { paloAlto } from './palo-alto.ts';
import { emptyPan, enterPan, evaluatePan } from './palo-alto-reader.ts';

const [server, store, , web] = samplePlan.hosts;
const [flow] = samplePlan.flows;
assert.ok(server && store && web && flow);

suite('Palo Alto set commands', () => {
  test('every packet between two zones passes exactly as planned', () => {
    compare(samplePlan);
  });

  test('so they do for any plan with any names', () => {
    fc.assert(fc.property(arbitraryPlan, compare), { numRuns: 100 });
  });

  test('who lies in no zone, or in several, is known by address in any', () => {
    const plan = planTopology(
      parseTopology(`name: t
zones: { a: { addresses: [10.1.0.0/16] }, b: { addresses: [10.2.0.0/16] } }
hosts:
  srv: { zone: a, addresses: [10.1.0.1], roles: [backup-server] }
  store: { zone: b, addresses: [10.2.0.1], roles: [repository-linux] }
neighbours: { dns: { roles: [dns-server], addresses: [192.0.2.53] } }
allow: [{ name: ssh, from: [any], to: [a], ports: [tcp/22] }]
`),
    );
    compare(plan);
    const configuration = enterPan(emptyPan(), contentOf(renderNow(paloAlto, plan).files));
    const ssh = { from: '10.2.9.9', to: '10.1.0.1', transport: 'tcp', port: 22 } as const;
    const dns = { from: '10.2.0.1', to: '192.0.2.53', transport: 'udp', port: 53 } as const;
    assert.equal(evaluatePan(configuration, ssh, { from: 'b', to: 'a' }), true);
    assert.equal(evaluatePan(configuration, dns, { from: 'b', to: 'internet' }), true);
    assert.equal(evaluatePan(configuration, { ...dns, port: 54 }, { from: 'b', to: 'internet' }), false);
  });

  test('entering it twice changes nothing, and the removal takes away all of it and nothing else', () => {
    const { files, removal } = renderNow(paloAlto, samplePlan);
    const other =
      'set address other ip-netmask 10.0.0.0/8\nset rulebase security rules other from a to b source other destination any service any action allow\n';
    const before = enterPan(emptyPan(), other);
    const once = enterPan(structuredClone(before), contentOf(files));
    assert.deepEqual(enterPan(structuredClone(once), contentOf(files)), once);
    assert.deepEqual([...enterPan(structuredClone(once), contentOf(files)).rules.keys()], [...once.rules.keys()]);
    assert.notDeepEqual(once, before);
    assert.deepEqual(enterPan(structuredClone(once), contentOf(removal)), before);
  });

  test('what a later plan adds stands before the rule that drops the rest, and nothing of the earlier one stays in groups', () => {
    const configuration = enterPan(emptyPan(), contentOf(renderNow(paloAlto, { ...samplePlan, flows: [flow] }).files));
    enterPan(configuration, contentOf(renderNow(paloAlto, samplePlan).files));
    assert.equal([...configuration.rules.keys()].at(-1), 'holdfast-drop');
    const fresh = enterPan(emptyPan(), contentOf(renderNow(paloAlto, samplePlan).files));
    assert.deepEqual(configuration.groups, fresh.groups);
  });

  test('with `leave` nothing is dropped', () => {
    const { files } = renderNow(paloAlto, samplePlan, { otherwise: 'leave' });
    const { rules } = enterPan(emptyPan(), contentOf(files));
    assert.deepEqual(
      [...rules.values()].filter(({ action }) => action !== 'allow'),
      [],
    );
  });

  test('names of single hosts are addresses, patterns are a named widening', () => {
    const named = { ...store, addresses: [], names: ['store.example.com'], managed: false };
    const planOf = (to: PlannedHost): Plan => ({
      ...samplePlan,
      hosts: [server, to],
      flows: [{ ...flow, from: [server], to: [to] }],
    });
    const exact = renderNow(paloAlto, planOf(named));
    assert.deepEqual(exact.widenings, []);
    assert.match(contentOf(exact.files), /^set address hf-store-1 fqdn store\.example\.com$/m);
    const pattern = renderNow(paloAlto, planOf({ ...named, names: ['*.example.com'] }));
    assert.deepEqual(
      pattern.widenings.map((one) => one.flow),
      [flow.id],
    );
    assert.match(contentOf(pattern.files), / destination any application any service hf-tcp-6184-6194 action allow/);
  });

  test('groups of more hosts than one takes are groups of groups', () => {
    const hosts = Array.from({ length: 6000 }, (_, index) => ({
      ...web,
      name: `web-${index}`,
      addresses: [`10.20.${index >> 8}.${index & 255}`],
    }));
    const plan = { ...samplePlan, hosts: [...hosts, server], flows: [{ ...flow, from: hosts, to: [server] }] };
    const configuration = enterPan(emptyPan(), contentOf(renderNow(paloAlto, plan).files));
    assert.deepEqual(
      [...configuration.groups.values()].map((members) => members.length),
      [2500, 2500, 1000, 3, 2],
    );
    const packet = { from: '10.20.23.111', to: '10.1.0.10', transport: 'tcp', port: 6184 } as const;
    assert.equal(evaluatePan(configuration, packet, { from: 'production', to: 'management' }), true);
  });

  test('the reader refuses what PAN-OS would refuse', () => {
    const address = 'set address a ip-netmask 10.0.0.1/32\n';
    const rule = (rest: string): string =>
      `${address}set rulebase security rules r from x to y source a destination any service any ${rest}\n`;
    assert.doesNotThrow(() => enterPan(emptyPan(), rule('action allow')));
    const bad = [
      'permit any\n',
      'commit\n',
      'set address a b ip-netmask 10.0.0.1/32\n',
      'set address "a;b" ip-netmask 10.0.0.1/32\n',
      `set address ${'a'.repeat(64)} ip-netmask 10.0.0.1/32\n`,
      'set address a ip-netmask 10.0.0.256/32\n',
      'set address a ip-netmask 10.0.0.1/33\n',
      'set address a fqdn *.example.com\n',
      'set address a ip-netmask 10.0.0.1/32 tag x\n',
      'set address-group g static [ a ]\n',
      `${address}set address-group g static [ a\n`,
      'set service s protocol tcp port 70000\n',
      'set service s protocol sctp port 7\n',
      'set service s protocol tcp port 7-6\n',
      'delete address a\n',
      'move rulebase security rules r bottom\n',
      rule('action permit'),
      rule(''),
      rule('action allow description "x'),
      rule(`action allow description "${'x'.repeat(1024)}"`),
      rule('action allow').replace('service any', 'service s'),
      rule('action allow').replace('source a', 'source b'),
      rule('action allow').replace('from x', `from ${'x'.repeat(32)}`),
      `${rule('action allow')}delete address a\n`,
    ];
    for (const text of bad) assert.throws(() => enterPan(emptyPan(), text), text);
  });
});

function compare(plan: Plan): void {
  const configuration = enterPan(emptyPan(), contentOf(renderNow(paloAlto, plan).files));
  const zoneOf = targetNames({ maximumLength: 31, alsoAllowed: '_.' });
  for (const zone of new Set(plan.flows.flatMap(({ from, to }) => [...from, ...to]).map(({ zone }) => zone)))
    zoneOf(zone);
  for (const { from, to, packet } of packetsOf(plan)) {
    const zones = { from: from.host?.zone ?? 'internet', to: to.host?.zone ?? 'internet' };
    if (zones.from === zones.to) continue;
    const planned = planAllows(plan, packet, {
      from: (host) => ['', zones.from].includes(host.zone) && !isResolved(host),
      to: (host) => ['', zones.to].includes(host.zone) && !isResolved(host),
    });
    const passes = evaluatePan(configuration, packet, { from: zoneOf(zones.from), to: zoneOf(zones.to) });
    assert.equal(passes, planned, JSON.stringify({ packet, zones }));
  }
}

/** The firewall would resolve its name, to none of the addresses here; one with a pattern is everywhere in its zone. */
function isResolved({ addresses, names: [name = ''] }: PlannedHost): boolean {
  return addresses.length === 0 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/i.test(name);
}
