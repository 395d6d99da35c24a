import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Plan, planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { maxStepsTried } from '../limits.ts';
import { addressRange } from '../ruleset/address-range.ts';
import { readIptables } from '../ruleset/iptables-reader.ts';
import type { OpenSocket } from '../sockets/index.ts';
import { auditFirewall, beyondPlan } from './audit-firewall.ts';
import { plainly } from './audit-host.ts';
import { auditSockets } from './audit-sockets.ts';
import { HostOpenings } from './openings.ts';
import type { OwnAddress } from './this-host.ts';

const plan: Plan = planTopology(
  parseTopology(`
name: audit
zones:
  site: { addresses: [10.20.0.0/16, 2001:db8:20::/48] }
hosts:
  backup-1: { zone: site, addresses: [10.20.0.1], roles: [backup-server] }
  store-1: { zone: site, addresses: [10.20.0.2], roles: [repository-linux] }
  web-1: { zone: site, addresses: [10.20.0.3], roles: [agent-linux] }
`),
);
const store = plan.hosts.find(({ name }) => name === 'store-1');
assert.ok(store);
const openings = new HostOpenings(plan, store);

function own(address: string, device: string): OwnAddress {
  const range = addressRange(address);
  assert.ok(range);
  return { ...range, text: address, device };
}
const here = [own('10.20.0.2', 'eth0')];
const startedAt = new Date('2026-01-02T03:04:05Z');

/** Kinds and subjects of what is found in rules of iptables (IPv4 alone: the host has no other address). */
function firewallFindings(rules: readonly string[], options: { unused?: boolean; otherwise?: 'leave' } = {}): string[] {
  const { unused = false, otherwise = 'drop' } = options;
  const text = ['*filter', ':INPUT DROP [0:0]', ':OUTPUT DROP [0:0]', ...rules, 'COMMIT'].join('\n');
  const tables = readIptables(text, 'ipv4');
  const found = auditFirewall({ openings, tables, own: here, startedAt, unused, otherwise });
  for (const { message, advice } of found) assert.ok(message !== '' && advice !== '');
  return found.map(({ kind, subject, message }) => `${kind}: ${subject}: ${message}`);
}

const asPlanned = [
  '[5:300] -A INPUT -s 10.20.0.3/32 -p tcp -m multiport --dports 2500:3300,6162 -j ACCEPT',
  '[5:300] -A INPUT -s 10.20.0.1/32 -p tcp -m tcp --dport 6162 -j ACCEPT',
  '[5:300] -A OUTPUT -d 10.20.0.1/32 -p tcp -m tcp --dport 10006 -j ACCEPT',
];

