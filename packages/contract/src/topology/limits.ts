/** Bounds of what a topology may be. A file that exceeds one is refused, with the bound in the message. */

/** Of one file, and of all included ones together. 20,000 hosts with two addresses and a name each are about 3 MB. */
export const maxTopologyBytes = 5 * 1024 * 1024;
/** Included files, at any depth. */
export const maxIncludedFiles = 200;
/** Hosts and neighbours: twice the fleet that is planned in seconds. A prefix stands for many computers in one entry. */
export const maxHosts = 20_000;
export const maxZones = 5_000;
export const maxAllowRules = 2_000;
/** Hosts at the ends of all allow rules together, those of zones counted. */
export const maxAllowEnds = 500_000;
/** Of one host. */
export const maxAddresses = 64;
export const maxNames = 64;
export const maxUses = 1_000;
/** How often the aliases of one anchor may be followed: against files that unfold without end. */
export const maxAliases = 100;
/** Values within each other. The schema needs six. */
export const maxDepth = 50;
/** All mistakes of a file are reported at once, up to so many. */
export const maxProblems = 50;
/** Characters of a key where its place is told. */
export const maxShownKey = 64;
