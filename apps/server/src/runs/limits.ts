/** Bounds of what runs need besides the server's own (../limits.ts). */

/** The first and the longest pause before an executor is asked again to show a snapshot. */
export const viewRetryMinMs = 1_000;
export const viewRetryMaxMs = 60_000;

/**
 * Runs that are handed over at the same time, and the longest that the next ones wait for them: what people ask for is answered in
 * between. 16 computers that don't answer keep nobody else waiting longer than this.
 */
export const maxStartsAtOnce = 16;
export const startPauseMs = 250;
/** Between two looks at the queue, so that runs that end at the same time are followed by one. */
export const queuePauseMs = 20;
/** Where several instances look, each at a third of the fleet or less, and all ask one database. */
export const sharedQueuePauseMs = 100;
/** Of so many open sessions it is not asked beforehand which have a run that may begin. */
export const fewSessions = 4;
/** Agents that connect within that time are looked at together. */
export const agentsLookMs = 250;
/** Runs whose ends are recorded in one transaction: others wait while it holds their session. */
export const maxEndsAtOnce = 50;
