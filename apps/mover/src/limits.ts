/** Every bound of the mover, with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Open sessions: for each of the 1,000 runs that a server may begin at once one, of restores two, and those of standing grants. */
export const maxSessions = 4_096;
/** Data channels of one session that wait or are open. One core saturates two; a lease request may ask for 16. */
export const maxChannelsPerSession = 16;
/** A session without any channel and request for so long is over: the server never closed it. */
export const sessionIdleMs = 30 * 60_000;
/** How often idle sessions are looked for. */
export const sessionSweepMs = 60_000;

/** What traffic rules let through at once. At the lowest rate, shared by thirty tasks, each has its turn every half minute. */
export const pacedBytes = 64 * KiB;
/** How often a transfer looks whether the window of a traffic rule has opened or closed. */
export const windowCheckMs = 10_000;

/** Grants whose signature was checked already; the next check costs a hash instead of 0.2 ms. */
export const maxCachedGrants = 1_024;
/** A grant has about 700 bytes; the whole head of a request at most 16 KiB. */
export const maxGrantBytes = 8 * KiB;

/** Body of `PUT /trust`: 100,000 revoked serials of 40 digits. */
export const maxTrustBytes = 8 * MiB;
/** A piece of a server's configuration backup: 1 MiB in base64, with what is around it. */
export const maxConfigurationPieceBytes = 3 * MiB;
/** Such a file as a whole: a hundred thousand computers with a year of history come to less. */
export const maxConfigurationBytes = 16 * 1024 * MiB;
/** Repositories of one page when the storage is looked through, and key files of each that are read. */
export const maxFoundRepositories = 100;
export const maxFoundKeys = 20;
/** Every other body of the mover's own API. */
export const maxApiBytes = 64 * KiB;

/** Answers of refused uploads: so much of the body is still taken, so that the client reads the reason and not a reset. */
export const maxDrainBytes = 192 * MiB;
/** And for so long. */
export const drainTimeoutMs = 60_000;
/** An upload or download that makes no progress for so long is over. */
export const transferSilenceMs = 120_000;
/** Entries of a list that are read from the storage at once. */
export const listPageEntries = 1_000;

/** Repositories kept open: each costs a few KiB. */
export const maxOpenRepositories = 1_024;
/** Keys before `config` is there: restic writes one. After that only maintain grants add more. */
export const maxKeysBeforeConfig = 4;
/** Locks of one repository: a client that leaks locks must not fill the storage with small files. */
export const maxLocks = 1_000;
/** restic calls a lock stale after 30 minutes, and refreshes it every five. */
export const staleLockMs = 30 * 60_000;
/** No object is protected further ahead than this, so that a mistaken year does not fill the storage for ever. */
export const maxRetentionMs = 10 * 366 * 86_400_000;

/** Agents registered over the local socket: a computer has one; tests and containers a few. */
export const maxLocalAgents = 64;
/** Connections of the local socket that have not said yet what they are for. */
export const maxPendingLocal = 64;
/** Relays of one agent that wait for it or are open. */
export const maxRelaysPerAgent = 16;
/** An agent picks a relay up within this time, or the server is told that it does not. */
export const relayPickupMs = 10_000;

/** Streams that an executor offers for one view, and requests of its reader that wait for one. */
export const maxOfferedStreams = 4;
export const maxWaitingViewRequests = 32;
/** A reader's request waits so long for its executor; then it is told that it is not there, and asks again. */
export const viewOfferMs = 30_000;

/** What is running may finish within this time at shutdown. */
export const shutdownGraceMs = 10_000;

/** First and longest wait before the server is told again where this mover listens. */
export const reportRetryMinMs = 1_000;
export const reportRetryMaxMs = 60_000;

/** Tasks of the server at once: a process each, of which maintenance may use every core, and what people look at is short. */
export const maxRunningTasks = 8;
