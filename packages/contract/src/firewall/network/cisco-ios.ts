import type { PortRange } from '../../channel-spec.ts';
import { asSeenFrom } from '../../plan/host-rules.ts';
import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import type { Renderer, RenderOptions } from '../renderer.ts';
import { ruleComment, safeText } from '../safe-text.ts';
import { targetNames } from '../target-names.ts';
import { checkFamilies, familyEnds, inexpressible, wideningsOf } from './flow-ends.ts';

type Family = 'ipv4' | 'ipv6';

/** The longest `remark` that every release takes. */
const remarkCharacters = 100;
/** IOS has names of lists of up to 64 characters; what is added to a zone's name takes 24 of them. */
const zoneCharacters = 40;
/** Where neighbours without a zone are. No zone is called so. */
const elsewhere = 'other networks';
/** No release names a limit; the memory of access routers for entries ends in the thousands. */
const maximumEntries = 8000;

/** What IP needs itself: without it large packets vanish, and IPv6 finds no neighbours. */
const necessaryIcmp: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['unreachable', 'time-exceeded', 'parameter-problem'],
  ipv6: [
    ...['unreachable', 'packet-too-big', 'time-exceeded', 'parameter-problem'],
    ...['nd-na', 'nd-ns', 'router-advertisement', 'router-solicitation'],
  ],
};

/** What one list has to permit. */
interface Crossing {
  readonly flow: Flow;
  readonly from: readonly PlannedHost[];
  readonly to: readonly PlannedHost[];
}

interface ZoneCrossings {
  readonly zone: string;
  readonly leaving: Crossing[];
  readonly entering: Crossing[];
}

/**
 * Two lists for each zone and family, for the router's interface towards it: `IN` for what the zone sends, `OUT` for what
 * it gets. They are reflexive: a permitted connection opens the way back for itself and nothing else. Idle entries end
 * after 300 seconds, far beyond the 30 seconds after which Holdfast's connections show that they are alive.
 */
export const ciscoIos: Renderer = {
  id: 'cisco-ios',
  title: 'Cisco IOS access lists',
  scope: 'network',
  verifiedBy:
    "a parser of the emitted grammar, which evaluates the lists packet by packet; not loaded by Cisco's software",
  render(plan: Plan, { otherwise = 'drop', leases = false }: RenderOptions = {}) {
    checkFamilies(plan);
    const zones = crossingsByZone(plan);
    const nameOf = targetNames({ maximumLength: zoneCharacters, alsoAllowed: '_.' });
    const lists = zones.flatMap((zone) =>
      (['ipv4', 'ipv6'] as const).flatMap((family) =>
        zoneLists(zone, { name: nameOf(zone.zone || elsewhere), family, otherwise }),
      ),
    );
    const crossing = new Set(zones.flatMap(({ leaving }) => leaving.map(({ flow }) => flow)));
    return {
      files: [{ path: 'cisco-ios.txt', content: text([...heading(plan, crossing.size), ...lists.flatMap(define)]) }],
      removal: [{ path: 'removal/cisco-ios.txt', content: text([...removalHeading(plan), ...lists.map(remove)]) }],
      widenings: [...crossing].flatMap((flow) => wideningsOf(flow, { title: ciscoIos.title, leases })),
    };
  },
};

/**
 * What passes between hosts of one zone does not pass the router's lists. Where a zone's addresses are translated, the
 * router sees the translated ones.
 */
function crossingsByZone(plan: Plan): readonly ZoneCrossings[] {
  const zones = new Map<string, ZoneCrossings>();
  for (const { zone } of plan.hosts) if (!zones.has(zone)) zones.set(zone, { zone, leaving: [], entering: [] });
  for (const flow of plan.flows)
    for (const [fromZone, from] of byZone(flow.from))
      for (const [toZone, to] of byZone(flow.to)) {
        if (fromZone === toZone) continue;
        const crossing = { flow, from: asSeenFrom(toZone, from), to };
        zones.get(fromZone)?.leaving.push(crossing);
        zones.get(toZone)?.entering.push(crossing);
      }
  return [...zones.values()];
}

/** Whoever has addresses in several zones is on the router's way from and to each of them. */
function byZone(hosts: readonly PlannedHost[]): ReadonlyMap<string, readonly PlannedHost[]> {
  const zones = new Map<string, PlannedHost[]>();
  for (const host of hosts)
    for (const zone of [host.zone, ...(host.spans ?? [])]) {
      const members = zones.get(zone);
      if (members) members.push(host);
      else zones.set(zone, [host]);
    }
  return zones;
}

interface List {
  readonly family: Family;
  readonly name: string;
  readonly entries: readonly string[];
}

interface ListOptions {
  /** The zone's, as IOS takes it. */
  readonly name: string;
  readonly family: Family;
  readonly otherwise: 'drop' | 'leave';
}

