import { HoldfastError } from '@holdfast/core';
import { runProgram } from '../program.ts';
import { readIptables } from './iptables-reader.ts';
import { type NftTable, readNft } from './nft-reader.ts';
import type { Packet, Table } from './ruleset.ts';

/** The programs that print rules. */
const savers = [
  ['iptables-save', 'ipv4'],
  ['ip6tables-save', 'ipv6'],
] as const satisfies readonly (readonly [string, Packet['family']])[];

/**
 * The rules that this host's kernel really has, whoever made them: nftables itself, and iptables of either kind, which is what
 * firewalld and ufw use. Throws `firewall.unreadable` where they cannot be read.
 */
export async function readHostRuleset(signal?: AbortSignal): Promise<readonly Table[]> {
  const nft = await runProgram('nft', ['-j', 'list', 'ruleset'], { signal });
  if (nft.kind === 'failed') throw unreadable(`nft: ${nft.reason.slice(0, 300)}`);
  const native = nft.kind === 'done' ? readNft(nft.output) : [];
  const saved: Table[] = [];
  for (const [program, family] of savers) {
    const listing = await runProgram(program, ['-c'], { signal });
    if (listing.kind === 'failed') throw unreadable(`${program}: ${listing.reason.slice(0, 300)}`);
    if (listing.kind === 'done') saved.push(...readIptables(listing.output, family));
    else if (nft.kind === 'absent') throw unreadable(`neither nft nor ${program} is installed`);
  }
  return combine(native, saved);
}

/** What nft cannot show of a table, iptables can; tables of the older kind are not in nftables at all. */
export function combine(native: readonly NftTable[], saved: readonly Table[]): readonly Table[] {
  const clear = new Set(native.filter(({ isOpaque }) => !isOpaque).map(({ name }) => name));
  const better = saved.filter(({ name }) => !clear.has(name));
  const replaced = new Set(better.map(({ name }) => name));
  return [...native.filter(({ name }) => !replaced.has(name)), ...better];
}

function unreadable(message: string): HoldfastError {
  return new HoldfastError('firewall.unreadable', {
    message: `The firewall of this host could not be read: ${message}.`,
  });
}
