/** Every bound of this package, with its reason. */

/** A role that has not said that it is ready by then has failed: it takes a second, and a hundred times that on a busy machine. */
export const readyLimitMs = 180_000;

/** After SIGTERM; then SIGKILL. */
export const stopLimitMs = 20_000;

/** One command in a namespace, unless the caller knows better: programs end by themselves, even on a very busy machine. */
export const commandLimitMs = 900_000;

/** What a command may print before it is cut off. */
export const outputMaxBytes = 64 * 1024 * 1024;

/** Computers of one lab: each is a namespace with processes of some 80 MiB each. */
export const maxHosts = 64;

/** How often the server is asked whether all are online: each time a command, which takes half a second of processor time. */
export const presenceLookMs = 1000;
/** How many times: above the minute after which a computer that was cut off tries again. */
export const maxPresenceLooks = 150;

/** How often a role's log is looked at. */
export const logLookMs = 250;
/** So many vain attempts of a role to reach its server count as a failure. */
export const callInAttempts = 2;

/** What agents back up in a scenario: enough for several data connections, little enough for hundreds of runs. */
export const sourceBytes = 4 * 1024 * 1024;
export const sourceFiles = 20;

/** One scenario. The server gives an agent one run after the other, each of which may take some dials to fail: two minutes for all. */
export const scenarioLimitMs = 900_000;

/** Scenarios at once in one lab: blocked ones mostly wait, the others start a process or three, which take all of a processor. */
export const parallelScenarios = 6;
/** And at one computer: an agent refuses a fifth task, and one that was cut off may still be ending. */
export const parallelAtOneComputer = 3;
/** Agent and mover, neither of which needs the other to reach the server. */
export const restartsAtOneComputer = 2;

/** Labs side by side: beyond that their commands wait for a processor longer than blocked connections take. */
export const labsPerProcessor = 2;
export const maxLabs = 32;
/** What one computer of a lab takes: an agent and a mover, and a command at work. */
export const hostBytes = 200 * 1024 * 1024;
