import type { Topology, TopologyReading } from '@holdfast/contract/topology';
import type { Host, TopologyDocument } from '@holdfast/contract/topology/schema';
import { HoldfastError } from '@holdfast/core';
import { maxInventoryParses } from '../limits.ts';

/** A host whose part of the plan is missing, or not as it said. */
export interface LeftOut {
  readonly name: string;
  /** As the end of a sentence. */
  readonly reason: string;
}

/**
 * The topology of an inventory, without what can't be in one, each with the reason: a port that no host has, an address that
 * another one has already. What one computer says of itself must not keep the others from being looked at.
 */
export function parseInventory(
  inventory: TopologyDocument,
  read: (text: string, file: string) => TopologyReading,
): { readonly topology: Topology; readonly leftOut: readonly LeftOut[] } {
  const hosts = new Map(Object.entries(inventory.hosts ?? {}));
  const leftOut: LeftOut[] = [];
  for (let parses = 1; ; parses += 1) {
    const { topology, problems } = read(JSON.stringify({ ...inventory, hosts: Object.fromEntries(hosts) }), file);
    if (topology) return { topology, leftOut };
    const mistaken = mistakenHosts(problems.found);
    const isServers = [...mistaken.keys()].some((name) => hosts.get(name)?.roles.includes('backup-server'));
    if (mistaken.size === 0 || isServers || parses === maxInventoryParses) {
      const cause = problems.error();
      throw new HoldfastError('topology.invalid', {
        message: `The inventory of the server is no topology that can be planned: ${cause.message.replace(place, '')}`,
        guidance: 'Write one with `holdfast ports init --from-server`, complete it, and give it to the check.',
        cause,
      });
    }
    for (const [name, reason] of mistaken) {
      const { ports, ...host } = hosts.get(name) ?? {};
      if (ports) hosts.set(name, host as Host);
      else hosts.delete(name);
      leftOut.push({ name, reason: ports ? `its ports are taken to be those of the contract: ${reason}` : reason });
    }
    for (const [name, { uses, ...host }] of [...hosts]) {
      const left = uses?.filter((one) => hosts.has(one));
      if (!left || left.length === uses?.length) continue;
      // Without any it would use everything.
      if (left.length > 0) hosts.set(name, { ...host, uses: left });
      else hosts.delete(name);
      if (left.length === 0) leftOut.push({ name, reason: `no plan can have what it uses: ${uses?.join(', ')}` });
    }
  }
}

const file = 'inventory';
const place = / ?\(?inventory:\/[^\s:)]*[:)] ?/g;

/** By name, with the first mistake of each. None if something else is mistaken as well. */
function mistakenHosts(found: TopologyReading['problems']['found']): ReadonlyMap<string, string> {
  const mistaken = new Map<string, string>();
  for (const { at, message } of found) {
    const [section, name] = 'path' in at ? at.path : [];
    if (section !== 'hosts' || typeof name !== 'string') return new Map();
    if (!mistaken.has(name)) mistaken.set(name, message.replace(place, '').replace(/\.$/, ''));
  }
  return mistaken;
}
