import type { Flow, Plan, PlannedHost } from '@holdfast/contract/plan';
import type { Packet } from './capture.ts';

/** The flow of a plan that a packet belongs to: one way, or as an answer, which never opens a connection. */
export function flowOf({ flows }: Plan, packet: Packet): Flow | undefined {
  const { protocol, from, to, fromPort = 0, toPort = 0, opens } = packet;
  const fits = (flow: Flow, source: string, target: string, port: number): boolean =>
    flow.transport === protocol &&
    flow.from.some((host) => isAt(host, source)) &&
    flow.to.some((host) => isAt(host, target)) &&
    flow.ports.some((range) => range.from <= port && port <= range.to);
  return flows.find((flow) => fits(flow, from, to, toPort) || (!opens && fits(flow, to, from, fromPort)));
}

/**
 * How a computer and the router at the other end of its cable find each other, which is no connection between computers: ARP, and
 * of ICMPv6 the discovery of neighbours and routers (RFC 4861) and the membership reports that it needs (RFC 3810).
 */
export function isDiscovery({ protocol, type = 0 }: Packet): boolean {
  return protocol.endsWith(':arp') || [133, 134, 135, 136, 143].includes(type);
}

/** For people, the same for all connections between the same ends. */
export function describe({ protocol, from, to, toPort }: Packet): string {
  return `${protocol} ${from} > ${to}${toPort === undefined ? '' : ` ${toPort}`}`;
}

function isAt({ addresses, seenAs }: PlannedHost, address: string): boolean {
  return addresses.includes(address) || (seenAs?.addresses.includes(address) ?? false);
}
