import type { PortRange } from '../channel-spec.ts';
import { hostRenderer, type Opening } from './host-renderer.ts';
import { ruleComment } from './safe-text.ts';

/** What the console of Windows shows of a description without a scroll bar is less. */
const commentCharacters = 200;
/** A rule keeps its addresses in one value of the registry; with more, a flow becomes several rules. */
const addressesPerRule = 1000;
const group = 'Holdfast';

/**
 * Rules in a group of their own, which is made anew. Windows keeps track of connections and lets through loopback by itself;
 * the ICMP that IP needs is allowed here, also where the built-in rules for it are off. A rule of somebody else that blocks
 * still wins.
 */
export const windowsFirewall = hostRenderer({
  id: 'windows-firewall',
  title: 'Windows Firewall',
  verifiedBy:
    'parsed by a PowerShell grammar (tree-sitter), and every command compared with the parameters that Windows documents; not run on Windows',
  extension: 'ps1',
  apply: ({ heading, openings, drop }) =>
    script(
      `# ${heading}`,
      '# Applied in an elevated PowerShell; again changes nothing.',
      ...start,
      ...icmpRules,
      ...openings.flatMap((opening, index) => openingRules(opening, index + 1)),
      ...(drop ? [profileDefaults('Block')] : []),
    ),
  remove: ({ heading, drop }) =>
    script(`# ${heading} Takes them away.`, ...start, ...(drop ? [profileDefaults('NotConfigured')] : [])),
});

const start = [
  "$ErrorActionPreference = 'Stop'",
  `Get-NetFirewallRule -Group '${group}' -ErrorAction SilentlyContinue | Remove-NetFirewallRule`,
];

/** What IP does not work without (RFC 4890): errors, among them those of path MTU discovery, neighbours, groups. */
const icmpTypes = [
  ['ICMPv4', "'3', '8', '11', '12'"],
  ['ICMPv6', "'1', '2', '3', '4', '128', '130', '131', '132', '133', '134', '135', '136', '143'"],
] as const;
const icmpRules = icmpTypes.flatMap(([protocol, types]) =>
  (['Inbound', 'Outbound'] as const).map((direction) =>
    newRule(
      `icmp-${protocol}-${direction}`,
      direction,
      `${protocol} that IP needs`,
      `-Protocol ${protocol} -IcmpType ${types}`,
    ),
  ),
);

function script(...lines: readonly string[]): string {
  // Windows PowerShell 5 reads a file without a byte order mark in the code page of the system: all is ASCII.
  return `${lines.join('\r\n')}\r\n`;
}

function profileDefaults(action: 'Block' | 'NotConfigured'): string {
  const enabled = action === 'Block' ? ' -Enabled True' : '';
  return `Set-NetFirewallProfile -All${enabled} -DefaultInboundAction ${action} -DefaultOutboundAction ${action}`;
}

function newRule(name: string, direction: string, description: string, filter: string): string {
  const texts = `-Name 'Holdfast-${name}' -DisplayName 'Holdfast: ${description}' -Group '${group}'`;
  return `New-NetFirewallRule ${texts} -Direction ${direction} -Action Allow -Profile Any ${filter} | Out-Null`;
}

function openingRules({ flow, direction, transport, ports, peers }: Opening, number: number): readonly string[] {
  const [name, portOf] = direction === 'in' ? ['Inbound', '-LocalPort'] : ['Outbound', '-RemotePort'];
  const addresses = [...peers.ipv4, ...peers.ipv6].flatMap(expressible);
  const chunks = peers.any ? [['Any']] : inChunks(addresses, addressesPerRule);
  const filter = `-Protocol ${transport.toUpperCase()} ${portOf} ${list(ports.map(portText))}`;
  return chunks.map((chunk, index) => {
    const suffix = chunks.length === 1 ? '' : `-${index + 1}`;
    const remote = `${filter} -RemoteAddress ${list(chunk)}`;
    return newRule(`${number}${suffix}`, name, ruleComment(flow, commentCharacters), remote);
  });
}

/** Windows refuses prefixes of length 0. */
function expressible(address: string): readonly string[] {
  if (!address.endsWith('/0')) return [address];
  return address.includes(':') ? ['::/1', '8000::/1'] : ['0.0.0.0/1', '128.0.0.0/1'];
}

function inChunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function list(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(', ');
}

function portText({ from, to }: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`;
}
