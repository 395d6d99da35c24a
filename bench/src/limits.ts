/** One command of one program that takes longer hangs; with 4 GiB on slow disks none comes near. */
export const commandLimitMs = 60 * 60_000;
/** Short enough to see every peak that lasts, rare enough to cost nothing: the high-water marks of /proc close the gaps. */
export const memoryPollMs = 50;
/** Finding the processes of a tree reads all of /proc, so it happens less often. */
export const treePollMs = 500;
/** The end of a program's output, kept to explain its failure. */
export const keptOutputCharacters = 8_000;
/** A program asked for its version answers at once, or hangs. */
export const versionLimitMs = 20_000;
/** Read and compared at once; several make no difference on a warm cache. */
export const pieceBytes = 1024 * 1024;
/** Differences shown of a restore that went wrong; the first ones explain it. */
export const shownDifferences = 5;
/** Beside the space that is calculated: caches, indexes and the file system's own. */
export const spareDiskBytes = 256 * 1024 * 1024;
/** A server, with making its certificates, is ready in seconds. */
export const serverStartLimitMs = 120_000;
/** Asked to end, it closes what is open; then it is killed. */
export const serverStopLimitMs = 20_000;
/** Read and chunked at once when the machine's limits are measured: what one worker of the product takes at once. */
export const limitReadBytes = 16 * 1024 * 1024;
/** More tries of what the machine can do change little, and each costs as much as a backup. */
export const limitRepeats = 2;
/** A folder with so many files is kept until the end of the run; fewer are removed in a moment, and larger each. */
export const keptFromFiles = 1_000;
