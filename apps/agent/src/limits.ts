/** Bounds of the agent. */

/** Tasks running at once on one computer: more would only compete for its disks. */
export const maxRunningTasks = 4;

/** Ended tasks whose result is kept for a server that lost the connection and asks again. */
export const maxKeptTasks = 32;

/** Problems of one task that are kept in full; all are counted. */
export const maxListedProblems = 1000;

/** Data channels of one session. Two keep both directions of a slow network busy without wasting ports. */
export const dataChannelsPerSession = 2;

/** A leased port must answer within this; after that 6162 is used and the run is degraded. */
export const leaseDialTimeoutMs = 10_000;

/** First and longest wait before the agent calls its server, or its computer's mover, again. */
export const reconnectMinMs = 1000;
export const reconnectMaxMs = 60_000;

/** Events of one task that wait on a slow connection before progress is left out. Problems and degradations are bounded by themselves. */
export const maxWaitingEvents = 8;
