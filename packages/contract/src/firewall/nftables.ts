import type { PortRange } from '../channel-spec.ts';
import { type HostFirewall, hostRenderer, type Opening } from './host-renderer.ts';
import { ruleComment } from './safe-text.ts';

/** The kernel keeps 128 bytes of a comment. */
const commentCharacters = 120;
const table = 'inet holdfast';

/** What IPv4 and IPv6 don't work without (RFC 4890): errors, among them those of path MTU discovery, neighbours, groups. */
const icmp = 'icmp type { destination-unreachable, time-exceeded, parameter-problem, echo-request }';
const icmpv6Errors = 'destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request';
const icmpv6Link =
  'nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report';
const icmpv6 = `icmpv6 type { ${icmpv6Errors}, ${icmpv6Link} }`;

/** Rules in a table of their own: no other table is read or changed, and one transaction replaces the old rules. */
export const nftables = hostRenderer({
  id: 'nftables',
  title: 'nftables',
  verifiedBy:
    'loaded by nft into the kernel of a network namespace, with traffic that passes and traffic that is dropped',
  extension: 'nft',
  leasable: ['in', 'out'],
  apply: (firewall) =>
    lines(
      `#!/usr/sbin/nft -f`,
      `# ${firewall.heading}`,
      '# Applied with `nft -f FILE`, all at once; again changes nothing.',
      ...(firewall.drop
        ? []
        : ['# Nothing is dropped here; what another table drops stays dropped, whatever is accepted here.']),
      `table ${table} {}`,
      // Sets outlive a flush: what is leased right now stays open.
      firewall.leases ? `flush table ${table}` : `delete table ${table}`,
      `table ${table} {`,
      ...(firewall.leases ? leaseSets : []),
      ...chain(firewall, 'in'),
      ...chain(firewall, 'out'),
      '}',
    ),
  remove: ({ heading }) =>
    lines(`#!/usr/sbin/nft -f`, `# ${heading} Takes them away.`, `table ${table} {}`, `delete table ${table}`),
});

const leaseSets = ['in', 'out'].flatMap((direction) => [
  `\tset lease_${direction}4 { type ipv4_addr . inet_service; flags timeout; }`,
  `\tset lease_${direction}6 { type ipv6_addr . inet_service; flags timeout; }`,
]);

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}

function chain({ openings, drop, leases }: HostFirewall, direction: 'in' | 'out'): readonly string[] {
  const [name, device] = direction === 'in' ? ['input', 'iifname'] : ['output', 'oifname'];
  const rules = [
    'ct state established,related counter accept comment "established"',
    ...(drop ? ['ct state invalid counter drop comment "invalid"'] : []),
    `${device} "lo" counter accept comment "loopback"`,
    `${icmp} counter accept comment "icmp"`,
    `${icmpv6} counter accept comment "icmpv6"`,
    ...openings.filter((one) => one.direction === direction).flatMap(openingRules),
    ...(leases ? leaseRules(direction) : []),
  ];
  const head = `type filter hook ${name} priority filter; policy ${drop ? 'drop' : 'accept'};`;
  return [`\tchain ${name} {`, ...[head, ...rules].map((rule) => `\t\t${rule}`), '\t}'];
}

function openingRules({ flow, direction, transport, ports, peers }: Opening): readonly string[] {
  const verdict = `${transport} dport ${set(ports.map(portText))} counter accept comment "${ruleComment(flow, commentCharacters)}"`;
  if (peers.any) return [verdict];
  const end = direction === 'in' ? 'saddr' : 'daddr';
  return [
    ...(peers.ipv4.length > 0 ? [`ip ${end} ${set(peers.ipv4)} ${verdict}`] : []),
    ...(peers.ipv6.length > 0 ? [`ip6 ${end} ${set(peers.ipv6)} ${verdict}`] : []),
  ];
}

function leaseRules(direction: 'in' | 'out'): readonly string[] {
  const end = direction === 'in' ? 'saddr' : 'daddr';
  return [
    `ip ${end} . tcp dport @lease_${direction}4 counter accept comment "leased"`,
    `ip6 ${end} . tcp dport @lease_${direction}6 counter accept comment "leased"`,
  ];
}

function set(elements: readonly string[]): string {
  return elements.length === 1 ? elements.join('') : `{ ${elements.join(', ')} }`;
}

function portText({ from, to }: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`;
}
