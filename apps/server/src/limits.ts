/** Every bound of the server, with its reason. */

const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
const dayMs = 24 * 60 * minuteMs;

/** Certificates are made valid from this long ago, so that a computer whose clock is a little behind accepts them. */
export const clockSkewMs = 5 * minuteMs;
/** The root outlives every computer that trusts it; replacing it means enrolling the fleet again. */
export const rootLifetimeMs = 20 * 365 * dayMs;
export const intermediateLifetimeMs = 5 * 365 * dayMs;
/** An intermediate with less than this left is replaced at start, so that it always outlives the leaves that it issues. */
export const intermediateRenewalMs = 365 * dayMs;
/** A certificate is renewed when this part of its lifetime is over. */
export const renewalFraction = 2 / 3;
/** The server looks at its own certificate this often. */
export const ownCertificateCheckMs = 60 * minuteMs;

/** Revoked certificates that movers are told: the bound of their API. Expired ones need no mention. */
export const maxRevokedSerials = 100_000;

/** Grants of one repository that somebody was given and that have not expired: more than people keep an eye on. */
export const maxLiveGrants = 200;
/** Revoked grants that one mover is told: the bound of its API. */
export const maxRevokedGrants = 50_000;
/** Revoked grants are told to movers this much longer than they last: clocks differ, and movers allow for a minute of it. */
export const grantGraceMs = 10 * minuteMs;

/** Wrong administrator tokens from one address in a minute, before further requests from it are refused. */
export const maxFailedSignInsPerMinute = 20;
/** Enrolment attempts from one address in a minute; a rollout behind one NAT address comes to a few a second. */
export const maxEnrolmentsPerMinute = 300;
/** Of those, refused ones. A token has 256 bits: this is about load, not about guessing. */
export const maxFailedEnrolmentsPerMinute = 10;
/** Wrong recovery tokens in an hour, from one address and from all. A token has 64 bits, so that people can type it. */
export const maxRecoveryTriesPerAddress = 5;
export const maxRecoveryTries = 20;
/** A certificate for a recovery that somebody got by signing in; a token says its own time. */
export const recoverySignInLifetimeMs = dayMs;
/** Requests of one recovery to the identity service in a minute: pages of its backups, and a grant for each repository. */
export const maxRecoveryRequestsPerMinute = 120;
/** Renewals of one computer in a minute: it needs one in two months. */
export const maxRenewalsPerMinute = 6;
/** A path of 4,096 characters in a query, none of which stands for itself in a URL. */
export const maxRequestHeadBytes = 64 * 1024;
/** Password hashes at once: each takes a processor core and 19 MiB for some tens of milliseconds. */
export const maxPasswordHashesAtOnce = 2;
/** Of those that wait; together some seconds. */
export const maxPasswordHashesWaiting = 100;
/** Wrong sign-ins on one account from one address before each further one has to wait: for slips of the fingers. */
export const signInAttemptsPerAddress = 5;
/** And from all addresses together. */
export const signInAttemptsPerAccount = 20;
/** Wrong sign-ins from one address on whatever accounts: many people may be behind it. */
export const signInAttemptsPerNetwork = 50;
/** The longest wait because of others behind the same address; none for those who have signed in from there before. */
export const maxNetworkDelayMs = 10_000;
/** The longest wait of one address: some 100 guesses a day. */
export const maxAddressDelayMs = 15 * minuteMs;
/** The longest wait because of other addresses: its owner can stand that. */
export const maxAccountDelayMs = 30_000;
/** Wrong sign-ins are forgotten so long after the last one. */
export const signInMemoryMs = dayMs;
/** Addresses from which somebody has signed in. */
export const maxKnownNetworks = 10_000;
/** A sign-in that lacks its second factor. */
export const pendingSignInMs = 5 * minuteMs;
export const pendingSignInAttempts = 5;
/** Of those with a wrong code, how many are remembered; each lives five minutes. */
export const maxRememberedSignIns = 10_000;
/** A second factor is fresh so long, for actions that ask for one. */
export const stepUpMs = 5 * minuteMs;
/** That a session or API token is used is written this often at most. */
export const credentialTouchMs = minuteMs;
/** Sessions and API tokens of one account. */
export const maxCredentialsOfOne = 100;
export const maxSecondFactorsOfOne = 10;
/** A second factor that is set up has to be proved within that time, and a passkey to answer. */
export const ceremonyMs = 5 * minuteMs;
export const totpSetUpMs = 15 * minuteMs;
export const recoveryCodeCount = 10;
/** Requests that wait for a second administrator: more than people read. */
export const maxWaitingApprovals = 200;
/** Of one account: nobody can keep the others from asking. */
export const maxWaitingApprovalsOfOne = 50;
/** Open event streams are looked at this often, whether their callers may still read them: another instance may have revoked one. */
export const streamRecheckMs = 15_000;
/** Events that wait to be found visible or not for one stream. */
export const maxUnfilteredEvents = 1_000;
/** Addresses that one limiter remembers; the longest unseen one is forgotten first. */
export const maxLimitedAddresses = 10_000;

