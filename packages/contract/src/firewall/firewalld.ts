import type { PortRange } from '../channel-spec.ts';
import { joinAddresses } from './addresses.ts';
import { type HostFirewall, hostRenderer, type Opening } from './host-renderer.ts';
import { ruleComment } from './safe-text.ts';

/** Comments of XML have no limit; longer ones would only make the files unreadable. */
const commentCharacters = 200;
const header = '<?xml version="1.0" encoding="utf-8"?>';

/** What IP does not work without (RFC 4890): errors, among them those of path MTU discovery, and neighbours. */
const icmpTypes = [
  ...['destination-unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem', 'echo-request'],
  ...['router-solicitation', 'router-advertisement', 'neighbour-solicitation', 'neighbour-advertisement'],
];

/**
 * Multicast listener discovery, of which firewalld has no types: without it a switch that looks into it sends a host no
 * solicitations of neighbours. It goes to groups of the link.
 */
const linkGroups =
  '  <rule family="ipv6"><destination address="ff02::/16"/><protocol value="ipv6-icmp"/><accept/></rule>';

interface ConfigurationFile {
  /** Below the folder of firewalld. */
  readonly path: string;
  readonly lines: readonly string[];
}

/** Transports and tunnels beside TCP, and ICMP: what a policy that lets leases through has to name to drop it. */
const otherProtocols = ['udp', 'udplite', 'sctp', 'dccp', 'gre', 'esp', 'ah', 'icmp', 'ipv6-icmp'];

/**
 * Policies (firewalld.policies(5)) that come before every zone, and the address sets that they refer to, as files: a shell
 * script writes them. Established connections and loopback pass in firewalld by themselves.
 *
 * Leases are timed rich rules, which only zones have: a policy keeps its rules however long a time they are given (firewalld
 * 1.3, `--policy --timeout`). So what may be leased goes on to the zones, and nothing else; what a host dials has no zone, and
 * no leases.
 */
export const firewalld = hostRenderer({
  id: 'firewalld',
  title: 'firewalld',
  verifiedBy:
    'checked by firewalld itself, and loaded by it into the kernel of a network namespace, with traffic that passes and traffic that is dropped',
  extension: 'sh',
  leasable: ['in'],
  apply: (firewall) =>
    script(
      `# ${firewall.heading}`,
      '# Applied with `sh FILE`, firewalld 1.0 or newer; again changes nothing.',
      ...start,
      ...configuration(firewall).flatMap(({ path, lines }) => [
        `cat >"$folder/${path}" <<'END_OF_FILE'`,
        ...lines,
        'END_OF_FILE',
      ]),
      'firewall-offline-cmd --check-config >/dev/null',
      reload,
    ),
  remove: ({ heading }) => script(`# ${heading} Takes them away.`, ...start, reload),
});

const start = [
  'set -eu',
  'folder=/etc/firewalld',
  'mkdir -p "$folder/ipsets" "$folder/policies"',
  'rm -f "$folder"/ipsets/holdfast-*.xml "$folder"/policies/holdfast-*.xml',
];
const reload = 'if firewall-cmd --state >/dev/null 2>&1; then firewall-cmd --reload; fi';

function script(...lines: readonly string[]): string {
  return `${['#!/bin/sh', ...lines].join('\n')}\n`;
}

function configuration({ openings, drop, leases, leased }: HostFirewall): readonly ConfigurationFile[] {
  const sets: ConfigurationFile[] = [];
  const target = drop ? 'DROP' : 'CONTINUE';
  const rulesOf = (direction: Opening['direction']): readonly string[] => [
    ...icmpTypes.map((type) => `  <rule><icmp-type name="${type}"/><accept/></rule>`),
    linkGroups,
    ...openings
      .filter((opening) => opening.direction === direction)
      .flatMap((opening, index) => openingRules(opening, `holdfast-${direction}${index + 1}`, sets)),
  ];
  const policies = [
    policy({ name: 'input', priority: -100, target: leases ? 'CONTINUE' : target }, rulesOf('in')),
    policy({ name: 'output', priority: -100, target }, rulesOf('out')),
  ];
  if (leases) {
    const rules = drop && leased.length > 0 ? closingRules(leased, sets) : [];
    policies.push(policy({ name: 'leases', priority: -99, target: rules.length > 0 ? 'CONTINUE' : target }, rules));
  }
  return [...sets, ...policies];
}

