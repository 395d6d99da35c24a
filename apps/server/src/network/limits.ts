/** Bounds of the map of the network: what people look at, whatever the fleet's size. */

export const shownHosts = 50;
export const shownCauses = 10;
export const shownDrift = 100;
/** Of one rendering: what an answer holds. */
export const maxRenderedBytes = 32 * 1024 * 1024;
