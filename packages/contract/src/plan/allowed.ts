import type { AllowEnd, Topology } from '../topology/topology.ts';
import { flowId, normalizePorts } from './flow-id.ts';
import type { Flow, PlannedHost } from './plan.ts';
import type { PlannedHosts } from './planned-hosts.ts';

/** The openings of the topology's `allow`: not Holdfast's, but they have to stay when everything else is dropped. */
export function administratorFlows(topology: Topology, hosts: PlannedHosts): readonly Flow[] {
  return topology.allow.flatMap((rule) => {
    const from = endsOf(rule.from, hosts);
    const to = endsOf(rule.to, hosts);
    const byTransport = Map.groupBy(rule.ports, ({ transport }) => transport);
    return [...byTransport].map(([transport, given]): Flow => {
      const ports = normalizePorts(given.map(({ range }) => range));
      return {
        id: `${rule.name}:${flowId({ from, to, transport, ports })}`,
        from,
        to,
        transport,
        ports,
        origin: 'administrator',
        channels: [],
        rows: [],
        features: [],
        reasons: [rule.reason],
        fallbackFor: [],
        leased: false,
      };
    });
  });
}

function endsOf(end: AllowEnd, hosts: PlannedHosts): readonly PlannedHost[] {
  const named = end.hosts.map((name) => hosts.find(name)).filter((host) => host !== undefined);
  return [
    ...named,
    ...end.zones.flatMap((zone) => zone.addresses.map((address) => hosts.within(zone, address))),
    ...end.addresses.map((address) => hosts.outside(address)),
  ];
}
