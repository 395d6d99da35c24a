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
      if (!needsIt(id, need, open)) continue;
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

/** Whether the channel does something that is needed there and that no open channel does which it only stands in for. */
function needsIt(id: ChannelId, need: Need, open: ReadonlySet<ChannelId>): boolean {
  const { fallbackOf, features } = channel(id);
  const covered = fallbackOf !== undefined && open.has(fallbackOf) ? channel(fallbackOf).features : [];
  return features.some((feature) => need.features.includes(feature) && !covered.includes(feature));
}
