import type { Topology } from '@holdfast/contract/topology';
import type { Host, TopologyDocument } from '@holdfast/contract/topology/schema';
import { HoldfastError, hasCode } from '@holdfast/core';
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
  parse: (text: string, file: string) => Topology,
): { readonly topology: Topology; readonly leftOut: readonly LeftOut[] } {
  const hosts = new Map(Object.entries(inventory.hosts ?? {}));
  const leftOut: LeftOut[] = [];
  for (let parses = 1; ; parses += 1) {
    const text = JSON.stringify({ ...inventory, hosts: Object.fromEntries(hosts) }, undefined, 1);
    try {
      return { topology: parse(text, file), leftOut };
    } catch (error) {
      if (!hasCode(error, 'topology.invalid')) throw error;
      const mistaken = mistakenHosts(text, error.message);
      const isServers = [...mistaken.keys()].some((name) => hosts.get(name)?.roles.includes('backup-server'));
      if (mistaken.size === 0 || isServers || parses === maxInventoryParses)
        throw new HoldfastError('topology.invalid', {
          message: `The inventory of the server is no topology that can be planned: ${error.message.replace(place, '')}`,
          guidance: 'Write one with `holdfast ports init --from-server`, complete it, and give it to the check.',
          cause: error,
        });
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
}

const file = 'inventory';
const place = / ?\(?inventory:\d+:\d+[:)] ?/g;

/** By name, with the first mistake of each. The text has a host's name on a line of its own, before what it says of the host. */
function mistakenHosts(text: string, message: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const lines = text.split('\n');
  const begin = lines.indexOf(' "hosts": {');
  for (const [, line, reason = ''] of message.matchAll(/^ {2}inventory:(\d+):\d+: (.*)$/gm)) {
    const at = lines.slice(begin + 1, Number(line)).findLast((one) => /^ {2}"/.test(one));
    const name = /^ {2}"([^"]*)"/.exec(at ?? '')?.[1];
    const isOutside = lines.slice(begin + 1, Number(line)).includes(' },') || Number(line) <= begin + 1;
    if (begin < 0 || isOutside || name === undefined) return new Map();
    if (!found.has(name)) found.set(name, reason.replace(place, '').replace(/\.$/, ''));
  }
  return found;
}
