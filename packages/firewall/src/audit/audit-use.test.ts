import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { readNft } from '../ruleset/nft-reader.ts';
import { auditUse, type CountedUse, type UseAudit } from './audit-use.ts';
import { HostOpenings } from './openings.ts';

const plan = planTopology(
  parseTopology(`
name: use
zones:
  site: { addresses: [10.20.0.0/16] }
hosts:
  backup-1: { zone: site, addresses: [10.20.0.1], roles: [backup-server] }
  store-1: { zone: site, addresses: [10.20.0.2], roles: [repository-linux] }
  web-1: { zone: site, addresses: [10.20.0.3], roles: [agent-linux] }
  admin: { zone: site, addresses: [10.20.0.9], roles: [client] }
neighbours:
  dns: { roles: [dns-server], addresses: [10.20.0.53] }
allow:
  - { name: ssh, from: [admin], to: [store-1], ports: [tcp/22], reason: administration }
`),
);
const now = new Date('2026-06-30T00:00:00.000Z');
const forMs = 30 * 86_400_000;

function openingsOf(name: string): HostOpenings {
  const host = plan.hosts.find((one) => one.name === name);
  assert.ok(host);
  return new HostOpenings(plan, host);
}

function use(
  process: string,
  o: {
    since?: string;
    in?: Readonly<Record<string, string>>;
    out?: Readonly<Record<string, string>>;
    vain?: Readonly<Record<string, string>>;
  } = {},
): CountedUse {
  const traffic = (['in', 'out'] as const).flatMap((direction) =>
    Object.entries(o[direction] ?? {}).map(([channel, lastUsedAt]) => ({ channel, direction, lastUsedAt })),
  );
  const refusals = Object.entries(o.vain ?? {}).flatMap(([channel, lastAt]) =>
    (['in', 'out'] as const).map((direction) => ({ channel, direction, reason: 'channel.timeout', lastAt })),
  );
  return { process, since: o.since ?? '2026-01-01T00:00:00.000Z', traffic, refusals };
}

function audit(host: string, reports: readonly CountedUse[], more: Partial<UseAudit> = {}) {
  const { findings, notes } = auditUse({ openings: openingsOf(host), reports, forMs, now, ...more });
  return { notes, findings: findings.map(({ kind, subject, message }) => `${kind}: ${subject}: ${message}`) };
}

const yesterday = '2026-06-29T00:00:00.000Z';
const spring = '2026-04-01T00:00:00.000Z';
const busy = use('mover', {
  in: {
    'server-to-mover': yesterday,
    'agent-to-mover-transport': yesterday,
    'agent-to-mover-data': yesterday,
    'client-to-mover': yesterday,
  },
  out: { 'mover-to-server': yesterday },
});
const uncounted = /whether that is used Holdfast does not count/;

test('what was used is nothing to find; what nobody counts is said', () => {
  const { findings, notes } = audit('store-1', [busy]);
  assert.deepEqual(findings, []);
  assert.equal(notes.length, 1);
  assert.match(notes[0] ?? '', uncounted);
  // Names are resolved by the operating system, and ssh is not ours.
  assert.match(notes[0] ?? '', /tcp 22 from admin/);
  assert.match(notes[0] ?? '', /udp 53 to dns/);
});