function zoneLists(zone: ZoneCrossings, options: ListOptions): readonly List[] {
  const { name, family, otherwise } = options;
  const ends = `${name}${family === 'ipv6' ? '-V6' : ''}`;
  const sent = permits(zone.leaving, family, `HOLDFAST-${ends}-SENT`);
  const received = permits(zone.entering, family, `HOLDFAST-${ends}-GOT`);
  const protocol = family === 'ipv4' ? 'ip' : 'ipv6';
  const tail = [
    ...necessaryIcmp[family].map((type) => `permit icmp any any ${type}`),
    otherwise === 'drop' ? `deny ${protocol} any any log` : `permit ${protocol} any any`,
  ];
  // A reflexive list exists only where something reflects into it.
  const answers = (entries: readonly string[], list: string): readonly string[] =>
    entries.length === 0 ? [] : [`evaluate HOLDFAST-${ends}-${list}`];
  const lists = [
    { family, name: `HOLDFAST-${ends}-IN`, entries: [...sent, ...answers(received, 'GOT'), ...tail] },
    { family, name: `HOLDFAST-${ends}-OUT`, entries: [...received, ...answers(sent, 'SENT'), ...tail] },
  ];
  for (const list of lists)
    if (list.entries.length > maximumEntries)
      throw inexpressible(
        `The access list ${list.name} would have ${list.entries.length} entries, more than the ${maximumEntries} that a router can be expected to take.`,
        'Let one entry of the topology with a prefix stand for many computers.',
      );
  return lists;
}

function permits(crossings: readonly Crossing[], family: Family, reflexive: string): readonly string[] {
  // IOS refuses an entry that a list has already, as flows with overlapping ends would bring it.
  const done = new Set<string>();
  return [...Map.groupBy(crossings, ({ flow }) => flow)].flatMap(([flow, parts]) => {
    const matches = parts
      .flatMap(({ from, to }) => familyEnds(from, to))
      .filter((ends) => ends.family === family)
      .flatMap(({ from, to }) => from.flatMap((source) => to.map((target) => `${end(source)} ${end(target)}`)));
    const all = matches.flatMap((match) =>
      flow.ports.map((range) => `permit ${flow.transport} ${match} ${portMatch(range)}`),
    );
    const entries = [...new Set(all)].filter((entry) => !done.has(entry));
    for (const entry of entries) done.add(entry);
    if (entries.length === 0) return [];
    return [
      `remark ${ruleComment(flow, remarkCharacters)}`,
      ...entries.map((entry) => `${entry} reflect ${reflexive}`),
    ];
  });
}

function end(prefix: string): string {
  const [address = '', length] = prefix.split('/');
  if (length === '0') return 'any';
  if (length === (address.includes(':') ? '128' : '32')) return `host ${address}`;
  return address.includes(':') ? prefix : `${address} ${wildcard(Number(length))}`;
}

/** IOS writes the bits that don't matter: of a /12 that is 0.15.255.255. */
function wildcard(length: number): string {
  const bits = 2 ** (32 - length) - 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join('.');
}

function portMatch(range: PortRange): string {
  return range.from === range.to ? `eq ${range.from}` : `range ${range.from} ${range.to}`;
}

function define(list: List): readonly string[] {
  return ['!', remove(list), opening(list), ...list.entries.map((entry) => ` ${entry}`)];
}

function opening({ family, name }: List): string {
  return family === 'ipv4' ? `ip access-list extended ${name}` : `ipv6 access-list ${name}`;
}

function remove(list: List): string {
  return `no ${opening(list)}`;
}

function heading(plan: Plan, crossings: number): readonly string[] {
  const inside = plan.flows.length - crossings;
  return [
    `! Holdfast: access lists for the plan ${safeText(plan.name, remarkCharacters)}.`,
    '! Each zone has two lists for the router interface towards it, and two for IPv6:',
    '!   ip access-group HOLDFAST-zone-IN in          ip access-group HOLDFAST-zone-OUT out',
    '!   ipv6 traffic-filter HOLDFAST-zone-V6-IN in   ipv6 traffic-filter HOLDFAST-zone-V6-OUT out',
    '! Lists are defined anew each time: enter them in one session, the interfaces before or after.',
    '! What the router itself needs from a zone (routing protocols, its own management) is not in them.',
    `! ${inside} of ${plan.flows.length} openings stay inside a zone and do not pass the router.`,
  ];
}

function removalHeading(plan: Plan): readonly string[] {
  return [
    `! Holdfast: takes away the access lists of the plan ${safeText(plan.name, remarkCharacters)}.`,
    '! Take them off the interfaces first (no ip access-group, no ipv6 traffic-filter).',
  ];
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
