import { type ChannelId, channel } from '@holdfast/contract';
import type { Flow } from '@holdfast/contract/plan';
import type { Expectation, Need, Scenario } from './scenario.ts';

/**
 * What must become of a scenario when some flows of a plan are closed, by nothing but the contract: it fails when a closed
 * channel names a feature that it needs there, ends degraded when an open channel stands in for that one, and else passes.
 */
export function expectationOf(
  { needs }: Pick<Scenario, 'needs'>,
  flows: { readonly closed: readonly Flow[]; readonly open: readonly Flow[] },
): Expectation {
  const failed = new Set<ChannelId>();
  const degraded = new Set<ChannelId>();
  for (const need of needs) {
    const open = channelsBetween(flows.open, need);
    for (const id of channelsBetween(flows.closed, need)) {
      if (!channel(id).features.some((feature) => need.features.includes(feature)) || standsBy(id, open)) continue;
      const canFallBack = flows.open.some((flow) => concerns(flow, need) && standsIn(flow, id));
      (canFallBack ? degraded : failed).add(id);
    }
  }
  if (failed.size > 0) return { kind: 'failed', blocked: [...failed] };
  return degraded.size > 0 ? { kind: 'degraded', blocked: [...degraded] } : { kind: 'passed' };
}

function channelsBetween(flows: readonly Flow[], need: Need): ReadonlySet<ChannelId> {
  return new Set(flows.filter((flow) => concerns(flow, need)).flatMap(({ channels }) => channels));
}

/** Whether this version falls back on the flow when that channel is closed: less than what the contract foresees. */
export function standsIn({ fallbackFor }: Flow, id: ChannelId): boolean {
  return fallbackFor.some((fallback) => channel(fallback).fallbackOf === id);
}

/** From one of the computers to another of them. */
export function concerns({ from, to }: Flow, { between }: Need): boolean {
  return from.some(({ name }) => between.includes(name)) && to.some(({ name }) => between.includes(name));
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
