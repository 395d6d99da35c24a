import { type HostFirewall, hostRenderer, type Opening } from './host-renderer.ts';
import { multiports } from './multiport.ts';
import { ruleComment } from './safe-text.ts';

/** The kernel keeps 256 bytes of a comment. */
const commentCharacters = 240;

interface Family {
  readonly program: 'iptables' | 'ip6tables';
  readonly addresses: 'ipv4' | 'ipv6';
  /** What IP does not work without (RFC 4890): errors, among them those of path MTU discovery, neighbours, groups. */
  readonly icmp: readonly string[];
}

const families: readonly Family[] = [
  {
    program: 'iptables',
    addresses: 'ipv4',
    icmp: ['destination-unreachable', 'time-exceeded', 'parameter-problem', 'echo-request'].map(
      (type) => `-p icmp -m icmp --icmp-type ${type}`,
    ),
  },
  {
    program: 'ip6tables',
    addresses: 'ipv6',
    icmp: [
      ...['destination-unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem', 'echo-request'],
      ...['router-solicitation', 'router-advertisement', 'neighbour-solicitation', 'neighbour-advertisement'],
      // Multicast listener discovery of version 1 (130 to 132) and 2.
      ...['130', '131', '132', '143'],
    ].map((type) => `-p ipv6-icmp -m icmp6 --icmpv6-type ${type}`),
  },
];

// A kernel without IPv6 has nothing to filter there.
const start = ['set -eu', 'programs=iptables', "if [ -e /proc/net/if_inet6 ]; then programs='iptables ip6tables'; fi"];
const applyAll = [
  'for program in $programs; do "rules_$program" | "$program-restore" --wait --noflush --test; done',
  'for program in $programs; do',
  '  "rules_$program" | "$program-restore" --wait --noflush',
  '  for chain in INPUT OUTPUT; do',
  '    "$program" --wait -C "$chain" -j "HOLDFAST-$chain" 2>/dev/null ||',
  '      "$program" --wait -I "$chain" 1 -j "HOLDFAST-$chain"',
  '  done',
  'done',
];
const removeAll = [
  'for program in $programs; do',
  '  for chain in INPUT OUTPUT; do',
  '    while "$program" --wait -D "$chain" -j "HOLDFAST-$chain" 2>/dev/null; do :; done',
  '    if "$program" --wait -F "HOLDFAST-$chain" 2>/dev/null; then "$program" --wait -X "HOLDFAST-$chain"; fi',
  '  done',
  'done',
];

/**
 * A shell script around texts in the format of iptables-save, which can't say by itself that a jump is made only if it isn't
 * there. The rules are in chains of their own, replaced by one transaction for each family; foreign rules stay.
 */
export const iptables = hostRenderer({
  id: 'iptables',
  title: 'iptables',
  verifiedBy:
    'loaded by iptables-restore and ip6tables-restore into the kernel of a network namespace, with traffic that passes and traffic that is dropped',
  extension: 'sh',
  apply: (firewall) =>
    script(
      `# ${firewall.heading}`,
      '# Applied with `sh FILE`; again changes nothing. Only the chains HOLDFAST-INPUT and HOLDFAST-OUTPUT are written.',
      ...start,
      ...families.flatMap((family) => rulesFunction(family, firewall)),
      ...applyAll,
    ),
  remove: ({ heading }) => script(`# ${heading} Takes them away.`, ...start, ...removeAll),
});

function script(...lines: readonly string[]): string {
  return `${['#!/bin/sh', ...lines].join('\n')}\n`;
}

function rulesFunction(family: Family, firewall: HostFirewall): readonly string[] {
  return [
    `rules_${family.program}() {`,
    "  cat <<'END_OF_RULES'",
    '*filter',
    ':HOLDFAST-INPUT - [0:0]',
    ':HOLDFAST-OUTPUT - [0:0]',
    ...chain(family, firewall, 'in'),
    ...chain(family, firewall, 'out'),
    'COMMIT',
    'END_OF_RULES',
    '}',
  ];
}

function chain(family: Family, { openings, drop }: HostFirewall, direction: 'in' | 'out'): readonly string[] {
  const [name, device] = direction === 'in' ? ['INPUT', '-i'] : ['OUTPUT', '-o'];
  return [
    '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    ...(drop ? ['-m conntrack --ctstate INVALID -j DROP'] : []),
    `${device} lo -j ACCEPT`,
    ...family.icmp.map((match) => `${match} -j ACCEPT`),
    ...openings.filter((one) => one.direction === direction).flatMap((one) => openingRules(family, one)),
    ...(drop ? ['-j DROP'] : []),
  ].map((rule) => `-A HOLDFAST-${name} ${rule}`);
}

function openingRules({ addresses }: Family, opening: Opening): readonly string[] {
  const { flow, direction, transport, ports, peers } = opening;
  const ends = peers.any ? [''] : peers[addresses].map((address) => `${direction === 'in' ? '-s' : '-d'} ${address} `);
  const comment = ruleComment(flow, commentCharacters);
  const matches = multiports(ports).map(
    (group) => `-p ${transport} -m multiport --dports ${group} -m comment --comment "${comment}" -j ACCEPT`,
  );
  return ends.flatMap((end) => matches.map((match) => `${end}${match}`));
}
