import { parseBlock } from '@holdfast/contract/topology';
import { fewestStrangersTried, maxExamples, maxPeersTried, maxStepsTried, maxStrangersTried } from '../limits.ts';
import { evaluate } from '../ruleset/evaluate.ts';
import type { BaseChain, Decider, Packet, Rule, Table } from '../ruleset/ruleset.ts';
import type { Finding } from './finding.ts';
import type { HostOpenings, Opening } from './openings.ts';
import { addressText, edgePorts, type Place, portsText, sample, strangers } from './probes.ts';
import type { OwnAddress } from './this-host.ts';

export interface FirewallAudit {
  readonly openings: HostOpenings;
  readonly tables: readonly Table[];
  readonly own: readonly OwnAddress[];
  /** `leave`: the plan was applied so that only what it opens is its business. */
  readonly otherwise: 'drop' | 'leave';
  /** Openings without a packet are findings, too. */
  readonly unused: boolean;
  /** When the computer started: counters count since then, or since the rules were loaded after it. */
  readonly startedAt: Date;
}

/** Tries in the rules what the plan opens, and what lies beside it. Rules are evaluated, never compared as texts. */
export function auditFirewall(audit: FirewallAudit): readonly Finding[] {
  const needed = new Set<Decider>();
  const findings: Finding[] = [];
  for (const opening of audit.openings.all) findings.push(...tryOpening(audit, opening, needed));
  return [...findings, ...tryOthers(audit, needed)];
}

function tryOpening(audit: FirewallAudit, opening: Opening, needed: Set<Decider>): readonly Finding[] {
  const stopped: string[] = [];
  const uncertain: string[] = [];
  const stoppers = new Set<string>();
  const used = new Set<Decider>();
  for (const { packet, peer } of plannedPackets(audit, opening)) {
    const fate = evaluate(audit.tables, packet);
    const shown = packetText(packet, peer);
    if (fate.kind === 'stops') {
      stopped.push(shown);
      stoppers.add(fate.by.place);
    } else for (const decider of fate.by) used.add(decider);
    if (fate.kind === 'unknown') uncertain.push(shown);
  }
  for (const decider of used) needed.add(decider);
  const subject = openingText(opening);
  const findings: Finding[] = [];
  if (stopped.length > 0 && !isLeased(audit.tables, opening))
    findings.push({
      kind: 'opening-missing',
      subject,
      message: `${examples(stopped)} would be dropped by ${[...stoppers].slice(0, maxExamples).join('; ')}. Needed for ${reasonOf(opening)}.`,
      advice:
        'Apply the rules that `holdfast ports plan TOPOLOGY --format nftables` (or another format) writes for this host.',
    });
  if (uncertain.length > 0)
    findings.push({
      kind: 'opening-uncertain',
      subject,
      message: `Whether ${examples(uncertain)} may pass depends on a rate, a mark or a module in ${placesOf(used)}.`,
      advice: 'Try it: `holdfast ports check`. Or open it by a rule that depends on nothing else.',
    });
  if (audit.unused && isUnused(used))
    findings.push({
      kind: 'opening-unused',
      subject,
      message: `No packet since the rules were loaded, which was ${audit.startedAt.toISOString()} (when the computer started) or later: ${placesOf(used)}.`,
      advice: adviceOnUnused(opening),
    });
  return findings;
}

export function adviceOnUnused(opening: Opening): string {
  const where = opening.flow.origin === 'administrator' ? "topology's allow list" : 'topology';
  return `If nothing uses ${reasonOf(opening)} here, take the role or feature out of the ${where}.`;
}

/** Every rule that lets the opening through has a counter, and none has counted. */
function isUnused(used: ReadonlySet<Decider>): boolean {
  const rules = [...used].filter(isRule);
  return rules.length > 0 && rules.every(({ packets }) => packets === 0);
}

/** Sessions open it when they need it. */
export function isLeased(tables: readonly Table[], { flow, direction, transport }: Opening): boolean {
  return (
    flow.leased &&
    transport === 'tcp' &&
    tables.some(
      ({ name, sets, chains }) =>
        (name === 'inet holdfast' && sets.has(`lease_${direction}4`)) ||
        // A policy of firewalld's, for what comes in.
        (direction === 'in' && name === 'inet firewalld' && chains.has('filter_IN_policy_holdfast-leases')),
    )
  );
}

function* plannedPackets(audit: FirewallAudit, opening: Opening): Generator<{ packet: Packet; peer: string }> {
  const peers: readonly Place[] = opening.isForAny
    ? strangers([], 'any')
    : opening.peers.flatMap((block) => [
        { family: block.family, value: block.first },
        ...(block.first === block.last ? [] : [{ family: block.family, value: block.last }]),
      ]);
  const ports = [...new Set(opening.ports.flatMap(({ from, to }) => [from, to]))];
  for (const place of sample(peers, maxPeersTried))
    for (const port of ports) {
      const packet = packetOf(audit, { direction: opening.direction, transport: opening.transport, port, place });
      if (packet) yield { packet, peer: addressText(place) };
    }
}

/** Undefined where the host has no address of that family, or the peer is the host itself. */
function packetOf(
  { own, openings }: FirewallAudit,
  o: { direction: Packet['direction']; transport: Packet['transport']; port: number; place: Place },
): Packet | undefined {
  const { family, value } = o.place;
  const planned = openings.own.filter((block) => block.family === family);
  const here = own.find((one) =>
    planned.some(({ first, last }) => one.family === family && first <= one.first && one.last <= last),
  );
  const local = here?.first ?? planned[0]?.first;
  if (local === undefined || local === value || own.some((one) => one.family === family && one.first === value))
    return undefined;
  const ends = o.direction === 'in' ? { source: value, destination: local } : { source: local, destination: value };
  const { direction, transport, port } = o;
  return { direction, transport, port, family, ...ends, device: here?.device };
}