/** Bodies of enrolment messages: a request is below 2 KiB. */
export const maxEnrolmentBytes = 64 * 1024;

/** Event streams open at once. */
export const maxEventStreams = 200;
/** Of one account: nobody can take them all. */
export const maxEventStreamsOfOne = 50;
/** Unsent bytes after which a client that does not read its events is cut. */
export const maxEventStreamBacklogBytes = 1024 * 1024;
/** A comment this often keeps an event stream alive through proxies, which cut after 60 s. */
export const eventStreamKeepAliveMs = 15_000;

/** Runs that wait at once. */
export const maxQueuedRuns = 100_000;
/** Problems of a run that are kept in full; all are counted. */
export const maxListedProblems = 1000;
/** Lines of the log of one run; the server itself has some more, so that it says how the run ended. */
export const maxRunLogLines = 1000;
export const reservedRunLogLines = 100;
/** Who follows the log of a run sees a line this late at most. */
export const runLogFlushMs = 1_000;
/** Degradations of one run that are kept: one for each channel is plenty. */
export const maxListedDegradations = 100;

/** Progress is written to the database this often at most; events carry all of it. */
export const progressPersistMs = 5_000;

/**
 * A run whose agent can't be reached waits this long for it to call in before it fails: more than the minute that an agent waits at most
 * before it calls again.
 */
export const agentWaitMs = 75_000;
/** After an instance has begun or ended, runs of agents that only call are left in the queue for so long: they come back by then. */
export const agentReturnMs = 2 * minuteMs;
/** After a lost task connection the agent goes on; the server tries this long to attach again. */
export const reattachMs = 2 * minuteMs;
/** The same while instances begin and end, and a fleet calls anew each time. */
export const reattachWhileChangingMs = 15 * minuteMs;
/** Pauses between attempts to attach. */
export const reattachPauseMinMs = 500;
export const reattachPauseMaxMs = 10_000;
/** A cancelled task has this long to stop before its session is closed under it. */
export const cancelGraceMs = 30_000;
/** `hello`, `task.renew`, `task.cancel`, `channels.use`: answered from memory. */
export const controlCallTimeoutMs = 15_000;
/** Requests to a mover other than data: small, answered from memory or with a few system calls. */
export const moverRequestTimeoutMs = 20_000;
/** Connections kept to each mover. */
export const connectionsPerMover = 2;
/** Clients kept for movers; a fleet's movers are far fewer. */
export const maxMoverClients = 1000;
/** Answers of movers. */
export const maxMoverAnswerBytes = 4 * 1024 * 1024;

/** Movers are contacted this often: their presence, and the revocations in case a push was missed. */
export const moverContactIntervalMs = 30_000;
/** After a revocation: movers that can be reached have been told by then. */
export const revocationPushMs = 3_000;

