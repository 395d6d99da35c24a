import type { PortRange } from '../channel-spec.ts';
import { type Channel, channel, channels } from '../channels.ts';
import type { FeatureId } from '../features.ts';
import { isMadeFallback } from '../made-channels.ts';
import { findRow, type RowId } from '../rows.ts';
import type { DialStyle } from '../topology/schema.ts';
import type { Topology } from '../topology/topology.ts';
import { formatRange } from '../wording.ts';
import { administratorFlows } from './allowed.ts';
import { type AppliedChannel, applyChannels, Joined, type PlanChoice } from './apply-channels.ts';
import { flowId, normalizePorts } from './flow-id.ts';
import { classify } from './host-class.ts';
import type { PlanBounds } from './limits.ts';
import { planNotes } from './notes.ts';
import type { Flow, Plan } from './plan.ts';
import { PlannedHosts } from './planned-hosts.ts';

export interface PlanOptions {
  /** Also what this version does not make yet. */
  readonly includePlanned?: boolean;
  /** Instead of the topology's own style. */
  readonly dial?: DialStyle;
  /** For who plans what others send. */
  readonly bounds?: PlanBounds;
}

/** Channels that are one opening from one end to another. */
interface Opening {
  readonly from: number;
  readonly to: number;
  readonly transport: 'tcp' | 'udp';
  readonly ports: readonly PortRange[];
  readonly applied: AppliedChannel[];
}

/** Applies the contract to a topology. */
export function planTopology(topology: Topology, options: PlanOptions = {}): Plan {
  const classes = classify(topology);
  const choice = choiceOf(topology, options);
  const applied = applyChannels(topology, classes, choice, options.bounds);
  const hosts = new PlannedHosts(topology, classes);
  const wanted = new Joined([...applied.open, ...applied.blocked]);
  const flows = merge(openings(applied.open, hosts)).map((group) => toFlow(group, { hosts, wanted, choice }));
  flows.sort((a, b) => firstChannel(a) - firstChannel(b) || (a.id < b.id ? -1 : 1));
  const allowed = administratorFlows(topology, hosts);
  return { name: topology.name, hosts: hosts.all, flows: [...flows, ...allowed], notes: planNotes(applied, choice) };
}

export function choiceOf(topology: Topology, options: PlanOptions): PlanChoice {
  return { dial: options.dial ?? topology.dial, includePlanned: options.includePlanned ?? false };
}

function openings(open: readonly AppliedChannel[], hosts: PlannedHosts): readonly Opening[] {
  const found = new Map<string, Opening>();
  for (const one of open) {
    const { transport } = one.channel;
    if (transport === 'local') continue;
    const [from, to] = [hosts.endOf(one.from), hosts.endOf(one.to, one)];
    const ports = normalizePorts(one.ports);
    const key = `${from}>${to}:${transport}/${ports.map(formatRange).join()}`;
    const known = found.get(key);
    if (known) known.applied.push(one);
    else found.set(key, { from, to, transport, ports, applied: [one] });
  }
  return [...found.values()];
}

interface Group {
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly openings: readonly Opening[];
}

/**
 * Joins openings that differ in their ends alone: first every destination of one source, then the sources with the same
 * destinations. Each pair of ends stays in exactly one group.
 */
function merge(all: readonly Opening[]): readonly Group[] {
  const alike = ({ transport, ports, applied }: Opening): string =>
    [
      `${transport}/${ports.map(formatRange).join()}`,
      ...applied.map(({ channel: { id } }) => id),
      ...featuresOf(applied).toSorted(),
    ].join(' ');
  const bySource = Map.groupBy(all, (one) => `${one.from} ${alike(one)}`);
  const sources = [...bySource.values()].map((group) => {
    const to = group.map((one) => one.to).sort((a, b) => a - b);
    return { from: group.map((one) => one.from)[0] ?? 0, to, openings: group };
  });
  const groups = Map.groupBy(sources, ({ to, openings: [first] }) => `${to.join()} ${first ? alike(first) : ''}`);
  return [...groups.values()].map((group) => ({
    from: group.map(({ from }) => from).sort((a, b) => a - b),
    to: group[0]?.to ?? [],
    openings: group.flatMap((one) => one.openings),
  }));
}

function toFlow(group: Group, o: { hosts: PlannedHosts; wanted: Joined; choice: PlanChoice }): Flow {
  const { hosts } = o;
  const [first] = group.openings;
  if (!first) throw new TypeError('a group has openings');
  const from = hosts.join(group.from);
  const to = hosts.join(group.to);
  const { transport, ports } = first;
  const carried = first.applied.map(({ channel }) => channel);
  return {
    id: flowId({ from, to, transport, ports }),
    from,
    to,
    transport,
    ports,
    origin: 'contract',
    channels: carried.map(({ id }) => id),
    rows: rowsBehind(group.openings),
    features: featuresOf(first.applied),
    reasons: carried.map(({ purpose }) => purpose),
    fallbackFor: first.applied.filter((one) => standsIn(one, o)).map(({ channel: { id } }) => id),
    leased: carried.every(isLeased),
  };
}

function featuresOf(applied: readonly AppliedChannel[]): readonly FeatureId[] {
  return [...new Set(applied.flatMap(({ features }) => features))];
}

/** Whether it takes over for a channel that there is, or would be if nothing were in its way, between the same ends. */
function standsIn({ channel: one, from, to }: AppliedChannel, o: { wanted: Joined; choice: PlanChoice }): boolean {
  if (one.fallbackOf === undefined || !(o.choice.includePlanned || isMadeFallback(one))) return false;
  return o.wanted.between(channel(one.fallbackOf), from, to);
}

/** The rows whose roles the ends really have. */
function rowsBehind(all: readonly Opening[]): readonly RowId[] {
  const found = new Set<RowId>();
  const seen = new Set<string>();
  for (const { channel, from, to } of all.flatMap(({ applied }) => applied)) {
    const ends = `${channel.id} ${[...from.roles].join()} ${[...to.roles].join()}`;
    if (seen.has(ends)) continue;
    seen.add(ends);
    for (const id of channel.rows) {
      const row = findRow(id);
      if (row?.from.some((role) => from.roles.has(role)) && row.to.some((role) => to.roles.has(role))) found.add(id);
    }
  }
  return channels.flatMap(({ rows }) => rows.filter((id) => found.has(id)));
}

/** Needed only while a session lasts: data connections, published disks, deployment. */
function isLeased({ busy, subject, ports, id }: Channel): boolean {
  if (busy.kind === 'onePortPerConnection') return true;
  if (subject === 'deployment' || subject === 'distribution') return id !== 'server-to-distributor';
  return ports.some(({ from }) => from === iscsiPort);
}

const iscsiPort = 3260;

function firstChannel({ channels: [first] }: Flow): number {
  return channels.findIndex(({ id }) => id === first);
}
