import type { PlannedHost } from '../plan/plan.ts';
import { type Block, parseBlock } from '../topology/address.ts';

/** Where the peers of a rule are. */
export interface PeerAddresses {
  /** Some peer is known by name alone: the rule holds for every address, and both lists are empty. */
  readonly any: boolean;
  /** Sorted; nothing is listed that another entry contains, which sets of prefixes refuse. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

// Many hosts have the same peers, and the plan shares hosts and lists: each is worked out once.
const blocksOf = new WeakMap<PlannedHost, readonly Block[]>();
const known = new WeakMap<readonly PlannedHost[], PeerAddresses>();

/** The addresses of all peers. */
export function peerAddresses(peers: readonly PlannedHost[]): PeerAddresses {
  let addresses = known.get(peers);
  if (!addresses) {
    addresses = collect(peers);
    known.set(peers, addresses);
  }
  return addresses;
}

function collect(peers: readonly PlannedHost[]): PeerAddresses {
  if (peers.some((peer) => peer.addresses.length === 0)) return { any: true, ipv4: [], ipv6: [] };
  return byFamily(peers.flatMap(hostBlocks));
}

/** Everybody who is in one of them. */
export function joinAddresses(all: readonly PeerAddresses[]): PeerAddresses {
  if (all.some(({ any }) => any)) return { any: true, ipv4: [], ipv6: [] };
  return byFamily(all.flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6]).map(canonicalBlock));
}

function byFamily(blocks: readonly Block[]): PeerAddresses {
  const ofFamily = (family: Block['family']): readonly string[] =>
    outermost(blocks.filter((one) => one.family === family));
  return { any: false, ipv4: ofFamily('ipv4'), ipv6: ofFamily('ipv6') };
}

function hostBlocks(host: PlannedHost): readonly Block[] {
  let blocks = blocksOf.get(host);
  if (!blocks) {
    blocks = host.addresses.map(canonicalBlock);
    blocksOf.set(host, blocks);
  }
  return blocks;
}

/** Everything that is written into rules passes here, so that nothing gets there that is no address. */
function canonicalBlock(text: string): Block {
  const block = parseBlock(text);
  if (typeof block === 'string') throw new TypeError(`the plan has a wrong address: ${block}`);
  return block;
}

/** Prefixes are disjoint or one contains the other, so after sorting each needs to be compared with one only. */
function outermost(blocks: readonly Block[]): readonly string[] {
  const kept: Block[] = [];
  for (const block of blocks.toSorted((a, b) => compare(a.first, b.first) || compare(b.last, a.last))) {
    const outer = kept.at(-1);
    if (!outer || block.last > outer.last) kept.push(block);
  }
  return kept.map(({ text }) => text);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
