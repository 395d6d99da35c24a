/** Bounds of what runs need besides the server's own (../limits.ts). */

/** The first and the longest pause before an executor is asked again to show a snapshot. */
export const viewRetryMinMs = 1_000;
export const viewRetryMaxMs = 60_000;
