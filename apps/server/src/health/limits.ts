/** Bounds of looking at how the server is. */

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** The parts of the server are looked at this often, and no more often for whoever asks; each look within a limit. */
export const healthLookMs = 30_000;
export const healthMemoryMs = 5_000;
export const healthLimitMs = 5_000;
/** A catalogue that takes longer for the smallest question is overloaded. */
export const slowDatabaseMs = 1_000;
/** A job is begun within two looks at the schedule; a server that is busy, or has just started, is late by less. */
export const lateScheduleMs = 5 * minuteMs;
/** Windows and slots keep runs waiting for hours; a day is a day without a backup. */
export const longQueueMs = dayMs;
/** A notification is tried again for hours; until then people should know. */
export const lateNotificationMs = 15 * minuteMs;
/** What the catalogue, the log and a configuration backup need until somebody comes; and when writes are about to fail. */
export const diskWarningBytes = 1024 * 1024 * 1024;
export const diskFailedBytes = 128 * 1024 * 1024;
/** Clocks that are kept by NTP are moved by less. */
export const clockJumpMs = 30_000;
/** Names in one sentence. */
export const maxNamedInHealth = 10;
/** Repositories that monitoring has values of, and how often their snapshots are gone through. */
export const maxMeasuredRepositories = 100;
export const repositoryCountsMs = 10 * minuteMs;
