import type { PortRange } from '../channel-spec.ts';
import type { Flow, Plan, PlannedHost } from './plan.ts';

/** One flow, seen from one of its ends. */
export interface HostRule {
  readonly flow: Flow;
  readonly transport: 'tcp' | 'udp';
  readonly ports: readonly PortRange[];
  /** Who may connect to this host (incoming), or whom it may connect to (outgoing); without the host itself. */
  readonly peers: readonly PlannedHost[];
}

export interface HostRules {
  readonly host: PlannedHost;
  readonly incoming: readonly HostRule[];
  readonly outgoing: readonly HostRule[];
}

/** The rules of each managed host, in the plan's order. Linear in the ends of all flows. */
export function hostRules(plan: Plan): readonly HostRules[] {
  const incoming = new Map<PlannedHost, HostRule[]>();
  const outgoing = new Map<PlannedHost, HostRule[]>();
  for (const flow of plan.flows) {
    for (const host of flow.to) add(incoming, host, rule(flow, host, asSeenFrom(host.zone, flow.from)));
    for (const host of flow.from) add(outgoing, host, rule(flow, host, flow.to));
  }
  return plan.hosts
    .filter(({ managed }) => managed)
    .map((host) => ({ host, incoming: incoming.get(host) ?? [], outgoing: outgoing.get(host) ?? [] }));
}

function rule(flow: Flow, host: PlannedHost, peers: readonly PlannedHost[]): HostRule {
  const others = peers.includes(host) ? peers.filter((peer) => peer !== host) : peers;
  return { flow, transport: flow.transport, ports: flow.ports, peers: others };
}

const translated = new WeakMap<readonly PlannedHost[], Map<string, readonly PlannedHost[]>>();

/** The hosts as those of a zone see them: behind address translation they have other addresses. */
export function asSeenFrom(zone: string, hosts: readonly PlannedHost[]): readonly PlannedHost[] {
  const known = translated.get(hosts)?.get(zone);
  if (known) return known;
  const isHidden = (host: PlannedHost): boolean => host.seenAs !== undefined && host.zone !== zone;
  const seen = hosts.some(isHidden)
    ? [...new Set(hosts.map((host) => (isHidden(host) && host.seenAs ? host.seenAs : host)))]
    : hosts;
  const byZone = translated.get(hosts) ?? new Map<string, readonly PlannedHost[]>();
  translated.set(hosts, byZone.set(zone, seen));
  return seen;
}

function add(rules: Map<PlannedHost, HostRule[]>, host: PlannedHost, one: HostRule): void {
  if (!host.managed || one.peers.length === 0) return;
  const known = rules.get(host);
  if (known) known.push(one);
  else rules.set(host, [one]);
}
