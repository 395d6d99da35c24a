import type { Channel } from '../channels.ts';
import type { FeatureId } from '../features.ts';

/** Of what a channel is needed for: what goes on over the channels that stand in, and what stops. */
export function consequences(
  lost: readonly FeatureId[],
  standIns: readonly Channel[],
): { readonly covered: readonly FeatureId[]; readonly stopped: readonly FeatureId[] } {
  if (standIns.length === 0) return { covered: [], stopped: lost };
  const named = new Set(standIns.flatMap(({ features }) => features));
  // A stand-in that names none of them carries what the channel carried: data shares the port of the sessions.
  const namesSome = lost.some((id) => named.has(id));
  const isCovered = (id: FeatureId): boolean => !namesSome || named.has(id) || id === 'full-speed-data';
  return { covered: lost.filter(isCovered), stopped: lost.filter((id) => !isCovered(id)) };
}