test('what was not used for so long, and what never was', () => {
  const { traffic } = busy;
  const without = (channel: string, lastUsedAt?: string): CountedUse => ({
    ...busy,
    traffic: traffic.flatMap((one) => {
      if (one.channel !== channel) return [one];
      return lastUsedAt === undefined ? [] : [{ ...one, lastUsedAt }];
    }),
  });
  assert.deepEqual(audit('store-1', [without('agent-to-mover-data', spring)]).findings, [
    `opening-unused: tcp 2500-3300 from web-1: No connection along agent-to-mover-data for 30 days: the last one was at ${spring}.`,
  ]);
  assert.deepEqual(audit('store-1', [without('client-to-mover')]).findings, [
    'opening-unused: tcp 6162 from admin: No connection along client-to-mover for 30 days: none since 2026-01-01T00:00:00.000Z, when counting began.',
  ]);
  // The last moment that still counts, and the first that does not.
  assert.deepEqual(audit('store-1', [without('client-to-mover', '2026-05-31T00:00:00.000Z')]).findings, []);
  assert.equal(audit('store-1', [without('client-to-mover', '2026-05-30T23:59:59.999Z')]).findings.length, 1);
  // The other direction is another opening.
  const outward = { ...without('client-to-mover') };
  const turned = {
    ...outward,
    traffic: [...outward.traffic, { channel: 'client-to-mover', direction: 'out' as const, lastUsedAt: yesterday }],
  };
  assert.equal(audit('store-1', [turned]).findings.length, 1);
  // One channel of an opening that has several is enough.
  assert.deepEqual(audit('store-1', [without('enrolment')]).findings, []);
});

test('counts that are younger than that, or missing, prove nothing', () => {
  const young = audit('store-1', [use('mover', { since: '2026-06-20T00:00:00.000Z' })]);
  assert.deepEqual(young.findings, []);
  assert.match(
    young.notes.join('\n'),
    /not used yet, but counting began at 2026-06-20T00:00:00\.000Z only: ask again after 2026-07-20T00:00:00\.000Z/,
  );
  const missing = audit('store-1', [use('agent')]);
  assert.deepEqual(missing.findings, []);
  assert.match(missing.notes.join('\n'), /no counts of the mover were found here/);
  // Those of another program are no proof either, but what they saw, they saw.
  const [web, server] = [use('agent', { out: { 'posix-agent-control': yesterday } }), audit('web-1', [])];
  assert.match(server.notes.join('\n'), /no counts of the agent and mover/);
  assert.doesNotMatch(audit('web-1', [web]).notes.join('\n'), /tcp 10006/);
});

test('what is dialled in vain is needed; what stands in for others is not used as a rule', () => {
  const lost = use('mover', { vain: { 'mover-to-server': yesterday, 'client-to-mover': yesterday } });
  const { findings, notes } = audit('store-1', [lost]);
  assert.match(
    notes.join('\n'),
    /tcp 10006 to backup-1: dialled in vain, the last time at 2026-06-29T00:00:00\.000Z \(channel\.timeout\)/,
  );
  // Whoever was turned away has not used it.
  assert.ok(findings.some((text) => text.startsWith('opening-unused: tcp 6162 from admin')));
  assert.match(notes.join('\n'), /tcp 6162 from web-1: not used, which is no reason to close it/);
});

test('the port that stands in for 443 is used as 443 is', () => {
  const fallback = planTopology(
    parseTopology(`
name: fallback
features: { alternate-rest-port: true }
zones: { site: { addresses: [10.20.0.0/16] } }
hosts:
  backup-1: { zone: site, addresses: [10.20.0.1], roles: [backup-server] }
  admin: { zone: site, addresses: [10.20.0.9], roles: [client] }
`),
  );
  const host = fallback.hosts.find(({ name }) => name === 'backup-1');
  assert.ok(host);
  const found = (reports: readonly CountedUse[]): readonly string[] =>
    auditUse({ openings: new HostOpenings(fallback, host), reports, forMs, now }).findings.map(
      ({ subject }) => subject,
    );
  assert.ok(found([use('server')]).includes('tcp 443 from admin'));
  assert.deepEqual(found([use('server', { in: { 'client-to-server': yesterday } })]), []);
});

test('what sessions open for themselves does not stand open', () => {
  const place = { family: 'inet', table: 'holdfast' };
  const nftables = [{ table: { family: 'inet', name: 'holdfast' } }, { set: { ...place, name: 'lease_in4' } }];
  const idle = use('mover');
  const about = (more: Partial<UseAudit>): boolean =>
    audit('store-1', [idle], more).findings.some((text) => text.includes('2500-3300'));
  assert.equal(about({}), true);
  assert.equal(about({ tables: readNft(JSON.stringify({ nftables })) }), false);
});