/** Computers are asked this often how they use the channels: as often as monitoring reads it, as a rule. */
export const channelUseIntervalMs = minuteMs;

/** One that has just enrolled is tried this often, so that it is known to be there as soon as it listens. */
export const newMoverContactIntervalMs = 1_000;
/** How long a mover counts as just enrolled. */
export const newMoverMs = 2 * minuteMs;
/** Movers contacted at the same time. */
export const maxParallelContacts = 8;
/** Presence is written to the database this often at most. */
export const presencePersistMs = minuteMs;

/** Refusals of people who have signed in that the audit takes in a minute; more are counted only. Some 1 KiB each. */
export const maxAuditedRefusalsPerMinute = 60;
/** And of anybody else. They may go on for ever, and nothing is ever deleted: 15 MiB a day at most. */
export const maxAuditedAnonymousRefusalsPerMinute = 10;
/** Of what a record tells besides the usual. */
export const maxAuditDetailsCharacters = 4_000;
/** Audit records and other pages are read with a limit from the API, at most this. */
export const maxListedRows = 10_000;
/** Of a fleet that is looked through as a whole: others have their turn in between. */
export const computersOfAPage = 1_000;

/**
 * A session is opened again this often while its run lasts: harmless, and it heals a mover that has restarted. An agent
 * repeats a request for 8 seconds at least, so that its run outlives the restart.
 */
export const sessionKeepMs = 5_000;
/** And this soon when that failed. */
export const sessionRetryMs = 1_000;

/** How long an `Idempotency-Key` is remembered, and how many of one account are: one must not use up another's. */
export const idempotencyLifetimeMs = dayMs;
export const maxIdempotentRequests = 20_000;

/** Requests under way have this long when the server stops. */
export const closeGraceMs = 2_000;

/** Checks and audits of the network that are remembered, each with its results. */
export const maxFleetWorks = 8;
/** Results that one of them keeps, as JSON: some 600 bytes a pair of computers in a check, or a finding of an audit. */
export const maxFleetResultBytes = 32 * 1024 * 1024;
/** All of them together, when a new one begins: in memory they take some three times that. */
export const maxFleetWorksBytes = 48 * 1024 * 1024;
/** Each tells of 50 mistakes, and takes a second for a fleet of thousands. */
export const maxInventoryParses = 5;
/** Pairs of computers of one check: more than a fleet of 10,000 computers has with a few targets. */
export const maxCheckPairs = 100_000;
/**
 * Computers that dial at once in a check. All of them may dial one port of one service, which works on 64 handshakes from one
 * address at once, and they may all be behind one.
 */
export const maxDiallersAtOnce = 50;
/** Connections of a check to one computer at once; its listener serves 512. Those that are measured idle count besides, six each. */
export const maxConnectionsToOne = 400;
export const maxConnectionsToOneWithIdle = 150;
/** Connections of a check from one computer at once. */
export const maxConnectionsFromOne = 200;
/** Pairs of computers at once: each may need a listener of its own, and so a connection to it. */
export const maxPairsAtOnce = 300;
/** Computers that one program dials in a wave. */
export const maxTargetsPerCall = 100;
/** Until a program that is to wait on its ports does so, or is given up: time to reach it, and to look who has its ports. */
export const listenStartMs = 90_000;
/**
 * Reports of policy runs that are taken of one agent: all that it keeps when it was without a server for long (500), and some more.
 * Each makes a session and a run; what comes too often is told later.
 */
export const maxPolicyReports = 600;
export const policyReportWindowMs = 60 * minuteMs;
/** A standing grant of a policy: as long as an agent goes on without the server. Each contact renews it. */
export const standingGrantMs = 30 * 86_400_000;
/** What an agent was handed is remembered so long after its grant has ended, for reports that come late. */
export const handoutsKeptMs = 365 * 86_400_000;

