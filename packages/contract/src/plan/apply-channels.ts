import { HoldfastError } from '@holdfast/core';
import type { PortRange } from '../channel-spec.ts';
import { type Channel, channels, fallbacksOf } from '../channels.ts';
import type { FeatureId } from '../features.ts';
import { portsOn } from '../listener.ts';
import { isMadeFallback, isMadeFeature, madeBetween } from '../made-channels.ts';
import { type Role, roleEntry } from '../roles.ts';
import { isOff } from '../row-status.ts';
import { serviceKinds } from '../service-kinds.ts';
import type { DialStyle } from '../topology/schema.ts';
import type { Topology } from '../topology/topology.ts';
import { type HostClass, hasImpliedMover, rolesAt } from './host-class.ts';
import { type PlanBounds, planBounds } from './limits.ts';
import { Preferences } from './uses.ts';

/** A channel between two classes of hosts, as the topology has it. */
export interface AppliedChannel {
  readonly channel: Channel;
  readonly from: HostClass;
  readonly to: HostClass;
  /** By which of the channel's roles the ends take part. */
  readonly fromRoles: readonly Role[];
  readonly toRoles: readonly Role[];
  readonly ports: readonly PortRange[];
  /** What it is needed for, in use and made by this version (or planned, where asked for). */
  readonly features: readonly FeatureId[];
}

/** Why a channel that the contract has between two classes is not opened. */
export type Obstacle = 'nat' | 'cloud-machine' | 'preinstalled' | 'outbound-only' | 'single-port';

export interface BlockedChannel extends AppliedChannel {
  readonly why: Obstacle;
  /** Channels between the two that take over, in the contract's order. */
  readonly standIns: readonly Channel[];
}

export interface Applied {
  readonly open: readonly AppliedChannel[];
  readonly blocked: readonly BlockedChannel[];
  /** Channels that the topology would have if this version made them. */
  readonly omitted: readonly Channel[];
  /** Channels to a neighbour whose port only the topology can tell, and does not. */
  readonly portless: readonly { readonly channel: Channel; readonly to: HostClass }[];
}

/** How the contract is applied. */
export interface PlanChoice {
  readonly dial: DialStyle;
  readonly includePlanned: boolean;
}

/**
 * Which channels there are between the classes of a topology. Linear in the pairs of classes that a channel joins; throws
 * `internal.limit` when there are too many, of channels or of pairs.
 */
export function applyChannels(
  topology: Topology,
  classes: readonly HostClass[],
  choice: PlanChoice,
  bounds: PlanBounds = planBounds,
): Applied {
  const preferences = new Preferences(classes);
  const open: AppliedChannel[] = [];
  const blocked: Omit<BlockedChannel, 'standIns'>[] = [];
  const omitted = new Set<Channel>();
  const portless: { channel: Channel; to: HostClass }[] = [];
  let pairs = 0;
  for (const channel of channels) {
    if (!isNeeded(channel, topology)) continue;
    const made = choice.includePlanned ? channel : madeBetween(channel);
    const dialling = membersOf('from', channel, classes);
    for (const end of membersOf('to', channel, classes)) {
      const { one: to, roles: toRoles } = end;
      const ports = portsOn(channel, to.example.ports);
      const features = neededFor(channel, topology, choice);
      pairs += dialling.length;
      if (pairs > bounds.pairs) throw tooMany(classes, bounds.pairs);
      for (const start of dialling) {
        const { one: from, roles: fromRoles } = start;
        if (from === to && to.hosts.length === 1) continue;
        // Whatever two neighbours do is not for us to open.
        if (!from.example.isManaged && !to.example.isManaged) continue;
        if (!preferences.allow(start, end)) continue;
        if (!made || !rolesMeet(made.from, fromRoles) || !rolesMeet(made.to, toRoles)) {
          omitted.add(channel);
          continue;
        }
        if (ports.length === 0) {
          if (!portless.some((known) => known.to === to)) portless.push({ channel, to });
          continue;
        }
        if (open.length + blocked.length >= bounds.channels) throw tooMany(classes, bounds.channels);
        const one = { channel, from, to, fromRoles, toRoles, ports, features };
        const why = obstacle(one, choice.dial);
        if (why === undefined) open.push(one);
        // Without a target there is nothing to steer: revocations come with the next call of that mover.
        else if (!isImplied(one)) blocked.push({ ...one, why });
      }
    }
  }
  const joined = new Joined(open);
  const withStandIns = blocked.map((one) => ({ ...one, standIns: standInsOf(one, joined, choice) }));
  return { open, blocked: withStandIns, omitted: [...omitted], portless };
}

