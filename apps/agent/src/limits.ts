/** Bounds of the agent. */

/** Tasks running at once on one computer: more would only compete for its disks. */
export const maxRunningTasks = 4;

/** Data channels of one session. Two keep both directions of a slow network busy without wasting ports. */
export const dataChannelsPerSession = 2;

/** A leased port must answer within this; after that 6162 is used and the run is degraded. */
export const leaseDialTimeoutMs = 10_000;

/** First and longest wait before the agent calls its server, or its computer's mover, again. */
export const reconnectMinMs = 1000;
export const reconnectMaxMs = 60_000;

/** A backup or restore waits so long for maintenance that has the repository for itself: the end of a prune takes minutes. */
export const lockWaitMs = 30 * 60_000;
