/** Every bound of this package, with its reason. */

/** From the first packet to the other end's verdict. Generous for a satellite link, short enough to tell a person. */
export const dialTimeoutMs = 15_000;
/** A peer that has not finished its handshake by then is cut: a stalled handshake must not hold a place. */
export const handshakeTimeoutMs = 10_000;
/** After the handshake: how long the preamble of a lease, or a verdict, may take. */
export const preambleTimeoutMs = 10_000;

/** Open connections of one listener. Each costs about 70 KiB of TLS state; a fleet of 10,000 agents holds one each. */
export const maxConnectionsPerListener = 16_384;
/** Of those, of peers without a certificate of ours, so that strangers can't use up all of them. */
export const maxStrangersPerListener = 4_096;
/** Handshakes that one listener works on at once; each costs about 2 ms of processor time. */
export const maxPendingHandshakes = 256;
/** Of those, from one address, so that one host can't use up all of them. */
export const maxPendingHandshakesPerAddress = 64;
/**
 * Beyond those they wait for their turn: a few thousand agents whose server was killed call again within a second, behind one address or
 * many. Of each no more is kept than Node reads ahead, 64 KiB.
 */
export const maxWaitingForHandshake = 2_048;

/** How long a leased port waits for its peer. */
export const leaseExpireMs = 30_000;
/** Wrong peers that one lease turns away before it gives up: a scanner must not keep it busy until it expires. */
export const maxLeaseAttempts = 16;
/** Handshakes that one lease works on at once. */
export const maxLeasePendingHandshakes = 4;
/** Leases of one process that wait or are in use. The range of the contract has 801 ports. */
export const maxLeases = 256;

/** Certificates of open connections are checked against the revocations this often. */
export const revocationCheckIntervalMs = 60_000;

/** A reason sent to a refused peer. */
export const maxVerdictBytes = 2_048;
/** A certificate chain that a server may present before it is trusted. */
export const maxChainLength = 6;
/** Contexts of TLS that are kept for listening: of each certificate one for each thing that is asked of the other end. */
export const maxKeptTlsServers = 16;

/** First probe of a silent TCP connection, so that NAT and firewalls with an idle time-out keep it. */
export const keepAliveDelayMs = 30_000;

/** Ports named in an error that says who holds them. */
export const maxListedHolders = 32;
/** Different ports remembered for one channel in the counters; a lease range has 801 and more. */
export const maxPortsPerChannelUse = 1_024;

/** HTTP: a request's or response's head. */
export const maxHeaderBytes = 16 * 1024;
/** HTTP: a request's head must be complete by then. */
export const headersTimeoutMs = 30_000;
/** HTTP: what is written at once. At 4 KiB/s it takes half of the silence that is the limit. */
export const maxWriteBytes = 256 * 1024;
/** HTTP: a body that gives no byte for so long is over. */
export const bodySilenceMs = 120_000;
/** HTTP: a small body that is read whole must be there by then. */
export const requestBodyMs = 30_000;
/** HTTP: above the 90 s after which restic closes an idle connection, so that the client is the one that closes. */
export const serverKeepAliveMs = 120_000;
/** HTTP: a client closes an idle connection after so long, or a second before the server would where it says when. */
export const clientKeepAliveMs = 60_000;
/** HTTP: connections are checked against `headersTimeoutMs` this often. */
export const connectionsCheckMs = 5_000;
/** HTTP: requests over one connection before it is renewed. */
export const maxRequestsPerConnection = 1_000_000;
/** HTTP: an answer that is read whole, unless the caller gives another bound. */
export const maxAnswerBytes = 16 * 1024 * 1024;
/** HTTP: request bodies go out in pieces of at most this size; larger ones cost memory without gaining speed. */
export const bodyPieceBytes = 256 * 1024;
/** HTTP: connections of one client. */
export const maxClientConnections = 64;

/** Counts of channel use are saved this often: often enough for "not used for a week", seldom enough for a laptop's disk. */
export const historySaveMs = 300_000;
/** Their file. All channels, both ways, with every kind of peer and error come to less. */
export const maxHistoryBytes = 4 * 1024 * 1024;

/** A datagram: so long is waited for the answer that nothing listens there. Within a network it comes in a few milliseconds. */
export const datagramSettleMs = 200;
