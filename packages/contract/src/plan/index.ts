export { asSeenFrom, type HostRule, type HostRules, hostRules } from './host-rules.ts';
export type { Flow, FlowOrigin, Plan, PlannedHost } from './plan.ts';
export { type PlanOptions, planTopology } from './plan-topology.ts';
