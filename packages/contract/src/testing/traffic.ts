import { BlockList, isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { PortRange } from '../channel-spec.ts';
import type { Flow, Plan, PlannedHost } from '../plan/plan.ts';

/** A packet that begins a connection. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly transport: 'tcp' | 'udp';
  readonly port: number;
}

/** An address, and the host that has it; none for addresses that no host has. */
export interface Place {
  readonly address: string;
  readonly host?: PlannedHost;
}

/** Somewhere on the internet. */
const elsewhere: readonly Place[] = [{ address: '203.0.113.7' }, { address: '2001:db8:ffff::7' }];

/** One address for each entry of each host, one just outside of it, and some far away from all. */
function placesOf(plan: Plan): readonly Place[] {
  const places = plan.hosts.flatMap((host) =>
    host.addresses.map((address) => ({
      address: address.replace(/(?:\.0|::)\/\d+$/, (end) => (end.startsWith('.') ? '.3' : '::3')),
      host,
    })),
  );
  const placed = plan.hosts.filter(({ addresses }) => addresses.length > 0);
  const outside = new Set(placed.flatMap(({ addresses }) => addresses.map(neighbour)));
  const free = [...outside].filter((address) => placed.every((host) => !covers(host, address)));
  return [...places, ...free.map((address) => ({ address })), ...elsewhere];
}

/** The address that differs in the last bit of the prefix. */
function neighbour(prefix: string): string {
  const [text = '', length] = prefix.split('/');
  const bytes = ipaddr.parse(text).toByteArray();
  const bit = Number(length ?? bytes.length * 8) - 1;
  return ipaddr
    .fromByteArray(bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (128 >> (bit & 7)) : byte)))
    .toString();
}

/** The first and last port of every range of the plan, and those beside them, over both transports. */
function portsOf(plan: Plan): readonly { readonly transport: 'tcp' | 'udp'; readonly port: number }[] {
  const ports = new Set(
    plan.flows.flatMap((flow) => flow.ports.flatMap(({ from, to }) => [from - 1, from, to, to + 1])),
  );
  const valid = [...ports].filter((port) => port >= 1 && port <= 65_535);
  return (['tcp', 'udp'] as const).flatMap((transport) => valid.map((port) => ({ transport, port })));
}

/** Every port from every place to every other of the same family, where a host is at one of them. */
export function packetsOf(
  plan: Plan,
): readonly { readonly from: Place; readonly to: Place; readonly packet: Packet }[] {
  const places = placesOf(plan);
  const ports = portsOf(plan);
  return places.flatMap((from) =>
    places
      .filter((to) => isIPv4(to.address) === isIPv4(from.address) && to.host !== from.host)
      .flatMap((to) =>
        ports.map(({ transport, port }) => ({
          from,
          to,
          packet: { from: from.address, to: to.address, transport, port },
        })),
      ),
  );
}

/** Whether the host has the address, or any because it is known by name alone. */
function covers(host: PlannedHost, address: string): boolean {
  return host.addresses.length === 0 || contains(host.addresses, address);
}

/** For readers of rules: whether one of the prefixes contains the address. */
export function contains(prefixes: readonly string[], address: string): boolean {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  return blockList(prefixes, family).check(address, family);
}

const lists = new Map<string, BlockList>();

/** Of one family: a list takes every IPv4 address for a part of ::/0. */
function blockList(prefixes: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const key = `${family} ${prefixes.join(' ')}`;
  const known = lists.get(key);
  if (known) return known;
  const list = new BlockList();
  lists.set(key, list);
  for (const prefix of prefixes) {
    const [address = '', length] = prefix.split('/');
    if (isIPv4(address) !== (family === 'ipv4')) continue;
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return list;
}

function inRanges(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ from, to }) => port >= from && port <= to);
}

/** Whether the plan has a flow for the packet with such hosts at its ends; hosts known by name alone are everywhere. */
export function planAllows(
  plan: Plan,
  { from, to, transport, port }: Packet,
  ends: {
    readonly from?: (host: PlannedHost, flow: Flow) => boolean;
    readonly to?: (host: PlannedHost, flow: Flow) => boolean;
  } = {},
): boolean {
  return plan.flows.some(
    (flow) =>
      flow.transport === transport &&
      inRanges(flow.ports, port) &&
      flow.from.some((host) => (ends.from?.(host, flow) ?? true) && covers(host, from)) &&
      flow.to.some((host) => (ends.to?.(host, flow) ?? true) && covers(host, to)),
  );
}
