import type { FeatureId } from '../features.ts';
import { type DialStyle, dialStyles } from '../topology/schema.ts';
import type { Topology } from '../topology/topology.ts';
import { applyChannels } from './apply-channels.ts';
import { consequences } from './consequences.ts';
import { classify } from './host-class.ts';
import { hostRules } from './host-rules.ts';
import { choiceOf, type PlanOptions, planTopology } from './plan-topology.ts';

/** What a way of dialling needs and costs. */
export interface DialStyleCost {
  readonly style: DialStyle;
  readonly isChosen: boolean;
  readonly flows: number;
  /** Rules on hosts, both directions. */
  readonly incomingRules: number;
  readonly outgoingRules: number;
  /** Ports that stand open to others, added up over all hosts. */
  readonly openPorts: number;
  /** What does not work for some hosts. */
  readonly stopped: readonly FeatureId[];
  /** What works the second-best way for some hosts: such runs end with a warning. */
  readonly degraded: readonly FeatureId[];
}

/** Plans the topology in every style, so that they can be compared before anyone chooses. */
export function compareDialStyles(topology: Topology, options: PlanOptions = {}): readonly DialStyleCost[] {
  const classes = classify(topology);
  const chosen = choiceOf(topology, options).dial;
  return dialStyles.map((style) => {
    const choice = { ...options, dial: style };
    const plan = planTopology(topology, choice);
    const rules = hostRules(plan);
    const { blocked } = applyChannels(topology, classes, choiceOf(topology, choice));
    const effects = blocked.map((one) => ({ why: one.why, ...consequences(one.features, one.standIns) }));
    const stopped = new Set(effects.flatMap((one) => one.stopped));
    const degraded = new Set(effects.flatMap(({ why, covered }) => (why === 'preinstalled' ? [] : covered)));
    const incoming = rules.flatMap((host) => host.incoming);
    return {
      style,
      isChosen: style === chosen,
      flows: plan.flows.length,
      incomingRules: incoming.length,
      outgoingRules: rules.reduce((sum, host) => sum + host.outgoing.length, 0),
      openPorts: incoming.flatMap(({ ports }) => ports).reduce((sum, { from, to }) => sum + to - from + 1, 0),
      stopped: [...stopped],
      degraded: [...degraded],
    };
  });
}
