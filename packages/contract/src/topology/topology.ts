import type { Endpoint, PortRange } from '../channel-spec.ts';
import type { ChannelId } from '../channels.ts';
import type { OptionId } from '../options.ts';
import type { Platform, Role } from '../roles.ts';
import type { DialStyle } from './schema.ts';

export interface Zone {
  readonly name: string;
  /** Prefixes in canonical form. Empty: not restricted. */
  readonly addresses: readonly string[];
  /** Present: nothing dials in from other zones. With the addresses that other zones see instead; empty: the hosts' own. */
  readonly nat?: { readonly addresses: readonly string[] };
  readonly owner?: string;
}

/** A host or a neighbour, checked: addresses in canonical form, the platform as the roles tell it where the file does not. */
export interface TopologyHost {
  readonly name: string;
  /** Undefined for a neighbour that lies in none. */
  readonly zone: Zone | undefined;
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  readonly platform?: Platform;
  readonly roles: readonly Role[];
  readonly ports: ReadonlyMap<ChannelId, PortRange>;
  /** Names of hosts and neighbours: its own list or that of its zone. Undefined: all of the topology. */
  readonly uses?: readonly string[];
  readonly isPreinstalled: boolean;
  readonly isManaged: boolean;
  /** Of a neighbour: which of the contract's host names apply. */
  readonly region: NonNullable<Endpoint['region']>;
  readonly owner?: string;
}

/** Hosts of the topology by name, whole zones (their hosts are named, too), or addresses. Never empty. */
export interface AllowEnd {
  readonly hosts: readonly string[];
  /** Those that have prefixes. */
  readonly zones: readonly Zone[];
  readonly addresses: readonly string[];
}

/** An opening that is not Holdfast's. */
export interface AllowRule {
  readonly name: string;
  readonly from: AllowEnd;
  readonly to: AllowEnd;
  readonly ports: readonly { readonly transport: 'tcp' | 'udp'; readonly range: PortRange }[];
  readonly reason: string;
}

/** A checked topology: names are unique over zones, hosts and neighbours, and every reference leads somewhere. */
export interface Topology {
  readonly name: string;
  readonly dial: DialStyle;
  readonly zones: readonly Zone[];
  /** Hosts and neighbours, in the order of the files. */
  readonly hosts: readonly TopologyHost[];
  readonly options: ReadonlySet<OptionId>;
  readonly allow: readonly AllowRule[];
}
