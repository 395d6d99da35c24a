export { compareDialStyles, type DialStyleCost } from './dial-styles.ts';
export { diffPlans, type OpeningChange, type PlanDiff } from './diff.ts';
export { type Explanation, explainOpening } from './explain.ts';
export { asSeenFrom, type HostRule, type HostRules, hostRules } from './host-rules.ts';
export { type OpeningPlace, parsePlace } from './place.ts';
export type { Flow, FlowOrigin, Plan, PlannedHost } from './plan.ts';
export { type PlanOptions, planTopology } from './plan-topology.ts';
export { type ClosedChannel, whatIfClosed } from './what-if.ts';
