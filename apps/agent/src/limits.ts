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

/** Of what a script prints, the end is kept: enough for what went wrong. It goes into the run, and with it into the catalogue. */
export const maxScriptOutputBytes = 4096;

/** What is left out of a whole computer and told in its run: containers by the hundred have a few mounts each. */
export const maxToldFolders = 1_000;

/** How often the agent looks whether a policy is due, or its window has closed. */
export const policyLookMs = 15_000;

/** A policy that is due not longer ago than this was not missed. */
export const policyGraceMs = 5 * 60_000;

/** Policies are got again this often at least, and with them grants that are good for another 30 days. */
export const policyContactMs = 6 * 60 * 60_000;

/** After an exchange with a connected server that failed. */
export const policyRetryMs = 60_000;

/** One answer of the server in it. */
export const policyAnswerMs = 2 * 60_000;

/** Reports that wait for the server: more than a year of one policy that runs every day. The oldest make room. */
export const maxKeptReports = 500;

/** Policies of thousands of paths and all reports with their problems. */
export const maxPolicyFileBytes = 64 * 1024 * 1024;

/** Who waits because of a bandwidth rule looks this often whether its window has closed, or another one has opened. */
export const bandwidthLookMs = 60_000;

/** A link to the control panel is good for so long, and once. */
export const linkLifetimeMs = 5 * 60_000;

/** Links that were used within that time: whoever needs more does something else. */
export const maxPanelLinks = 1_000;

/** Sessions of the control panel; the oldest makes room. */
export const maxPanelSessions = 16;

/** A session that nobody uses is over, and each at the end of a working day. */
export const panelIdleMs = 30 * 60_000;
export const panelSessionMs = 12 * 60 * 60_000;

/** A restore of a thousand chosen files with long paths. */
export const maxPanelRequestBytes = 8 * 1024 * 1024;
/** Of a sign-in, which is read before anything is known of who sends it. */
export const maxPanelLinkBytes = 1024;
/** So much of a refused request is still taken, so that a browser shows the reason and not a reset. */
export const panelRest = { bytes: 16 * 1024 * 1024, ms: 2_000 } as const;

/** Snapshots, and entries of a folder, of one answer. */
export const panelPageEntries = 1_000;

/** Somebody waits for it; the first one of a large repository reads its index. */
export const panelReadMs = 50_000;

/** Between the answer that says where a download is and the browser's request for it. */
export const panelTicketMs = 60_000;
export const maxPanelTickets = 64;

/** What is found is kept for a page that takes nothing of it for so long. */
export const panelStallMs = 60_000;

/** What the panel asks for at once: what is looked at, and restores. */
export const maxPanelTasksAtOnce = 4;

/** The last backups and restores, with their errors. */
export const maxRecentTasksBytes = 8 * 1024 * 1024;
