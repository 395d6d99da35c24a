/** Bounds of what a support bundle of the server has; those of every bundle are in packages/support. */

/** Of a support bundle: what was of late, and the logs of those runs that did not succeed. */
export const bundledSessions = 200;
export const bundledRuns = 200;
export const bundledRunLogs = 50;
/** Pages of 1,000 of each list, computers too. */
export const bundledPages = 10;
/** Rows of a table are counted so far. */
export const maxCountedRows = 100_000;