/** An agent that is not there calls in within seconds, or it is not asked. */
export const portPeerReachMs = 10_000;
/** What dialling takes at most: reaching the agent, and for each connection all that a bad one waits for. */
export const dialBaseMs = 90_000;
/** With payload, and what is found out where it gets stuck. */
export const dialFullMs = 60_000;
/** Connecting, TLS and proof, and a look at the certificate of a service. */
export const dialPlainMs = 30_000;
/** One call to dial is for so long, unless one computer alone takes longer: who says nothing keeps all others waiting. */
export const maxCallMs = 10 * minuteMs;
/** Computers that one call names, as JSON, with what is known of their ports: below a frame of the task protocol. */
export const maxCallBytes = 768 * 1024;
/** Beyond that a check is broken off: its ports do not stay open for ever. */
export const maxCheckMs = 4 * 3_600_000;
/** The audit of one computer: it runs a few programs, and evaluates rules. */
export const auditLimitMs = 3 * minuteMs;
/** Computers audited at once. */
export const maxAuditsAtOnce = 100;
/** One page of results in JSON, below what a client takes. */
export const maxPageBytes = 2 * 1024 * 1024;

/** The list of a CSV group: a fleet's computers, with room for their comments. */
export const maxCsvBytes = 4 * 1024 * 1024;
export const maxExpectedComputers = 10_000;
/** Rows of one insert: SQLite takes 32,766 values in a statement. */
export const maxQueryRows = 1000;
/** Mistakes of a list that are named at once. */
export const maxNamedMistakes = 10;
/** Whether a rescan is due is looked at this often: it is given by the minute. */
export const rescanCheckMs = 30_000;
/** Agents asked at once in a rescan; each answers from memory. */
export const maxRescannedAtOnce = 50;

/** Connections of one instance to a PostgreSQL catalogue: its statements take milliseconds, and many instances share the server. */
export const maxDatabaseConnections = 10;
/** Requests that wait for one of them; a whole fleet that calls in at once comes to fewer. */
export const maxDatabaseWaiters = 20_000;
/** Until a connection stands, or one of the pool is free. */
export const databaseConnectMs = 10_000;
/** A database that is away is waited for so long: longer than a restart or a failover takes, as a rule. */
export const databaseReconnectMs = 60_000;
export const databaseReconnectPauseMinMs = 50;
export const databaseReconnectPauseMaxMs = 2_000;
/** No statement of ours takes a second; the longest are migrations, and the wait for those of another instance. */
export const databaseStatementMs = 60_000;
/** A row that another transaction holds. */
export const databaseLockWaitMs = 30_000;
/** A transaction of an instance that has stopped in the middle must not hold its rows for ever. */
export const databaseIdleTransactionMs = 60_000;
/** A transaction that met others is repeated so often; each time one of them gets through. */
export const maxTransactionAttempts = 30;
export const transactionPauseMinMs = 5;
export const transactionPauseMaxMs = 1_000;
/** A question to a repository's executor, which has to start, open the repository and read its index: within what the API has. */
export const queryTimeoutMs = 50_000;
/** One that nobody waits for any more has so long to give back its lock. */
export const queryStopMs = 10_000;
/** Downloads and lists that are read at once: of all, and of one person. Each keeps a piece of a megabyte or two. */
export const maxReadings = 50;
export const maxReadingsOfOne = 4;

/** Each instance of the server tells this often that it lives, and looks at the others. */
export const instanceBeatMs = 2_000;
/**
 * One that has been silent for so long is taken for dead. Longer than a pause for garbage, a slow disk or a busy computer; what
 * happens to one that is only slow is harmless.
 */
export const instanceLeaseMs = 12_000;

/** What is told to other instances is gathered for so long: progress of many runs comes to one statement. */
export const noticeFlushMs = 300;
/** More than all computers of a fleet that come back at once. */
export const maxPendingNotices = 50_000;
/** The connection that listens for notices says something this often. */
export const noticeProbeMs = 15_000;
/** What is due in repositories is looked for so often: nobody notices half a minute. */
export const maintenanceLookMs = 30_000;
/** Maintenance that was missed is done whenever a server runs again. */
export const maintenanceGraceMs = 60 * minuteMs;

