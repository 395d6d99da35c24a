/** Every bound of the pre-flight probe, with its reason. */

/** Until a SYN is answered: two repetitions of it (after 1 s and 3 s) get their chance. */
export const connectLimitMs = 5_000;
/** TLS and proof of a connection that was accepted; what holds it back longer will not let it through. */
export const proofLimitMs = 8_000;
/** A payload of which nothing arrives for so long is stuck: above some repetitions of a lost segment. */
export const stallLimitMs = 8_000;
/**
 * The listening end waits longer than the dialling one, which has to find out what gets stuck: to end a connection before that
 * would look like a device that cuts it.
 */
export const servedProofLimitMs = 3 * proofLimitMs;
export const servedStallLimitMs = 3 * stallLimitMs;
/** A small record and its echo on a connection that works. */
export const echoLimitMs = 5_000;
/** One look at a name server; the system's own repetitions take longer. */
export const nameLimitMs = 10_000;

/** Connections that one check has open at once: hundreds, below what a process may open by default (1,024). */
export const maxProbesAtOnce = 200;
/** Connections that one listener serves at once, from all who check it. */
export const maxServedAtOnce = 512;
/**
 * Of those, from one address and not proven yet: whoever opens connections and says nothing must not use up all of them. Above
 * the 400 that a server lets its fleet have at one listener, which may all be behind one address.
 */
export const maxPendingPerAddress = 448;
/** Ports and addresses of which a listener remembers connections that did not prove themselves. */
export const maxArrivals = 4_096;
/** Ports that one listener opens: the data range twice; wider ranges are sampled. */
export const maxProbePorts = 2_048;
/** Ports tried of a range that is sampled: the ends, and what lies between them. */
export const sampledPorts = 5;

/** Payload of one direction: an intrusion-prevention system decides within the first kilobytes. */
export const payloadBytes = 256 * 1024;
/** The first record of a payload, and the largest that TLS has: each as large as all before it, so that it is known how far they came. */
export const firstRecordBytes = 1_024;
export const maxRecordBytes = 16 * 1024;
/** Records that are tried one by one where a payload got stuck: the last does not fit into one segment of Ethernet. */
export const segmentBytes = [512, 1_024, 1_200, 1_300, 1_400, 4_096] as const;

/** Commands of one connection: a payload of 64 MiB each way. */
export const maxCommands = 10_000;
/** An idle connection is measured for so long at most: above the two hours of a system's own keep-alive. */
export const maxIdleMs = 3 * 3_600_000;
/** Connections that measure an idle time-out: half as long each time. */
export const idleSteps = 6;

/** A report tells of every port in some 150 bytes. */
export const maxReportBytes = 1024 * 1024;
/** Random text from a file; a password that somebody thought of could be guessed from the proofs. */
export const minSecretBytes = 24;
export const maxSecretBytes = 4_096;
