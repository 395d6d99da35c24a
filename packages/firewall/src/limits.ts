/** Every bound of this package, with its reason. */

/**
 * nft and iptables answer in milliseconds, firewall-cmd in half a second; a busy machine with tens of thousands of elements may
 * take some seconds.
 */
export const programLimitMs = 30_000;

/** A ruleset of 100,000 elements is some 10 MiB of JSON. */
export const outputMaxBytes = 256 * 1024 * 1024;

/** Chains that call chains: the kernel refuses more (NFT_JUMP_STACK_SIZE). */
export const maxJumps = 16;

/** Ends of one flow that are tried in the firewall: with edges of ports, this stays below a second for a host of a large fleet. */
export const maxPeersTried = 500;

/** Other addresses that are tried on every port: those that the rules themselves name come first. */
export const maxStrangersTried = 200;

/** So many at least, however many rules there are. */
export const fewestStrangersTried = 10;

/**
 * Packets beside the plan that are tried, times the rules that each may meet: some seconds. Hosts of containers have tens of
 * thousands of rules, each with a port of its own.
 */
export const maxStepsTried = 20_000_000;

/** Examples that a finding shows of what passes, or does not. */
export const maxExamples = 3;

/** Addresses of a name that a lease is opened for. A computer has a handful; more are of a name that means many computers. */
export const maxLeasedAddresses = 32;

/** Resolvers of the system give up after 5 s for each server, and there are three at most. */
export const resolveLimitMs = 20_000;
