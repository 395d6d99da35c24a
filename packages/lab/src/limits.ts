/** Every bound of this package, with its reason. */

/** A role that has not said that it is ready by then has failed: it takes a second, and a hundred times that on a busy machine. */
export const readyLimitMs = 180_000;

/** After SIGTERM; then SIGKILL. */
export const stopLimitMs = 20_000;

/** One command in a namespace, unless the caller knows better. Above the time that a blocked dial and its fallback take. */
export const commandLimitMs = 300_000;

/** What a command may print before it is cut off. */
export const outputMaxBytes = 64 * 1024 * 1024;

/** Computers of one lab: each is a namespace with processes of some 80 MiB each. */
export const maxHosts = 64;

/** How often a log is looked at, or the server is asked whether all are online (a command, which takes a while itself). */
export const presenceLookMs = 500;
/** How many times the server is asked: above the minute after which a computer that was cut off tries again. */
export const maxPresenceLooks = 150;

/** An agent that may call in is seen within two or three seconds after it has started; a busy machine takes twenty times that. */
export const callInLimitMs = 60_000;

/** What agents back up in a scenario: enough for several data connections, little enough for hundreds of runs. */
export const sourceBytes = 4 * 1024 * 1024;
export const sourceFiles = 20;

/** One scenario. Above what the agent takes to give up a repository that it cannot reach: six dials, and pauses between them. */
export const scenarioLimitMs = 300_000;

/** Scenarios at once in one lab: blocked ones mostly wait. */
export const parallelScenarios = 12;
/** And at one computer: an agent refuses a fifth task, and one that was cut off may still be ending. */
export const parallelAtOneComputer = 3;

/** Labs side by side: beyond that their commands wait for a processor longer than blocked connections take. */
export const labsPerProcessor = 4;
export const maxLabs = 32;
/** What one computer of a lab takes: an agent and a mover, and a command at work. */
export const hostBytes = 200 * 1024 * 1024;