function isImplied({ channel, to }: { readonly channel: Channel; readonly to: HostClass }): boolean {
  return channel.id === 'server-to-mover' && hasImpliedMover(to);
}

function tooMany(classes: readonly HostClass[], limit: number): HoldfastError {
  return new HoldfastError('internal.limit', {
    message: `The topology has more than ${limit} connections that are different, or would be, between its ${classes.length} kinds of hosts.`,
    guidance:
      'Let hosts have ports and uses in common: those that are alike count as one. Or plan a part of the topology.',
  });
}

function rolesMeet(some: readonly Role[], others: readonly Role[]): boolean {
  return some.some((role) => others.includes(role));
}

/** Channels within a computer, those that are off, and the probe (which tries the ports of others) open nothing. */
function isNeeded(channel: Channel, topology: Topology): boolean {
  if (channel.transport === 'local' || channel.loopbackOnly || channel.id === 'probe' || isOff(channel.id))
    return false;
  return (channel.optional?.options ?? channel.features).some((id) => topology.options.has(id));
}

function membersOf(end: 'from' | 'to', channel: Channel, classes: readonly HostClass[]) {
  return classes
    .map((one) => ({ one, roles: rolesAt(end, channel, one) }))
    .filter(({ roles }) => roles.length > 0)
    .map(({ one, roles }) => ({ one, roles, kinds: serviceKinds(roles) }));
}

function neededFor({ features }: Channel, topology: Topology, choice: PlanChoice): readonly FeatureId[] {
  const used = features.filter((feature) => topology.options.has(feature));
  const made = choice.includePlanned ? used : used.filter(isMadeFeature);
  return made.length > 0 ? made : features;
}

function obstacle(one: Omit<AppliedChannel, 'features' | 'ports'>, dial: DialStyle): Obstacle | undefined {
  const { channel, from, to, toRoles } = one;
  const isAgent = isAgentComputer(to) || toRoles.every((role) => roleEntry(role).process === 'agent');
  const isFromServer = channel.from.some((role) => role === 'backup-server' || role === 'distribution-server');
  if (isAgent && isFromServer && to.example.isPreinstalled) return 'preinstalled';
  if (to.nat && from.example.zone !== to.nat) return 'nat';
  if (dial === 'single-port' && channel.busy.kind === 'onePortPerConnection') return 'single-port';
  if (!isAgent) return undefined;
  if (to.roles.has('cloud-machine-ec2') || to.roles.has('cloud-machine-azure')) return 'cloud-machine';
  return dial === 'classic' ? undefined : 'outbound-only';
}

/** A computer that is protected and serves nobody else; the target that it may hold is its own. */
function isAgentComputer({ roles }: HostClass): boolean {
  const serves = ['backup-server', 'repository', 'gateway', 'mount-server'] as const;
  return [...roles].some((role) => roleEntry(role).process === 'agent') && !serves.some((role) => roles.has(role));
}

/** Which channels join which classes. */
export class Joined {
  readonly #ends = new Map<Channel, Map<HostClass, Set<HostClass>>>();

  constructor(all: readonly Pick<AppliedChannel, 'channel' | 'from' | 'to'>[]) {
    for (const { channel, from, to } of all) {
      const ends = this.#ends.get(channel) ?? new Map<HostClass, Set<HostClass>>();
      this.#ends.set(channel, ends);
      ends.set(from, (ends.get(from) ?? new Set()).add(to));
    }
  }

  /** In whichever direction: the connection that an agent holds stands in for a dial of the server. */
  between(channel: Channel, one: HostClass, other: HostClass): boolean {
    const ends = this.#ends.get(channel);
    return ends?.get(one)?.has(other) === true || ends?.get(other)?.has(one) === true;
  }
}

/** The channels that the contract lets take over between the ends of a blocked one, and that are there to do it. */
export function standInsOf(
  { channel, from, to }: Pick<AppliedChannel, 'channel' | 'from' | 'to'>,
  open: Joined,
  choice: Pick<PlanChoice, 'includePlanned'>,
): readonly Channel[] {
  return fallbacksOf(channel.id).filter(
    (one) => (choice.includePlanned || isMadeFallback(one)) && open.between(one, from, to),
  );
}
