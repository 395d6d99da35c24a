import { HoldfastError } from '@holdfast/core';
import { asSeenFrom } from '../plan/host-rules.ts';
import type { Flow, Plan, PlannedHost } from '../plan/plan.ts';

/** Hosts of a zone that need the same rules, so that one security group, tag, policy or drawn box serves all of them. */
export interface HostGroup {
  /** That of its first host. */
  readonly name: string;
  readonly zone: string;
  readonly hosts: readonly PlannedHost[];
  readonly incoming: readonly Flow[];
  readonly outgoing: readonly Flow[];
}

/**
 * The managed hosts of these zones, or of all.
 * @throws `usage.option` for a zone that is not in the plan.
 */
export function managedGroups(plan: Plan, zones?: readonly string[]): readonly HostGroup[] {
  const unknown = zones?.find((zone) => plan.hosts.every((host) => host.zone !== zone));
  if (unknown !== undefined)
    throw new HoldfastError('usage.option', {
      message: `The plan has no zone ${JSON.stringify(unknown)}.`,
      guidance: 'Use the name of a zone of the topology.',
    });
  return groupHosts(
    plan,
    plan.hosts.filter(({ managed, zone }) => managed && (zones?.includes(zone) ?? true)),
  );
}

interface Ends {
  readonly incoming: Flow[];
  readonly outgoing: Flow[];
  key: string;
}

/**
 * In the plan's order. As the peers of a flow are the same for all its hosts, a group may reach itself where its hosts
 * reach each other: that opens nothing, since what a computer sends to itself stays there.
 */
export function groupHosts(plan: Plan, hosts: readonly PlannedHost[]): readonly HostGroup[] {
  const ends = new Map<PlannedHost, Ends>(hosts.map((host) => [host, { incoming: [], outgoing: [], key: host.zone }]));
  const isAlone = (host: PlannedHost, peers: readonly PlannedHost[]): boolean =>
    peers.length === 1 && peers[0] === host;
  for (const [index, flow] of plan.flows.entries()) {
    for (const host of flow.to) {
      const known = isAlone(host, flow.from) ? undefined : ends.get(host);
      known?.incoming.push(flow);
      if (known) known.key += ` in ${index}`;
    }
    for (const host of flow.from) {
      const known = isAlone(host, flow.to) ? undefined : ends.get(host);
      known?.outgoing.push(flow);
      if (known) known.key += ` out ${index}`;
    }
  }
  return [...Map.groupBy(ends, ([, { key }]) => key).values()].flatMap((members) => {
    const [first] = members;
    if (!first) return [];
    const [{ name, zone }, { incoming, outgoing }] = first;
    return [{ name, zone, hosts: members.map(([host]) => host), incoming, outgoing }];
  });
}

/** Who may connect to hosts of the group, by the addresses that they see. */
export function sourcesOf(flow: Flow, { zone }: HostGroup): readonly PlannedHost[] {
  return asSeenFrom(zone, flow.from);
}

/** `agent-1 and 9998 more`: what a group is, for people. */
export function describeGroup({ name, hosts }: HostGroup): string {
  return hosts.length === 1 ? name : `${name} and ${hosts.length - 1} more`;
}
