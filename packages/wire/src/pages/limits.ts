/** Bounds of a built page's files, which are kept in memory: what a build has, several times over. */

export const maxPageFiles = 2_000;
export const maxPageBytes = 64 * 1024 * 1024;
/** The folder is looked at again at most so often: for a build that was made, or made anew, while the server runs. */
export const pagesLookMs = 2_000;
/** Of the nonce that admits the style elements of one answer. */
export const styleNonceBytes = 18;
