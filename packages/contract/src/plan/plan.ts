import type { PortRange } from '../channel-spec.ts';
import type { ChannelId } from '../channels.ts';
import type { FeatureId } from '../features.ts';
import type { Platform, Role } from '../roles.ts';
import type { RowId } from '../rows.ts';

/** A computer, or a neighbour that is not ours, as the plan sees it. */
export interface PlannedHost {
  /** Unique in the plan. */
  readonly name: string;
  /** Empty for a neighbour that lies in none, or in several. */
  readonly zone: string;
  /** Of a neighbour without a zone: those in which it has addresses nevertheless (`any` has some in all). */
  readonly spans?: readonly string[];
  /**
   * IPv4 and IPv6 addresses, or prefixes (`10.2.0.0/16`) where one entry stands for many computers, in canonical form. Empty
   * only for a neighbour that is known by name alone.
   */
  readonly addresses: readonly string[];
  /** DNS names; of neighbours also patterns with a leading `*.`. */
  readonly names: readonly string[];
  readonly platform?: Platform;
  readonly roles: readonly Role[];
  /** What hosts of other zones see instead, where its addresses are translated. */
  readonly seenAs?: PlannedHost;
  /** Who answers for it, or for its zone; for change requests. */
  readonly owner?: string;
  /** A computer that runs parts of Holdfast and gets rules of its own; else a neighbour. */
  readonly managed: boolean;
}

/** Where an opening comes from: the contract, or something else that the administrator wants to keep open (ssh …). */
export type FlowOrigin = 'contract' | 'administrator';

/**
 * One opening: every host of `from` may connect to every host of `to` on these ports. Channels with the same ends, transport
 * and ports are one flow. Both ends are different computers: what stays inside a computer needs no opening.
 */
export interface Flow {
  /** Stable as long as ends, transport and ports stay the same: `backup-1>store-1:tcp/6162`. Unique in the plan. */
  readonly id: string;
  readonly from: readonly PlannedHost[];
  readonly to: readonly PlannedHost[];
  readonly transport: 'tcp' | 'udp';
  /** Sorted, disjoint, not adjacent. */
  readonly ports: readonly PortRange[];
  readonly origin: FlowOrigin;
  /** The channels behind it, in the contract's order; empty only for `administrator`. */
  readonly channels: readonly ChannelId[];
  readonly rows: readonly RowId[];
  /** What stops without it. */
  readonly features: readonly FeatureId[];
  /** Why it is needed, one sentence for each channel. */
  readonly reasons: readonly string[];
  /** The channels of this flow that stand in for others when those are blocked. */
  readonly fallbackFor: readonly ChannelId[];
  /** Needed only while a session lasts: a firewall that supports leases keeps it closed otherwise. */
  readonly leased: boolean;
}

/** Channels applied to a topology. Deterministic: the same topology gives the same plan, in the same order. */
export interface Plan {
  /** The topology's name. */
  readonly name: string;
  readonly hosts: readonly PlannedHost[];
  readonly flows: readonly Flow[];
  /** What the reader must know: what this version does not make yet, what could not be planned and why. */
  readonly notes: readonly string[];
}
