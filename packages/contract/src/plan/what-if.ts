import { type Channel, channel } from '../channels.ts';
import type { FeatureId } from '../features.ts';
import type { Topology } from '../topology/topology.ts';
import { type AppliedChannel, applyChannels, Joined, standInsOf } from './apply-channels.ts';
import { consequences } from './consequences.ts';
import { meet } from './explain.ts';
import { classify } from './host-class.ts';
import type { OpeningPlace } from './place.ts';
import { choiceOf, type PlanOptions } from './plan-topology.ts';

/** What becomes of a channel when its port is closed. */
export interface ClosedChannel {
  readonly channel: Channel;
  /** Whose connections no longer arrive. */
  readonly from: readonly string[];
  /** What stops there. */
  readonly stopped: readonly FeatureId[];
  /** What goes on, with a warning, over the channels that stand in. */
  readonly covered: readonly FeatureId[];
  readonly standIns: readonly Channel[];
}

/** What stops, or falls back and to what, when these ports of the host are closed. Empty: nothing uses them. */
export function whatIfClosed(
  topology: Topology,
  place: OpeningPlace,
  options: PlanOptions = {},
): readonly ClosedChannel[] {
  const choice = choiceOf(topology, options);
  const { open } = applyChannels(topology, classify(topology), choice);
  const isClosed = ({ to, ports }: AppliedChannel): boolean =>
    to.hosts.some(({ name }) => name === place.host.name) && meet(ports, place.range);
  const stillOpen = new Joined(open.filter((one) => !isClosed(one)));
  const closed = open.filter(isClosed).map((one) => {
    const standIns = standInsOf(one, stillOpen, choice);
    const from = one.from.hosts.map(({ name }) => name).filter((name) => name !== place.host.name);
    return { channel: one.channel, from, standIns, ...consequences(featuresLost(one, stillOpen), standIns) };
  });
  // Classes that lose the same are one answer.
  const alike = Map.groupBy(
    closed.filter(({ from }) => from.length > 0),
    ({ channel: { id }, stopped, covered, standIns }) =>
      [id, stopped.join(), covered.join(), standIns.map((other) => other.id).join()].join(' '),
  );
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    return first ? [{ ...first, from: group.flatMap(({ from }) => from) }] : [];
  });
}

/** A channel that stands in for another one does nothing of that one's work while that is open. */
function featuresLost({ channel: one, from, to, features }: AppliedChannel, stillOpen: Joined): readonly FeatureId[] {
  if (one.fallbackOf === undefined) return features;
  const first = channel(one.fallbackOf);
  return stillOpen.between(first, from, to) ? features.filter((id) => !first.features.includes(id)) : features;
}
