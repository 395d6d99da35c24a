/** Of all files of a declaration together: 5,000 jobs, the most that a server has, are about 5 MB. */
export const maxDeclarationBytes = 16 * 1024 * 1024;
/** Files of one folder. */
export const maxDeclarationFiles = 1_000;
/** Names that one request adds to a group or takes from it: the bound of the API. */
export const maxNamesAtOnce = 1_000;
