import { HoldfastError } from '@holdfast/core';
import type { PortRange } from '../channel-spec.ts';
import { type Block, contains, parseBlock } from '../topology/address.ts';
import { didYouMean } from '../topology/nearest.ts';
import { parsePortSetting } from '../topology/ports.ts';
import type { PlannedHost } from './plan.ts';

/** What `HOST:PORT` means: ports of a host of the plan. */
export interface OpeningPlace {
  readonly host: PlannedHost;
  readonly range: PortRange;
}

/**
 * Reads `store-1:6162` or `store-1:2500-3300`; the host by its name, a DNS name or an address, which may lie in a prefix of
 * its. Throws `usage.option`.
 */
export function parsePlace(text: string, hosts: readonly PlannedHost[]): OpeningPlace {
  const colon = text.lastIndexOf(':');
  const named = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const range = colon < 1 ? '' : parsePortSetting(text.slice(colon + 1));
  if (typeof range === 'string') throw unknownPlace(range === '' ? `${text} is no HOST:PORT` : range);
  const wanted = named.toLowerCase();
  const address = parseBlock(named);
  const host =
    hosts.find(({ name, names }) => name.toLowerCase() === wanted || names.includes(wanted)) ??
    (typeof address === 'string' ? undefined : narrowest(hosts, address));
  if (host) return { host, range };
  const known = hosts.map(({ name }) => name);
  throw unknownPlace(`there is no host ${named} in the topology.${didYouMean(named, known)}`);
}

/** The host that has the address, rather than what stands for everything around it. */
function narrowest(hosts: readonly PlannedHost[], address: Block): PlannedHost | undefined {
  const sizes = new Map<PlannedHost, bigint>();
  for (const host of hosts)
    for (const block of host.addresses.map(parseBlock))
      if (typeof block !== 'string' && contains(block, address)) sizes.set(host, block.last - block.first);
  const [first] = [...sizes].sort(([, one], [, other]) => Number(one - other));
  return first?.[0];
}

function unknownPlace(message: string): HoldfastError {
  return new HoldfastError('usage.option', {
    message: `Not a place in this plan: ${message}`,
    guidance: 'Give a host of the topology and a port: store-1:6162, or store-1:2500-3300.',
  });
}