/** Jobs of one tenant: each may hold the whole fleet. */
export const maxJobs = 5_000;
/** Computers of one job: a fleet of one server. */
export const maxJobComputers = 100_000;
/** Values of one list in a statement: databases take some tens of thousands. */
export const maxQueryValues = 500;
/** Rows of one insertion: SQLite takes 32,766 values in a statement. */
export const maxInsertedRows = 100;
/** What is said of a session as a whole. */
export const maxSessionNotes = 100;
/** Schedules and windows are looked at this often. */
export const scheduleLookMs = 15_000;
/** What was due so long ago was not missed: a server that is busy, or restarts quickly, comes late by less. */
export const scheduleGraceMs = 5 * minuteMs;
/** What is due later than now by the clock is forgotten after so long: no clock is set back by more and counts on it. */
export const firingsKeptMs = 40 * dayMs;
/** Jobs that are looked at in one turn; the rest come in the next. */
export const maxJobsPerLook = 500;
/** History is pruned this often, and by at most so many sessions at a time. */
export const historyPruneMs = 60 * minuteMs;
export const maxPrunedSessions = 500;
/** The queue of notifications is looked at this often. */
export const notificationLookMs = 2_000;
/** Sending goes on for so long in one turn: a slow destination keeps nothing else from being noted, nor other tenants waiting. */
export const deliveryTurnMs = 30_000;
/** Whether a computer is offline, unprotected or its certificate about to end is looked at this often. */
export const conditionLookMs = minuteMs;
/** Notifications of one tenant that wait: a burst of a whole fleet to programs; mails are folded long before. */
export const maxWaitingNotifications = 20_000;
/** Those that were given up and are kept to be looked at; the oldest give way. */
export const maxGivenUpNotifications = 200;
/** After so many mails to one recipient within the window, further events are gathered until it ends, and sent as one. */
export const mailsBeforeFolding = 10;
export const foldWindowMs = 10 * minuteMs;
/** So many that wait for one recipient become one mail. */
export const foldFrom = 5;
/** Of one folding; the rest is the next one's. */
export const maxFoldedAtOnce = 1_000;
/** Sent notifications are remembered so long: to be looked at, and to know a burst. */
export const sentNotificationsKeptMs = dayMs;
/** Causes that are looked at in one turn. */
export const maxCausesPerTurn = 200;
/** Secrets of notifications of one tenant: some for each destination. */
export const maxNotificationSecrets = 100;
/** A trial to all recipients: within what the API has. */
export const trialTimeoutMs = 45_000;
/** Delayed sign-ins that are told of in an hour; the audit has all. */
export const maxToldDelaysPerHour = 20;
/** A certificate that has less than this left was not renewed when it should have been. */
export const certificateWarningMs = 14 * dayMs;
/** Of a certificate with a short life, this part of it. */
export const certificateWarningFraction = 1 / 6;
/** Computers whose offline state, and runs of a summary, are told of at most; the rest is counted. */
export const maxListedInSummary = 100;

/** Records of the audit that go to syslog over one connection. */
export const maxExportedAtOnce = 500;
/** The audit is looked at for new records this often, and after a failure less and less often. */
export const auditExportLookMs = 2_000;
export const auditExportRetryMaxMs = 5 * minuteMs;
/** Who exports has it for so long: well more than sending takes. */
export const auditExportClaimMs = 5 * minuteMs;
export const auditExportTimeoutMs = 2 * minuteMs;

/** Whether the catalogue answers is asked this often at most, and for so long. */
export const readinessMemoryMs = 1_000;
export const readinessLimitMs = 5_000;

/** A session's followers are told of changes this often at most. */
export const sessionEventMs = 1_000;