describe('the firewall', () => {
  test('as planned: nothing to find', () => {
    assert.deepEqual(firewallFindings(asPlanned, { unused: true }), []);
  });

  test('what is missing, too wide, unknown, or open by default', () => {
    const [data = '', server = '', out = ''] = asPlanned;
    const only = (found: string[]): string => {
      assert.equal(found.length, 1, found.join('\n'));
      return found[0] ?? '';
    };
    const missing = firewallFindings([data, out]);
    assert.match(
      only(missing),
      /^opening-missing: tcp 6162 from backup-1: tcp 6162 from 10\.20\.0\.1 would be dropped by table ip filter, chain INPUT, policy\. Needed for server-to-mover/,
    );
    const cut = firewallFindings([data.replace('2500:3300', '2500:3299'), server, out]);
    assert.match(only(cut), /^opening-missing: tcp 2500-3300 from web-1: tcp 3300 from 10\.20\.0\.3/);
    // A port too many, an address too many: each just beside what is planned.
    assert.match(
      only(firewallFindings([data.replace('3300', '3301'), server, out])),
      /^opening-wide: table ip filter, chain INPUT, rule 1: It also lets through tcp 3301 from 10\.20\.0\.3/,
    );
    assert.match(
      only(firewallFindings([data, server.replace('.1/32', '.0/31'), out])),
      /^opening-wide: .* rule 2: It also lets through tcp 6162 from 10\.20\.0\.0/,
    );
    assert.match(
      only(firewallFindings([...asPlanned, '[0:0] -A INPUT -p udp -m udp --dport 161 -j ACCEPT'])),
      /^rule-unknown: table ip filter, chain INPUT, rule 3: It lets through udp 161 from/,
    );
    const everything = ['[1:1] -A INPUT -j ACCEPT', ...asPlanned];
    assert.match(firewallFindings(everything).join('\n'), /^opening-wide: .* rule 1: .*tcp 1 from 203\.0\.113\.7/);
    assert.match(
      only(firewallFindings([data, server, out.replace('-j', '-m recent --rcheck -j')])),
      /^opening-uncertain: tcp 10006 to backup-1/,
    );
  });

  test('a host without rules is open by default, unless that is none of the plan’s business', () => {
    const audit = { openings, tables: [], own: here, startedAt, unused: true };
    const kinds = (otherwise: 'drop' | 'leave') => auditFirewall({ ...audit, otherwise }).map(({ kind }) => kind);
    assert.deepEqual(kinds('drop'), ['open-by-default', 'open-by-default']);
    assert.deepEqual(kinds('leave'), []);
  });

  test('a host with more rules than can be tried on every port: those of the plan are, and the rest is counted', () => {
    const rules = Array.from({ length: 5000 }, (_, n) => `-A INPUT -p tcp -m tcp --dport ${10_000 + n * 4} -j ACCEPT`);
    const saved = (some: readonly string[]) =>
      readIptables(['*filter', ':INPUT DROP [0:0]', ...some, 'COMMIT'].join('\n'), 'ipv4');
    const tried = beyondPlan({ openings, tables: saved(rules) });
    for (const port of [2499, 2500, 3300, 3301, 6161, 6162, 6163, 10_006])
      assert.ok(tried.ports.includes(port), `${port}`);
    assert.ok(tried.leftOut > 10_000 && tried.ports.length < 10_000, `${tried.leftOut} ${tried.ports.length}`);
    assert.ok(tried.ports.length * tried.places.length * 4 * rules.length <= 1.1 * maxStepsTried);
    assert.equal(beyondPlan({ openings, tables: saved(rules.slice(0, 50)) }).leftOut, 0);
  });

  test('unused: only where every rule that lets it through has counted nothing, and only when asked', () => {
    const [data = '', ...others] = asPlanned;
    const fresh = [data.replace('[5:300]', '[0:0]'), ...others];
    assert.deepEqual(firewallFindings(fresh), []);
    const found = firewallFindings(fresh, { unused: true });
    assert.deepEqual(
      found.map((line) => line.split(':', 2).join(':')),
      ['opening-unused: tcp 6162 from web-1', 'opening-unused: tcp 2500-3300 from web-1'],
    );
    assert.match(found[0] ?? '', /2026-01-02T03:04:05\.000Z/);
  });
});

function socket(o: { local: string; remote?: string; command?: readonly string[] }): OpenSocket {
  const end = (text: string) => {
    const colon = text.lastIndexOf(':');
    return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
  };
  const { local, remote = '0.0.0.0:0', command = ['node', '/opt/apps/cli/src/main.mjs', 'mover'] } = o;
  return {
    transport: 'tcp',
    state: o.remote === undefined ? 'listening' : 'connected',
    userId: 0,
    inode: '1',
    processes: [{ pid: 41, name: 'node', command }],
    ...{ local: end(local), remote: end(remote) },
  };
}

