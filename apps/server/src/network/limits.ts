/** Bounds of the map of the network: what people look at, whatever the fleet's size. */

export const shownHosts = 50;
export const shownCauses = 10;
export const shownDrift = 100;
/**
 * Of a topology that somebody sent: the server does nothing else while it plans, for a second or two at most. Its own inventory is
 * planned whatever it is.
 */
export const sentPlanBounds = { channels: 50_000, pairs: 10_000_000 };
/** Flows of a sent topology's map: a drawing of that many tells nobody anything. */
export const maxSentFlows = 5_000;
/** Pairs of hosts, of all flows together, that two plans are compared by: a microsecond each. */
export const maxComparedPairs = 2_000_000;
/** Pairs of hosts in rules for each host by itself: up to 250 bytes each. */
export const maxRenderedPairs = 500_000;
/** Of one rendering: what an answer holds. */
export const maxRenderedBytes = 32 * 1024 * 1024;
