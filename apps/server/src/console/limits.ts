/** Bounds of the console's files, which are kept in memory: what a build has, several times over. */

export const maxConsoleFiles = 2_000;
export const maxConsoleBytes = 64 * 1024 * 1024;
/** The folder is looked at again at most so often: for a build that was made, or made anew, while the server runs. */
export const consoleLookMs = 2_000;
/** Of the nonce that admits the style elements of one answer. */
export const styleNonceBytes = 18;
