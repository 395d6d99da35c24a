import type { Channel } from '../channels.ts';
import { effectiveRoles, type ProcessName, type Role, roleEntry } from '../roles.ts';
import type { Topology, TopologyHost, Zone } from '../topology/topology.ts';

/** Hosts that no channel tells apart: planning works on classes, so that 10,000 alike computers cost as much as one. */
export interface HostClass {
  /** In the topology's order. */
  readonly hosts: readonly TopologyHost[];
  /** What all of them are; ports, platform and preferences are the same for each. */
  readonly example: TopologyHost;
  readonly roles: ReadonlySet<Role>;
  readonly programs: ReadonlySet<ProcessName>;
  /** The mover that every agent's computer has, where the roles name none. */
  readonly hasOwnMover: boolean;
  readonly nat: Zone | undefined;
}

/** The classes of a topology, in the order of their first hosts. */
export function classify(topology: Topology): readonly HostClass[] {
  // A host that somebody chooses by name differs from its like.
  const chosen = new Set(topology.hosts.flatMap((host) => host.uses ?? []));
  const groups = new Map<string, TopologyHost[]>();
  for (const host of topology.hosts) {
    const key = signature(host, chosen);
    const group = groups.get(key);
    if (group) group.push(host);
    else groups.set(key, [host]);
  }
  return [...groups.values()].map(describe);
}

function signature(host: TopologyHost, chosen: ReadonlySet<string>): string {
  const isKnownByName = host.addresses.length === 0 || !host.isManaged;
  return JSON.stringify([
    host.roles.toSorted(),
    host.platform,
    host.zone?.nat ? host.zone.name : '',
    host.isPreinstalled,
    host.uses?.toSorted(),
    [...host.ports].sort(([a], [b]) => (a < b ? -1 : 1)),
    chosen.has(host.name) || isKnownByName ? host.name : '',
  ]);
}

function describe(hosts: readonly TopologyHost[]): HostClass {
  const [example] = hosts;
  if (!example) throw new TypeError('a class has hosts');
  const roles = effectiveRoles(example.roles, example.platform);
  const programs = new Set([...roles].map((role) => roleEntry(role).process));
  const hasOwnMover = programs.has('agent') && !programs.has('mover');
  if (hasOwnMover) programs.add('mover');
  return { hosts, example, roles, programs, hasOwnMover, nat: example.zone?.nat ? example.zone : undefined };
}

/** The roles by which a host of the class is at that end of the channel. Empty: it is not. */
export function rolesAt(end: 'from' | 'to', entry: Channel, one: HostClass): readonly Role[] {
  const mine = entry[end].filter((role) => one.roles.has(role));
  // The mover of a Linux agent's computer answers the server's sessions, too: revocations reach it that way.
  if (mine.length === 0 && entry.id === 'server-to-mover' && end === 'to' && hasImpliedMover(one))
    return ['data-mover'];
  if (end === 'to') return mine;
  // "Backup server" may mean the mover beside it: then there has to be one.
  const programs = entry.processes.from;
  return programs.some((program) => program === 'outside' || one.programs.has(program)) ? mine : [];
}

/** Whether the class has a mover that the server reaches although no role says so. */
export function hasImpliedMover(one: HostClass): boolean {
  return one.hasOwnMover && one.roles.has('agent-linux');
}
