import type { PortRange } from '../channel-spec.ts';
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

interface ConfigurationFile {
  /** Below the folder of firewalld. */
  readonly path: string;
  readonly lines: readonly string[];
}

/**
 * Two policies (firewalld.policies(5)) that come before every zone, and the address sets that they refer to, as files: a shell
 * script writes them. Established connections and loopback pass in firewalld by themselves.
 */
export const firewalld = hostRenderer({
  id: 'firewalld',
  title: 'firewalld',
  verifiedBy:
    'checked by firewalld itself, and loaded by it into the kernel of a network namespace, with traffic that passes and traffic that is dropped',
  extension: 'sh',
  canLease: true,
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

function configuration({ openings, drop }: HostFirewall): readonly ConfigurationFile[] {
  const sets: ConfigurationFile[] = [];
  const policies = (['in', 'out'] as const).map((direction) => {
    const rules = openings
      .filter((opening) => opening.direction === direction)
      .flatMap((opening, index) => openingRules(opening, `holdfast-${direction}${index + 1}`, sets));
    return policy(direction, drop, rules);
  });
  return [...sets, ...policies];
}

function policy(direction: 'in' | 'out', drop: boolean, rules: readonly string[]): ConfigurationFile {
  const [name, from, to] = direction === 'in' ? ['input', 'ANY', 'HOST'] : ['output', 'HOST', 'ANY'];
  return {
    path: `policies/holdfast-${name}.xml`,
    lines: [
      header,
      `<policy priority="-100" target="${drop ? 'DROP' : 'CONTINUE'}">`,
      `  <short>Holdfast ${name}</short>`,
      `  <ingress-zone name="${from}"/>`,
      `  <egress-zone name="${to}"/>`,
      ...icmpTypes.map((type) => `  <rule><icmp-type name="${type}"/><accept/></rule>`),
      ...rules,
      '</policy>',
    ],
  };
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