/** Who and where is tried beside the plan. `leftOut`: ports that rules name, and that are too many to be tried. */
export function beyondPlan({ openings, tables }: Pick<FirewallAudit, 'openings' | 'tables'>): {
  readonly places: readonly Place[];
  readonly ports: readonly number[];
  readonly leftOut: number;
} {
  const rules = tables.flatMap(({ chains }) => [...chains.values()]).reduce((total, { length }) => total + length, 1);
  const planned = edgePorts(openings.all.flatMap((one) => one.ports));
  // Two directions, two transports; half of it for the ports of the plan, half for all others.
  const budget = maxStepsTried / 2 / 4 / rules;
  const peers = openings.all.flatMap((one) => one.peers);
  const places = sample(
    strangers([...tables.flatMap(({ addresses }) => addresses), ...peers], 'edges'),
    Math.min(maxStrangersTried, Math.max(fewestStrangersTried, Math.floor(budget / planned.length))),
  );
  const others = edgePorts(tables.flatMap((table) => table.ports)).filter((port) => !planned.includes(port));
  const most = Math.ceil(budget / places.length);
  const tried = sample(others, most);
  return { places, ports: [...planned, ...tried], leftOut: others.length - tried.length };
}

interface Example {
  readonly packet: Packet;
  readonly peer: string;
}

function tryOthers(audit: FirewallAudit, needed: ReadonlySet<Decider>): readonly Finding[] {
  const { openings, tables } = audit;
  const passed = new Map<Decider | Packet['direction'], { readonly first: Example; last: Example }>();
  const { places, ports } = beyondPlan(audit);
  for (const direction of ['in', 'out'] as const)
    for (const transport of ['tcp', 'udp'] as const)
      for (const place of places)
        for (const port of ports) {
          const packet = packetOf(audit, { direction, transport, port, place });
          const contact = { direction, transport, port, family: place.family, peer: place.value };
          if (!packet || openings.permits(contact)) continue;
          const fate = evaluate(tables, packet);
          if (fate.kind !== 'passes') continue;
          const culprit = fate.by.findLast(isRule) ?? fate.by.at(-1) ?? direction;
          const known = passed.get(culprit);
          const example = { packet, peer: addressText(place) };
          if (known) known.last = example;
          else passed.set(culprit, { first: example, last: example });
        }
  return [...passed].flatMap(([culprit, found]) =>
    openFinding(audit, culprit, { ...found, isNeeded: typeof culprit !== 'string' && needed.has(culprit) }),
  );
}

function openFinding(
  { otherwise }: FirewallAudit,
  culprit: Decider | Packet['direction'],
  { first, last, isNeeded }: { readonly first: Example; readonly last: Example; readonly isNeeded: boolean },
): readonly Finding[] {
  // The far ends tell most about how wide it is.
  const shown = examples([...new Set([first, last].map(({ packet, peer }) => packetText(packet, peer)))]);
  if (typeof culprit === 'string' || !isRule(culprit)) {
    if (otherwise === 'leave') return [];
    const direction = first.packet.direction === 'in' ? 'Incoming' : 'Outgoing';
    return [
      {
        kind: 'open-by-default',
        subject: typeof culprit === 'string' ? `no chain for ${direction.toLowerCase()} packets` : culprit.place,
        message: `${direction} connections that no rule mentions pass, such as ${shown}.`,
        advice:
          'Apply rules with default drop (`holdfast ports plan TOPOLOGY --format …`), or audit with --otherwise leave.',
      },
    ];
  }
  const subject = ruleText(culprit);
  if (isNeeded)
    return [
      {
        kind: 'opening-wide',
        subject,
        message: `It also lets through ${shown}, which the plan does not.`,
        advice: 'Narrow the rule to the addresses and ports of the plan, or apply the rendered rules again.',
      },
    ];
  return [
    {
      kind: 'rule-unknown',
      subject,
      message: `It lets through ${shown}; the plan has nothing of the kind.`,
      advice: 'Remove the rule, or add what it is for to `allow:` of the topology.',
    },
  ];
}

function isRule(decider: Decider): decider is Rule {
  return !('policy' in (decider satisfies Rule | BaseChain));
}

function ruleText({ place, comment }: Rule): string {
  return comment === undefined ? place : `${place} (${comment})`;
}

function placesOf(deciders: Iterable<Decider>): string {
  return examples([...deciders].map(({ place }) => place));
}

export function examples(all: readonly string[]): string {
  const shown = all.slice(0, maxExamples).join(', ');
  return all.length > maxExamples ? `${shown} and ${all.length - maxExamples} more` : shown;
}

function packetText({ direction, transport, port }: Packet, peer: string): string {
  return direction === 'in' ? `${transport} ${port} from ${peer}` : `${transport} ${port} to ${peer}`;
}

export function openingText({ direction, transport, ports, flow }: Opening): string {
  const names = (direction === 'in' ? flow.from : flow.to).map(({ name }) => name);
  return `${transport} ${portsText(ports)} ${direction === 'in' ? 'from' : 'to'} ${examples(names)}`;
}

export function reasonOf({ flow }: Opening): string {
  return flow.channels.length > 0 ? flow.channels.join(', ') : flow.reasons.join('; ');
}

/** An address of the host that the plan names is none that this computer has. */
export function isElsewhere(openings: HostOpenings, own: readonly OwnAddress[]): boolean {
  return !openings.host.addresses.some((text) => {
    const block = parseBlock(text);
    return (
      typeof block !== 'string' &&
      own.some((one) => one.family === block.family && block.first <= one.first && one.last <= block.last)
    );
  });
}
