import { type ChannelId, channel, fallbacksOf } from '@holdfast/contract';
import type { Flow } from '@holdfast/contract/plan';
import type { Expectation, Scenario } from './scenario.ts';

/**
 * What must become of a scenario when some flows of a plan are closed, by nothing but the contract: it fails when a closed
 * channel names one of its features, ends degraded when an open channel stands in for that one, and else passes.
 */
export function expectationOf(
  scenario: Pick<Scenario, 'features' | 'hosts'>,
  flows: { readonly closed: readonly Flow[]; readonly open: readonly Flow[] },
): Expectation {
  const among = (all: readonly Flow[]): ReadonlySet<ChannelId> =>
    new Set(all.filter((flow) => concerns(flow, scenario)).flatMap(({ channels }) => channels));
  const open = among(flows.open);
  const missed = [...among(flows.closed)].filter(
    (id) => channel(id).features.some((feature) => scenario.features.includes(feature)) && !standsBy(id, open),
  );
  const failed = missed.filter((id) => !fallbacksOf(id).some((fallback) => open.has(fallback.id)));
  if (failed.length > 0) return { kind: 'failed', blocked: failed };
  return missed.length > 0 ? { kind: 'degraded', blocked: missed } : { kind: 'passed' };
}

/** Between two computers of the scenario. */
export function concerns(flow: Flow, { hosts }: Pick<Scenario, 'hosts'>): boolean {
  return flow.from.some(({ name }) => hosts.includes(name)) && flow.to.some(({ name }) => hosts.includes(name));
}

/** True for a channel that does nothing of its own but stand in for one that is open. */
function standsBy(id: ChannelId, open: ReadonlySet<ChannelId>): boolean {
  const { fallbackOf, features } = channel(id);
  return (
    fallbackOf !== undefined &&
    open.has(fallbackOf) &&
    features.every((feature) => channel(fallbackOf).features.includes(feature))
  );
}
