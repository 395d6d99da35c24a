/** Bounds of the executor's process. */

/** Requests to the mover at once: local connections, which cost little. */
export const maxParallelRequests = 8;

/** How long work waits for locks of others, backups above all. Longer ones are left to the next time that the work is due. */
export const lockWaitMs = 2 * 3_600_000;
/** A person waits for what is only looked at. */
export const readLockWaitMs = 60_000;

/** Lists of snapshots may carry many sources each; the rest is left out of a list. */
export const maxListedSources = 1_000;

/** Large folders that somebody has looked into are kept for the next pages. */
export const maxKeptFolderBytes = 128 * 1024 * 1024;
/** Entries of a folder that are opened at once while a name is looked for. */
export const searchedEntries = 1_000;
/** Whoever reads is told so often that the work goes on. */
export const aliveEveryMs = 10_000;
