import type { PortRange } from '../channel-spec.ts';
import { type HostFirewall, hostRenderer, type Opening } from './host-renderer.ts';
import { ruleComment } from './safe-text.ts';

/** The kernel keeps 64 bytes of a label. */
const labelCharacters = 63;

/** Neighbour discovery (133 to 136) and multicast listener discovery (130 to 132, 143), which sends IP options. */
const linkIcmp6 = '{ 130, 131, 132, 133, 134, 135, 136, 143 }';

/**
 * The contents of an anchor of its own, in the words that the pf of macOS, FreeBSD and OpenBSD have in common. Every rule ends
 * the evaluation (`quick`). ICMP errors, among them those of path MTU discovery, belong to the state of their connection.
 */
export const pf = hostRenderer({
  id: 'pf',
  title: 'pf',
  verifiedBy:
    'parsed by a grammar of the subset of pf.conf(5) that it uses; no pf was at hand to load it, so try it with `pfctl -n` first',
  extension: 'conf',
  apply: (firewall) => [...preamble(firewall.heading), ...rules(firewall)].map((line) => `${line}\n`).join(''),
  // An empty anchor.
  remove: ({ heading }) =>
    preamble(`${heading} Takes them away.`)
      .map((line) => `${line}\n`)
      .join(''),
});

function preamble(heading: string): readonly string[] {
  return [
    `# ${heading}`,
    '# Needs once, in /etc/pf.conf after all other anchors: anchor "holdfast"; and pf switched on: pfctl -e',
    '# Applied with: pfctl -a holdfast -f FILE',
  ];
}

function rules({ openings, drop }: HostFirewall): readonly string[] {
  const tables: string[] = [];
  const passes = openings.flatMap((opening, index) => openingRules(opening, `holdfast_${index + 1}`, tables));
  return [
    ...tables,
    'pass quick on lo0 all no state',
    'pass quick inet proto icmp all icmp-type 8 keep state',
    'pass quick inet6 proto ipv6-icmp all icmp6-type 128 keep state',
    `pass quick inet6 proto ipv6-icmp all icmp6-type ${linkIcmp6} no state allow-opts`,
    ...passes,
    ...(drop ? ['block drop quick all'] : []),
  ];
}

/** The rule; a table of many addresses that it needs is added to `tables`. */
function openingRules(opening: Opening, table: string, tables: string[]): readonly string[] {
  const { flow, direction, transport, ports, peers } = opening;
  const [address = 'any', ...others] = [...peers.ipv4, ...peers.ipv6];
  if (others.length > 0) tables.push(`table <${table}> const { ${[address, ...others].join(', ')} }`);
  const peer = others.length > 0 ? `<${table}>` : address;
  const ends = direction === 'in' ? `from ${peer} to any` : `from any to ${peer}`;
  const state = transport === 'tcp' ? 'flags S/SA keep state' : 'keep state';
  const label = ruleComment(flow, labelCharacters);
  const shownPorts = ports.length === 1 ? ports.map(portText).join('') : `{ ${ports.map(portText).join(', ')} }`;
  return [`pass ${direction} quick proto ${transport} ${ends} port ${shownPorts} ${state} label "${label}"`];
}

function portText({ from, to }: PortRange): string {
  return from === to ? `${from}` : `${from}:${to}`;
}
