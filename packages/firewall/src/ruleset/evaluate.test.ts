import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findRenderer } from '@holdfast/contract/firewall';
import { planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { skipUnless } from '@holdfast/core/testing';
import { firewalldPrograms, startFirewalld } from '../testing/firewalld.ts';
import { type Attempt, type Namespace, twoHosts } from '../testing/two-hosts.ts';
import { addressRange } from './address-range.ts';
import { evaluate } from './evaluate.ts';
import { combine } from './host-ruleset.ts';
import { readIptables } from './iptables-reader.ts';
import { readNft } from './nft-reader.ts';
import type { Packet, Table } from './ruleset.ts';

const needs = (...programs: string[]) => ({
  skip: skipUnless({ programs: ['ip', 'nft', 'iptables', ...programs], root: true, networkNamespaces: true }),
  timeout: 400_000,
});

const topology = `
name: audit
zones:
  site: { addresses: [10.20.0.0/16, 2001:db8:20::/48] }
hosts:
  backup-1: { zone: site, addresses: [10.20.0.1], roles: [backup-server] }
  store-1: { zone: site, addresses: [10.20.0.2, 2001:db8:20::2], roles: [repository-linux] }
  web-1: { zone: site, addresses: [10.20.0.3, 2001:db8:20::3], roles: [agent-linux] }
`;
const addresses = {
  host: ['10.20.0.2/16', '2001:db8:20::2/48'],
  others: ['10.20.0.1/16', '10.20.0.3/16', '10.20.0.9/16', '2001:db8:20::3/48', '2001:db8:20::9/48'],
};
const ports = [7, 22, 25, 80, 85, 443, 2500, 2501, 6162, 8080, 10_006];

/** From everybody to the host and back, on every port. */
const incoming = attempts(addresses.others, addresses.host);
const outgoing = attempts(addresses.host, addresses.others);

function attempts(from: readonly string[], to: readonly string[]): readonly Attempt[] {
  const bare = (all: readonly string[]): readonly string[] => all.map((one) => one.replace(/\/.*/, ''));
  return bare(from).flatMap((source) =>
    bare(to)
      .filter((target) => target.includes(':') === source.includes(':'))
      .flatMap((target) => ports.map((port) => ({ from: source, to: target, port }))),
  );
}

function rulesetOf(host: Namespace): readonly Table[] {
  return combine(readNft(host.run('nft', ['-j', 'list', 'ruleset'])), [
    ...readIptables(host.run('iptables-save', ['-c']), 'ipv4'),
    ...readIptables(host.run('ip6tables-save', ['-c']), 'ipv6'),
  ]);
}

function packetOf({ from, to, port }: Attempt, direction: Packet['direction']): Packet {
  const [source, destination] = [addressRange(from), addressRange(to)];
  assert.ok(source && destination);
  const ends = { source: source.first, destination: destination.first, family: source.family };
  return { ...ends, direction, transport: 'tcp', port, device: 'wire' };
}

/** What the rules are read to mean is what the kernel does. */
function assertAgrees({ host, others }: { host: Namespace; others: Namespace }, expected: { passing: number }): void {
  const tables = rulesetOf(host);
  const wrong: string[] = [];
  let passing = 0;
  for (const [namespace, direction, tried] of [
    [others, 'in', incoming],
    [host, 'out', outgoing],
  ] as const) {
    const answers = namespace.attempts(tried);
    for (const [index, attempt] of tried.entries()) {
      const fate = evaluate(tables, packetOf(attempt, direction)).kind;
      if (answers[index]) passing += 1;
      if (fate !== (answers[index] ? 'passes' : 'stops'))
        wrong.push(`${direction} ${JSON.stringify(attempt)}: ${fate}, really ${answers[index] ? 'passes' : 'stops'}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.equal(passing, expected.passing);
}

async function rendered(format: string): Promise<string> {
  const rendering = await findRenderer(format)?.render(planTopology(parseTopology(topology)), { host: 'store-1' });
  const content = rendering?.files[0]?.content;
  assert.ok(typeof content === 'string');
  return content;
}

/** Of the plan: 6162 from two, twice in two families; two data ports from one in two families; 10006 outwards. */
const planned = 3 + 2 * 2 + 1;

describe('rules are read as the kernel applies them', () => {
  test('no rules at all', needs(), async (t) => {
    assertAgrees(await twoHosts(t, addresses), { passing: incoming.length + outgoing.length });
  });

  test('rendered nftables, and a foreign table that drops some of it', needs(), async (t) => {
    const hosts = await twoHosts(t, addresses);
    hosts.host.run('nft', ['-f', '-'], await rendered('nftables'));
    assertAgrees(hosts, { passing: planned });
    const foreign = 'table ip early { chain pre { type filter hook prerouting priority raw; tcp dport 2501 drop\n }\n}';
    hosts.host.run('nft', ['-f', '-'], foreign);
    assertAgrees(hosts, { passing: planned - 1 });
  });

  test('sets, ranges, concatenations, verdict maps, jumps, gotos and negations', needs(), async (t) => {
    const hosts = await twoHosts(t, addresses);
    hosts.host.run('nft', ['-f', '-'], handwritten);
    assertAgrees(hosts, { passing: 22 + outgoing.length });
  });

  test('rendered iptables, with rules of others that nft cannot show', needs(), async (t) => {
    const hosts = await twoHosts(t, addresses);
    hosts.host.run('sh', [], await rendered('iptables'));
    assertAgrees(hosts, { passing: planned });
    const add = (...words: string[]): string => hosts.host.run('iptables', words);
    add('-N', 'some');
    add('-A', 'some', '-p', 'tcp', '-m', 'multiport', '--dports', '80:90,443', '-j', 'ACCEPT');
    add('-A', 'some', '!', '-s', '10.20.0.1', '-p', 'tcp', '--dport', '25', '-j', 'ACCEPT');
    add('-I', 'INPUT', '!', '-i', 'lo', '-m', 'comment', '--comment', 'a "quoted" -j DROP', '-j', 'some');
    assertAgrees(hosts, { passing: planned + 3 * 3 + 2 });
  });

  test('ufw', needs('ufw'), async (t) => {
    const hosts = await twoHosts(t, addresses);
    hosts.host.coverEtc(t);
    hosts.host.run('ufw', ['--force', 'enable']);
    hosts.host.run('ufw', ['allow', '7/tcp']);
    hosts.host.run('sh', [], await rendered('ufw'));
    assertAgrees(hosts, { passing: planned + addresses.others.length });
  });

  test('firewalld', needs(...firewalldPrograms), async (t) => {
    const hosts = await twoHosts(t, addresses);
    startFirewalld(t, hosts.host);
    hosts.host.run('firewall-cmd', ['--permanent', '--add-port=7/tcp']);
    hosts.host.run('sh', [], await rendered('firewalld'));
    assertAgrees(hosts, { passing: planned });
  });
});

test('what depends on a rate, a mark or an unknown module is not claimed to be known', needs(), async (t) => {
  const { host } = await twoHosts(t, addresses);
  const fate = (rule: string): string => {
    const script = `flush ruleset\ntable inet t { chain input { type filter hook input priority 0; policy drop; ${rule}\n }\n}`;
    host.run('nft', ['-f', '-'], script);
    return evaluate(rulesetOf(host), packetOf({ from: '10.20.0.3', to: '10.20.0.2', port: 80 }, 'in')).kind;
  };
  assert.equal(fate('tcp dport 80 limit rate 3/second accept'), 'unknown');
  assert.equal(fate('tcp dport 81 limit rate 3/second accept'), 'stops');
  assert.equal(fate('meta mark 7 accept'), 'unknown');
  assert.equal(fate('meta mark 7 counter; tcp dport 80 accept'), 'passes');
  assert.equal(fate('tcp sport 1024-65535 accept'), 'unknown');
  assert.equal(fate('limit rate 3/second drop; accept'), 'unknown');
});

const handwritten = `
table inet other {
  set peers { type ipv4_addr; flags interval; elements = { 10.20.0.0/31, 10.20.0.7-10.20.0.12 } }
  set pairs { type ipv6_addr . inet_service; elements = { 2001:db8:20::9 . 80, 2001:db8:20::3 . 443 } }
  map verdicts { type inet_service : verdict; elements = { 22 : accept, 25 : drop, 443 : jump last } }
  chain last { ip saddr 10.20.0.3 accept
 }
  chain away { tcp dport 85 accept; return
 }
  chain some { tcp dport { 7, 2500-2501 } accept; tcp dport 8080 return; tcp dport 80 drop
 }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname "lo" accept
    meta l4proto ipv6-icmp accept
    ip saddr @peers jump some
    ip6 saddr . tcp dport @pairs accept
    ip saddr . tcp dport { 10.20.0.3 . 2500, 10.20.0.0/30 . 6000-7000 } accept
    tcp dport vmap @verdicts
    iifname { "wire", "eth*" } ip saddr != 10.20.0.3 goto away
    meta nfproto ipv6 tcp dport != 1-10000 accept
    tcp dport 10006 accept
    fib daddr type local tcp dport 8080 ip6 saddr 2001:db8:20::/127 reject
  }
}
`;
