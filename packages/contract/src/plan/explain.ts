import type { PortRange } from '../channel-spec.ts';
import { type Channel, channel, channels } from '../channels.ts';
import { features } from '../features.ts';
import { effectiveRoles } from '../roles.ts';
import { findRow } from '../rows.ts';
import { asSeenFrom } from './host-rules.ts';
import type { OpeningPlace } from './place.ts';
import type { Flow, Plan, PlannedHost } from './plan.ts';

/** Why a port of a host is open. */
export interface Explanation {
  readonly host: PlannedHost;
  readonly openings: readonly {
    readonly flow: Flow;
    /** Who may connect, as the host sees them. */
    readonly peers: readonly PlannedHost[];
    readonly channels: readonly {
      readonly channel: Channel;
      readonly rows: readonly { readonly id: string; readonly purpose: string }[];
      /** What stops without it, in words. */
      readonly stops: readonly string[];
    }[];
  }[];
  /** Of a port that is not open: channels that would use it. */
  readonly others: readonly Channel[];
}

export function explainOpening(plan: Plan, { host, range }: OpeningPlace): Explanation {
  const roles = effectiveRoles(host.roles, host.platform);
  const openings = plan.flows
    .filter((flow) => flow.to.includes(host) && meet(flow.ports, range))
    .map((flow) => ({
      flow,
      peers: asSeenFrom(host.zone, flow.from).filter((peer) => peer !== host),
      channels: flow.channels.map((id) => ({
        channel: channel(id),
        rows: channel(id)
          .rows.filter((row) => flow.rows.includes(row) && findRow(row)?.to.some((role) => roles.has(role)))
          .map((row) => ({ id: row, purpose: findRow(row)?.purpose ?? '' })),
        stops: channel(id)
          .features.filter((feature) => flow.features.includes(feature))
          .map((feature) => features[feature]),
      })),
    }))
    .filter(({ peers }) => peers.length > 0);
  const others = openings.length > 0 ? [] : channels.filter(({ ports }) => meet(ports, range));
  return { host, openings, others };
}

export function meet(ports: readonly PortRange[], range: PortRange): boolean {
  return ports.some(({ from, to }) => from <= range.to && range.from <= to);
}
