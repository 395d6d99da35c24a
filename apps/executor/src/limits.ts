/** Bounds of the executor's process, and of what starts it. */

/** Requests to the mover at once: local connections, which cost little. */
export const maxParallelRequests = 8;
/** On an agent's computer each is a data channel to the mover. */
export const maxParallelOfAgent = 4;

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

/** Downloads and long lists at once: they last as long as who takes them. */
export const maxReadings = 4;
/** Views of snapshots that are served at once, each for one computer that restores, by a process with the index in memory. */
export const maxViews = 8;
/** Streams of one view to the mover, each for one request of the reader at a time: it has two data channels, or up to four at once. */
export const maxViewStreams = 4;
/** Locks of a reader: one, and the next while it is refreshed. */
export const maxViewLocks = 8;
/** A view that nobody asks for so long is over. A reader refreshes its lock every five minutes. */
export const viewIdleMs = 30 * 60_000;
/** The pause before a stream to the mover is tried again. */
export const viewRetryMs = 250;
/** Processes that are kept while somebody looks around: each holds an index in memory. Beyond that, one for each question. */
export const maxKeptExecutors = 4;
/** Somebody who looks around asks again within this time; then the process, and the key with it, is gone. */
export const keptIdleMs = 60_000;
/** And it is gone in any case once it has been there for so long and has nothing to do: another takes its place. */
export const keptMaxMs = 15 * 60_000;
/** The longest a task may take, whatever the server says: a week, as runs of the server by default. */
export const maxTaskMs = 7 * 24 * 3_600_000;
/** An executor that was cancelled, or is done, has so long to end before it is killed. */
export const executorStopMs = 20_000;
/** Of what an executor wrote to its standard error: the end, for the message that it died. */
export const maxExecutorErrorBytes = 2_000;