describe('sockets', () => {
  const find = (sockets: readonly OpenSocket[], addresses = here): string[] =>
    auditSockets({ openings, sockets, own: addresses }).map(({ kind, subject }) => `${kind}: ${subject}`);
  const mover = socket({ local: '10.20.0.2:6162' });

  test('as planned: nothing to find', () => {
    const planned = [
      mover,
      socket({ local: '0.0.0.0:2500' }),
      socket({ local: '0.0.0.0:22', command: ['sshd'] }),
      socket({ local: '10.20.0.2:6162', remote: '10.20.0.3:40000' }),
      socket({ local: '10.20.0.2:2501', remote: '10.20.0.3:40001' }),
      socket({ local: '10.20.0.2:40002', remote: '10.20.0.1:10006' }),
      socket({ local: '10.20.0.2:40003', remote: '198.51.100.1:25', command: ['postfix'] }),
      socket({ local: '127.0.0.1:40004', remote: '127.0.0.1:6162' }),
    ];
    assert.deepEqual(find(planned), []);
  });

  test('listeners: missing, foreign, unplanned, on too many addresses', () => {
    assert.deepEqual(find([]), ['listener-missing: tcp 6162']);
    // Within the computer only is not there for others.
    assert.deepEqual(find([socket({ local: '127.0.0.1:6162', command: ['x'] })]), ['listener-missing: tcp 6162']);
    const foreign = socket({ local: '0.0.0.0:2600', command: ['/usr/bin/nc', '-l'] });
    assert.deepEqual(find([mover, foreign]), ['listener-foreign: tcp 2600 on 0.0.0.0']);
    assert.deepEqual(find([mover, { ...foreign, processes: [] }]), []);
    // Data ports of the loopback interface are for a computer with an agent and a target.
    const loopback = socket({ local: '127.0.0.1:2600' });
    assert.deepEqual(find([mover, loopback]), ['listener-unplanned: tcp 2600 on 127.0.0.1']);
    assert.deepEqual(find([mover, { ...loopback, processes: [] }]), []);
    const web = plan.hosts.find(({ name }) => name === 'web-1');
    assert.ok(web);
    assert.deepEqual(
      auditSockets({ openings: new HostOpenings(plan, web), sockets: [mover, loopback], own: here }),
      [],
    );
    assert.deepEqual(find([mover, socket({ local: '0.0.0.0:4000' })]), ['listener-unplanned: tcp 4000 on 0.0.0.0']);
    const wide = socket({ local: '0.0.0.0:6162' });
    assert.deepEqual(find([wide]), []);
    assert.deepEqual(find([wide], [...here, own('192.168.7.1', 'eth1')]), ['bind-wide: tcp 6162 on 0.0.0.0']);
    assert.deepEqual(find([mover], [...here, own('192.168.7.1', 'eth1')]), []);
  });

  test('connections with strangers, either way', () => {
    assert.deepEqual(
      find([
        mover,
        socket({ local: '10.20.0.2:6162', remote: '198.51.100.1:40000' }),
        socket({ local: '10.20.0.2:2501', remote: '10.20.0.1:40001' }),
        socket({ local: '10.20.0.2:40002', remote: '198.51.100.1:443' }),
      ]),
      [
        'peer-unknown: tcp 6162 from 198.51.100.1',
        'peer-unknown: tcp 2501 from 10.20.0.1',
        'peer-unknown: tcp 443 to 198.51.100.1',
      ],
    );
  });
});

test('whatever a process or a rule is called, a finding steers no terminal', () => {
  const named = socket({ local: '0.0.0.0:2600', command: ['/usr/bin/nc'] });
  const [holder] = named.processes;
  assert.ok(holder);
  const sockets = [{ ...named, processes: [{ ...holder, name: '\u001b[2Jnc\n' }] }];
  const findings = auditSockets({ openings, sockets, own: here });
  assert.match(JSON.stringify(findings), /u001b/);
  const plain = plainly({ host: 'store-1', findings, notes: ['\u009b2J'] });
  assert.doesNotMatch(JSON.stringify(plain), /\\|\u009b/);
  assert.match(plain.findings.map(({ message }) => message).join(), /\[2Jnc {2}\(pid 41\) listens/);
});
