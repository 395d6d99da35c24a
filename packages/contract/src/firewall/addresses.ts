import { isIPv4, isIPv6 } from 'node:net';
import type { PlannedHost } from '../plan/plan.ts';

/** Where the peers of a rule are. */
export interface PeerAddresses {
  /** Some peer is known by name alone: the rule holds for every address, and both lists are empty. */
  readonly any: boolean;
  /** Sorted; nothing is listed that another entry contains, which sets of prefixes refuse. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

interface Block {
  readonly text: string;
  readonly first: bigint;
  readonly last: bigint;
}

// Many hosts have the same peers, and the plan shares the lists: each is worked out once.
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
  const all = peers.flatMap((peer) => peer.addresses);
  const isFour = (address: string): boolean => !address.includes(':');
  return { any: false, ipv4: outermost(all.filter(isFour)), ipv6: outermost(all.filter((one) => !isFour(one))) };
}

/** Prefixes are disjoint or one contains the other, so after sorting each needs to be compared with one only. */
function outermost(addresses: readonly string[]): readonly string[] {
  const blocks = addresses.map(parseBlock);
  blocks.sort((left, right) => compare(left.first, right.first) || compare(right.last, left.last));
  const kept: Block[] = [];
  for (const block of blocks) {
    const outer = kept.at(-1);
    if (!outer || block.last > outer.last) kept.push(block);
  }
  return kept.map(({ text }) => text);
}

function compare(left: bigint, right: bigint): number {
  return left < right ? -1 : Number(left > right);
}

/** Everything that is written into rules passes here, so that nothing gets there that is no address. */
function parseBlock(text: string): Block {
  const [address = '', lengthText, ...rest] = text.split('/');
  const bits = isIPv4(address) ? 32 : 128;
  const length = lengthText === undefined ? bits : Number(lengthText);
  const isAddress = bits === 32 || (isIPv6(address) && !address.includes('%'));
  if (!isAddress || rest.length > 0 || !/^\d{1,3}$/.test(lengthText ?? '0') || length > bits)
    throw new TypeError(`not an address in canonical form: ${JSON.stringify(text)}`);
  const size = 1n << BigInt(bits - length);
  const value = bits === 32 ? fromGroups(address.split('.'), 8n, 10) : fromGroups(groupsOf(address), 16n, 16);
  const first = value - (value % size);
  return { text, first, last: first + size - 1n };
}

function fromGroups(groups: readonly string[], groupBits: bigint, base: 10 | 16): bigint {
  return groups.reduce((sum, group) => (sum << groupBits) + BigInt(Number.parseInt(group, base)), 0n);
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): readonly string[] {
  // The URL parser writes an IPv4 tail as groups.
  const plain = address.includes('.') ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string): readonly string[] => (part === '' ? [] : part.split(':'));
  if (tail === undefined) return groups(head);
  const zeros = 8 - groups(head).length - groups(tail).length;
  return [...groups(head), ...new Array<string>(zeros).fill('0'), ...groups(tail)];
}
