import { oneLine } from '@holdfast/core';
import type { Plan } from '../../plan/plan.ts';
import { formatRange } from '../../wording.ts';
import { groupHosts, type HostGroup } from '../host-groups.ts';
import { inexpressible } from '../network/flow-ends.ts';

/** More ports than these are told by their number. */
const portsInLabel = 4;
/** More hosts and addresses of a node than these are told by their number. */
const namedHosts = 3;
const shownAddresses = 2;

/** More arrows than these nobody can follow; drawing tens of thousands would take minutes. */
export const maximumArrows = 2000;

/** Hosts of a zone that have the same openings. */
export interface Node {
  readonly index: number;
  readonly lines: readonly [name: string, addresses: string];
}

export interface Zone {
  readonly name: string;
  readonly nodes: readonly Node[];
}

/** Everything that one node may open at another: `tcp 2500-3300, 6162`. */
export interface Arrow {
  readonly from: Node;
  readonly to: Node;
  readonly label: string;
}

export interface Diagram {
  readonly title: string;
  readonly zones: readonly Zone[];
  readonly arrows: readonly Arrow[];
}

/** Zones, hosts and arrows in the plan's order. */
export function diagramOf(plan: Plan): Diagram {
  const groups = groupHosts(plan, plan.hosts);
  const nodes = new Map(groups.map((group, index) => [group, { index, lines: describe(group) }]));
  const zones = [...Map.groupBy(nodes, ([{ zone }]) => zone)];
  return {
    title: oneLine(plan.name),
    zones: zones.map(([name, members]) => ({
      name: oneLine(name) || 'no zone',
      nodes: members.map(([, node]) => node),
    })),
    arrows: arrowsOf(plan, nodes),
  };
}

/** @throws `plan.inexpressible` for a diagram with more arrows */
export function checkArrows({ arrows }: Diagram, maximum: number): void {
  if (arrows.length > maximum)
    throw inexpressible(
      `The diagram would have ${arrows.length} arrows, more than the ${maximum} that can be drawn.`,
      'Hosts with the same openings are one box: let them have uses and ports in common, or plan a part of the topology.',
    );
}

function describe({ hosts }: HostGroup): readonly [string, string] {
  const names = hosts.slice(0, namedHosts).map(({ name }) => name);
  const others = hosts.length > names.length ? ` and ${hosts.length - names.length} more` : '';
  const known = hosts.flatMap((host) => (host.addresses.length > 0 ? host.addresses : host.names));
  const shown = known.slice(0, shownAddresses);
  const rest = known.length > shown.length ? ` +${known.length - shown.length}` : '';
  return [oneLine(`${names.join(', ')}${others}`), oneLine(`${shown.join(', ')}${rest}`)];
}

function arrowsOf(plan: Plan, nodes: ReadonlyMap<HostGroup, Node>): readonly Arrow[] {
  const sources = new Map(plan.flows.map((flow) => [flow, [] as Node[]]));
  const targets = new Map(plan.flows.map((flow) => [flow, [] as Node[]]));
  for (const [{ incoming, outgoing }, node] of nodes) {
    for (const flow of outgoing) sources.get(flow)?.push(node);
    for (const flow of incoming) targets.get(flow)?.push(node);
  }
  const pairs = new Map<string, { from: Node; to: Node; services: Map<string, Set<string>> }>();
  for (const flow of plan.flows)
    for (const from of sources.get(flow) ?? [])
      for (const to of targets.get(flow) ?? []) {
        const key = `${from.index} ${to.index}`;
        const pair = pairs.get(key) ?? { from, to, services: new Map<string, Set<string>>() };
        const ports = pair.services.get(flow.transport) ?? new Set();
        for (const range of flow.ports) ports.add(formatRange(range));
        pairs.set(key, { ...pair, services: pair.services.set(flow.transport, ports) });
      }
  return [...pairs.values()].map(({ from, to, services }) => ({ from, to, label: labelOf(services) }));
}

function labelOf(services: ReadonlyMap<string, ReadonlySet<string>>): string {
  return [...services]
    .map(([transport, ports]) => {
      const shown = [...ports].slice(0, portsInLabel).join(', ');
      return `${transport} ${shown}${ports.size > portsInLabel ? ` +${ports.size - portsInLabel}` : ''}`;
    })
    .join('; ');
}
