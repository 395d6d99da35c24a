import type { PortRange } from '@holdfast/contract';
import {
  type Flow,
  type HostRule,
  type HostRules,
  hostRules,
  type Plan,
  type PlannedHost,
} from '@holdfast/contract/plan';
import { type Block, parseBlock } from '@holdfast/contract/topology';
import type { Packet } from '../ruleset/ruleset.ts';
import { isIn, type SortedRanges, sortRanges } from '../ruleset/sorted-ranges.ts';

/** A flow as one end of it sees it. */
export interface Opening {
  readonly flow: Flow;
  readonly direction: Packet['direction'];
  readonly transport: Packet['transport'];
  readonly ports: readonly PortRange[];
  readonly peers: readonly Block[];
  readonly ranges: Readonly<Record<Packet['family'], SortedRanges>>;
  /** Some peer is known by name alone: it can have any address. */
  readonly isForAny: boolean;
}

/** The other end of a connection as this host sees it. */
export interface Contact {
  readonly direction: Packet['direction'];
  readonly transport: Packet['transport'];
  readonly family: Packet['family'];
  readonly peer: bigint;
  readonly port: number;
}

/** What the plan opens on one host. */
export class HostOpenings {
  readonly host: PlannedHost;
  readonly own: readonly Block[];
  readonly all: readonly Opening[];

  constructor(plan: Plan, host: PlannedHost) {
    const rules: HostRules = hostRules(plan).find((one) => one.host === host) ?? { host, incoming: [], outgoing: [] };
    this.host = host;
    this.own = blocksOf([host]);
    this.all = [
      ...rules.incoming.map((rule) => openingOf(rule, 'in')),
      ...rules.outgoing.map((rule) => openingOf(rule, 'out')),
    ];
  }

  permits(contact: Contact): boolean {
    return this.all.some((opening) => covers(opening, contact));
  }
}

function openingOf({ flow, transport, ports, peers }: HostRule, direction: Packet['direction']): Opening {
  const isForAny = peers.some(({ addresses }) => addresses.length === 0);
  const blocks = isForAny ? [] : blocksOf(peers);
  const rangesOf = (family: Packet['family']): SortedRanges =>
    sortRanges(blocks.filter((block) => block.family === family));
  const ranges = { ipv4: rangesOf('ipv4'), ipv6: rangesOf('ipv6') };
  return { flow, direction, transport, ports, isForAny, peers: blocks, ranges };
}

function covers(opening: Opening, { direction, transport, family, peer, port }: Contact): boolean {
  if (opening.direction !== direction || opening.transport !== transport) return false;
  if (!opening.ports.some(({ from, to }) => from <= port && port <= to)) return false;
  return opening.isForAny || isIn(opening.ranges[family], peer);
}

function blocksOf(hosts: readonly PlannedHost[]): readonly Block[] {
  return hosts
    .flatMap(({ addresses }) => addresses)
    .flatMap((address) => {
      const block = parseBlock(address);
      return typeof block === 'string' ? [] : [block];
    });
}
