/** Bounds of our own protocols. Each is tested at the limit. */

/** The version that the first message of every connection carries. Raised when an older end could misunderstand us. */
export const protocolVersion = 1;

/** One frame of the task protocol, JSON text included: a task with a few thousand paths fits. */
export const maxFrameBytes = 1024 * 1024;

/** Requests that one task connection may have running in each direction. */
export const maxConcurrentCalls = 64;

/** A silent task connection is asked for a sign of life this often, so that firewalls with idle time-outs keep it. */
export const heartbeatIntervalMs = 30_000;

/** A task connection that stayed silent for this long is dead. */
export const heartbeatTimeoutMs = 90_000;

/** JSON bodies of HTTP requests and answers. */
export const maxJsonBytes = 4 * 1024 * 1024;

/** Paths, patterns and tags of one task. */
export const maxListEntries = 10_000;
/** Computers of which names are asked for at once: they stand in a URL. */
export const maxNamedComputers = 100;

/** A job's grant lives this long and is renewed while the job runs. */
export const jobGrantLifetimeMs = 60 * 60_000;

/** A message on a mover's local socket: ids and an error report. */
export const maxLocalFrameBytes = 16 * 1024;

/** Whoever opens a mover's local socket says within this time what for; the answer comes as fast. */
export const localHandshakeTimeoutMs = 10_000;

/** One enrolment or renewal, the server's signing included. */
export const enrolTimeoutMs = 30_000;

/** How often at least a process looks whether its certificate is due. */
export const renewalCheckIntervalMs = 60 * 60_000;

/** The REST API answers within this, also where it has to ask a mover first. */
export const answerTimeoutMs = 60_000;

/** An event stream that was silent for this long is dead: the server sends a comment every 15 seconds. */
export const eventSilenceMs = 60_000;

/** Ports of one computer in one check: the data range twice, as many as a probe listener takes. */
export const maxProbedPorts = 2_048;
/** Addresses, and names, of one computer that is dialled in a check: as many as a topology has. */
export const maxProbedAddresses = 64;
/** Addresses that one may be seen with: its own, and those that stand for them behind a translation. */
export const maxSources = 128;
/** Computers that one computer dials in a check, and that are admitted to one listener: their secrets fit a frame. */
export const maxProbeTargets = 1_000;
export const maxAdmissions = 1_000;
/**
 * Openings that checks have at once in the firewall of a computer, where that knows leases: each is a change of some
 * milliseconds, and sessions wait for their turn.
 */
export const maxCheckLeases = 300;
/** Ports of a check stay open so long at most, whatever becomes of the server: idle connections are measured for three hours. */
export const maxListenMs = 4 * 3_600_000;
/** Peers of one host in an audit; their names and addresses fit a frame. */
export const maxAudited = 10_000;
/** The longest time for which openings may be asked to have been unused: ten years. */
export const maxUnusedMs = 3_653 * 86_400_000;
/** Findings of one host that are told. */
export const maxFindings = 200;

/**
 * What ransomware does to files, as products of this kind draw the line: fewer files that are gone, or that have a new extension, are no
 * sign of it. What an executor tells of a comparison begins there too, so that it says nothing of ordinary work.
 */
export const minGoneFiles = 100;
export const minRenamedFiles = 200;
/** Folders that the renamed files have to be in: one folder whose files were converted is somebody's work. */
export const minRenamedFolders = 3;
/** Pairs of snapshots that one analysis compares; what is left comes with the next one. */
export const maxComparisons = 100;
/** Extensions that are told of each pair, those with most files first; all that a hundred pairs tell fits a frame. */
export const maxToldExtensions = 50;
/** Of what stands after the last dot of a name: more is no extension. */
export const maxExtensionBytes = 32;

/** Snapshots that one task forgets: their ids fit a frame. What is left goes with the next one. */
export const maxForgottenSnapshots = 10_000;
/** Computers that the rules of one retention task name together: their names fit a frame. */
export const maxRetentionHosts = 20_000;
/** Entries of a page in JSON together, so that the answer, with its first problems, fits a frame. */
export const maxPageBytes = 512 * 1024;
/** Problems of one task that are kept in full; all are counted. */
export const maxListedProblems = 1000;
/** Problems of a policy's run that its report has in full: agents keep many reports while there is no server. */
export const maxReportedProblems = 20;
/** Entries that a restore has overwritten, or would, that are named: their paths together fit a frame. */
export const maxOverwrittenPaths = 1_000;
export const maxOverwrittenBytes = 256 * 1024;
/** One piece of a task's output: in base64 it fits a frame. */
export const maxOutputPieceBytes = 512 * 1024;
/** So much of a task's output waits for whoever reads it; then the task does. */
export const maxOutputBytes = 1024 * 1024;
/** A task whose output nobody fetches for so long is given up. */
export const outputSilenceMs = 2 * 60_000;
/** A line of what is read in a repository: an entry with extended attributes, or the document of a snapshot with its paths. */
export const maxReadingLineBytes = 4 * 1024 * 1024;
/** Lines of its log that such a report has. */
export const maxReportedLogLines = 50;
/** Lines of a task's log that the process which works on it keeps, for a server that asks again: some 100 KiB. */
export const maxTaskLogLines = 500;
/** The messages of errors are shorter; whoever says more is cut off. */
export const maxLogMessageCharacters = 2_000;
/** Samples of a task's speed: as many points as a graph of a page shows. */
export const maxSpeedSamples = 120;
/** The first distance between two: a task of ten minutes has all of them. */
export const firstSampleMs = 5_000;
/** Channels of one task, with their other ends and ports: it has two data channels at once, and a new port after each that broke. */
export const maxTaskChannels = 64;
/** Ended tasks whose result is kept for a server that lost the connection and asks again. */
export const maxKeptTasks = 32;

/** Events of one task that wait on a slow connection before progress is left out. Problems and degradations are bounded by themselves. */
export const maxWaitingEvents = 8;

/** A person who is asked for a second factor has so long to give one. */
export const confirmLimitMs = 5 * 60_000;

/** Traffic rules of one installation, and ranges of addresses on each side of one: movers get all of them with whom they believe. */
export const maxTrafficRules = 200;
export const maxAddressRanges = 50;

/** Backups and restores of a computer that its own control panel tells of. */
export const maxPanelTasks = 50;

/** Rules of bandwidth that one job has. */
export const maxBandwidthRules = 20;
/** A pack of 16 MiB goes out as a whole, and those after it wait until it is paid for: four minutes at this rate. */
export const minBytesPerSecond = 64 * 1024;
