/** Bounds of notifications. */

/** Notifications that wait. A month of failures of a small fleet; beyond it new ones are refused, and the caller says so. */
export const maxWaiting = 1000;
/** Notifications that were given up and are kept to be looked at; the oldest give way. */
export const maxDead = 200;
/** One notification on disk, its event included. */
export const maxNotificationBytes = 256 * 1024;

/** The first repetition comes after this, each further one after twice the time of the last … */
export const firstRetryMs = 60_000;
/** … up to this. */
export const longestRetryMs = 4 * 3_600_000;
/** After four days a notification is given up: RFC 5321, 4.5.4.1, wants four to five for mail. */
export const giveUpAfterMs = 4 * 86_400_000;
/** Who takes a notification to send it has it for this long; then it is somebody else's, as after a crash. */
export const claimMs = 10 * 60_000;
/** Sending one notification, all steps together: well within a claim. */
export const sendTimeoutMs = 120_000;

/** Silence of a mail server or an HTTP service within a conversation. */
export const answerTimeoutMs = 30_000;
/** What a service answers is read up to this; only its error text is of interest. */
export const maxAnswerBytes = 64 * 1024;
/** An access token is renewed this long before its end, so that it does not end on the way. */
export const tokenMarginMs = 60_000;
/** How long another end may take to close after us, before what was sent last counts as arrived. */
export const closeTimeoutMs = 5_000;
/** RFC 5425, 4.3.1 and RFC 5426, 3.2: every receiver takes messages of this size. */
export const maxSyslogBytes = 2048;

/** Problems of a run that are named; the rest is counted. */
export const maxProblems = 20;
/** Runs in the picture of a message. */
export const maxHistory = 30;
/** Runs that a daily summary lists; the rest is counted. */
export const maxSummaryRuns = 100;
/** Events that a folded message names; the rest is counted. */
export const maxFoldedEvents = 100;
/** Runs that a stand-alone agent remembers for its next summary: one every quarter of an hour for two days. */
export const maxRememberedRuns = 200;