function policy(
  { name, priority, target }: { readonly name: string; readonly priority: number; readonly target: string },
  rules: readonly string[],
): ConfigurationFile {
  const [from, to] = name === 'output' ? ['HOST', 'ANY'] : ['ANY', 'HOST'];
  return {
    path: `policies/holdfast-${name}.xml`,
    lines: [
      header,
      `<policy priority="${priority}" target="${target}">`,
      `  <short>Holdfast ${name}</short>`,
      `  <ingress-zone name="${from}"/>`,
      `  <egress-zone name="${to}"/>`,
      ...rules,
      '</policy>',
    ],
  };
}

/** Drops everything but what a lease may open, which goes on to the zones and their timed rules. */
function closingRules(leased: readonly Opening[], sets: ConfigurationFile[]): readonly string[] {
  const peers = joinAddresses(leased.map((opening) => opening.peers));
  const strangers = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    if (peers.any) return [];
    const [address, ...others] = peers[family];
    if (address === undefined) return [`  <rule priority="1" family="${family}"><drop/></rule>`];
    const name = `holdfast-leases-${family}`;
    if (others.length > 0) sets.push(addressSet(name, family, peers[family]));
    const source = others.length > 0 ? `ipset="${name}"` : `address="${address}"`;
    return [`  <rule priority="1" family="${family}"><source ${source} invert="true"/><drop/></rule>`];
  });
  const ports = portsBeside(leased.flatMap((opening) => opening.ports));
  return [
    ...strangers,
    ...ports.map((range) => `  <rule priority="2"><port port="${portText(range)}" protocol="tcp"/><drop/></rule>`),
    ...otherProtocols.map((name) => `  <rule priority="2"><protocol value="${name}"/><drop/></rule>`),
  ];
}

/** All other ports. */
function portsBeside(ports: readonly PortRange[]): readonly PortRange[] {
  const gaps: PortRange[] = [];
  let next = 1;
  for (const { from, to } of [...ports].sort((a, b) => a.from - b.from)) {
    if (from > next) gaps.push({ from: next, to: from - 1 });
    next = Math.max(next, to + 1);
  }
  return next > 65_535 ? gaps : [...gaps, { from: next, to: 65_535 }];
}

/** The rules of the policy; the sets of addresses that they need are added to `sets`. */
function openingRules(opening: Opening, setName: string, sets: ConfigurationFile[]): readonly string[] {
  const { flow, direction, transport, ports, peers } = opening;
  const end = direction === 'in' ? 'source' : 'destination';
  const rules = (family: string, peer: string): readonly string[] =>
    ports.map(
      (range) => `  <rule${family}>${peer}<port port="${portText(range)}" protocol="${transport}"/><accept/></rule>`,
    );
  const ofFamily = (family: 'ipv4' | 'ipv6'): readonly string[] => {
    const [address, ...others] = peers[family];
    if (address === undefined) return [];
    if (others.length === 0) return rules(` family="${family}"`, `<${end} address="${address}"/>`);
    const name = `${setName}-${family}`;
    sets.push(addressSet(name, family, peers[family]));
    return rules(` family="${family}"`, `<${end} ipset="${name}"/>`);
  };
  const comment = `  <!-- ${ruleComment(flow, commentCharacters)} -->`;
  return [comment, ...(peers.any ? rules('', '') : [...ofFamily('ipv4'), ...ofFamily('ipv6')])];
}

function addressSet(name: string, family: 'ipv4' | 'ipv6', addresses: readonly string[]): ConfigurationFile {
  return {
    path: `ipsets/${name}.xml`,
    lines: [
      header,
      '<ipset type="hash:net">',
      `  <option name="family" value="${family === 'ipv4' ? 'inet' : 'inet6'}"/>`,
      // The kernel's default is 65,536.
      `  <option name="maxelem" value="${Math.max(65_536, addresses.length)}"/>`,
      ...addresses.map((address) => `  <entry>${address}</entry>`),
      '</ipset>',
    ],
  };
}

function portText({ from, to }: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`;
}