/** Repositories without a key for the recovery kit are looked for so often: a first backup is not waited for. */
export const kitLookMs = 60_000;
/** One that could not get its key, as its mover was away, is tried again after so long. */
export const kitKeyRetryMs = 10 * minuteMs;
/** Keys of former kits that are protected until a date: it may have come. */
export const formerKeyRetryMs = dayMs;
/** An executor each, of a quarter of a second of one core for the key's derivation. */
export const maxParallelKitKeys = 2;
/** More than one mover's repositories; the rest come at the next look. */
export const maxRepositoriesPerLook = 1_000;
/** Shown at once. */
export const maxKitProblems = 100;
export const maxFormerKits = 100;

/** Rows that are read from a PostgreSQL catalogue at once for a configuration backup. */
export const dumpedRowsAtOnce = 1_000;
/** Values of one insertion of a restored catalogue: SQLite takes 32,766 in a statement. */
export const loadedValuesAtOnce = 10_000;
/** Whether a configuration backup is due is looked at so often. */
export const configurationLookMs = 30_000;
/** One that was missed is made whenever a server runs again. */
export const configurationGraceMs = 60 * minuteMs;
/** One that failed is tried again after so long: within the night, whatever was full or away. */
export const configurationRetryMs = 10 * minuteMs;
/** One that was begun so long ago was given up by an instance that crashed: even a large catalogue is written in minutes. */
export const configurationAbandonedMs = 60 * minuteMs;
/** A configuration backup goes to a mover in such pieces: as JSON, below what a message may have. */
export const configurationPieceBytes = 1024 * 1024;
/** Snapshots of one repository whose list is compared: a hundred of each of 10,000 computers. */
export const maxRefreshedSnapshots = 1_000_000;
/** Of a name that is found in a snapshot: that of a host name (RFC 1035). */
export const maxHostnameCharacters = 253;
/** Names of computers that an import tells. */
export const maxImportedHosts = 1_000;

/** Requests of one address to the OAuth provider in a minute: a page of a sign-in takes about five, a device asks twelve times. */
export const maxOauthRequestsPerMinute = 240;
/** Wrong user codes of devices in a minute, from one address and from all: of 20^8 codes a handful are open at a time. */
export const maxWrongUserCodesPerAddress = 10;
export const maxWrongUserCodes = 100;
/** Sign-ins under way, of devices too: anybody may begin one, so the oldest make room. */
export const maxOpenOauthSignIns = 2_000;
/** Codes and tokens of one sign-in that are remembered; the oldest, which are long replaced, make room. */
export const maxOauthTokensOfOne = 200;
/** Somebody has so long to sign in, and to type the code of a device. */
export const oauthSignInMs = 10 * minuteMs;
/** A code is exchanged at once by the program that waits for it. */
export const oauthCodeMs = minuteMs;
/** Access tokens and ID tokens; a client gets the next one with its refresh token. */
export const oauthTokenMs = 10 * minuteMs;
/** A device that asks too late is told so for this much longer. */
export const expiredArtifactMs = 5 * minuteMs;
export const artifactSweepMs = minuteMs;
/** A signing key is replaced after this, is published for a day before it signs, and for a day after it was replaced. */
export const signingKeyMs = 90 * dayMs;
export const signingKeyLeadMs = dayMs;
/** Instances look for keys that others made. */
export const signingKeyLookMs = minuteMs;
export const maxOauthClients = 200;
export const maxServiceAccounts = 1_000;
/** Of one service account: the present one, the next, and those that a person registered. */
export const maxMachineCertificates = 5;
/** Of a certificate that is issued for a service account, which a person renews. */
export const machineCertificateMs = 365 * dayMs;
/** Buttons on the page that people sign in on. */
export const maxIdentityProviders = 20;
/** What an outside provider says of itself is asked for again after this. */
export const outsideDiscoveryMs = 10 * minuteMs;
/** Discovery documents, keys and tokens are a few KiB. */
export const maxOutsideAnswerBytes = 1024 * 1024;
export const outsideAnswerMs = 15_000;
/** A name, a password, a code, and what a passkey answers. */
export const maxOauthFormBytes = 64 * 1024;
