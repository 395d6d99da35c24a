import { isIP } from 'node:net';
import type { Plan, PlannedHost } from '@holdfast/contract/plan';
import { type Block, contains, parseBlock } from '@holdfast/contract/topology';
import type { ComputerRow } from '../computers/computers.ts';
import { plainText } from './plain-text.ts';

/** A program of ours that can be asked for its part: this server, or one that has joined it. */
export type Program =
  | { readonly process: 'server' }
  | { readonly process: 'agent' | 'mover'; readonly computer: ComputerRow };

/** A host of the plan, or one of the computers that an entry with a prefix stands for, with what runs there. */
export interface FleetComputer {
  readonly name: string;
  readonly host: PlannedHost;
  /** Single ones. */
  readonly addresses: readonly string[];
  readonly programs: ReadonlyMap<Program['process'], Program>;
}

export interface Fleet {
  /** By host. */
  readonly computers: ReadonlyMap<PlannedHost, readonly FleetComputer[]>;
  /** Computers that have joined and are none of the plan's. */
  readonly strangers: readonly string[];
}

/** Which of the computers that have joined is which host of the plan: by address and name. */
export function fleetOf(plan: Plan, rows: readonly ComputerRow[]): Fleet {
  const managed = plan.hosts.filter((host) => host.managed).map(described);
  const server = managed.find(({ host }) => host.roles.includes('backup-server'));
  const byHost = new Map<Described, ComputerRow[]>();
  const strangers: string[] = [];
  const find = matcher(managed, server);
  for (const row of rows) {
    if (row.revokedAt !== null) continue;
    const found = find(row);
    const here = found && byHost.get(found);
    if (here) here.push(row);
    else if (found) byHost.set(found, [row]);
    else strangers.push(plainText(`${row.role} ${row.hostname} (${row.address})`));
  }
  const computers = new Map<PlannedHost, readonly FleetComputer[]>();
  for (const one of managed) {
    const { host, single } = one;
    const here = byHost.get(one) ?? [];
    const ours: readonly Program[] = one === server ? [{ process: 'server' }] : [];
    const isOne = single.length === host.addresses.length;
    const groups = isOne ? [here] : [...Map.groupBy(here, ({ address }) => address).values()];
    computers.set(
      host,
      groups.map((group): FleetComputer => {
        const [first] = group;
        const programs = [
          ...ours,
          ...group.map(({ role, ...row }): Program => ({ process: role, computer: { role, ...row } })),
        ];
        return {
          name: isOne || !first ? host.name : plainText(`${first.hostname} (${host.name})`),
          host,
          addresses: isOne || !first ? single : [first.address],
          // The first of a kind: a second mover of a computer has other ports, of which the plan says nothing.
          programs: new Map(programs.toReversed().map((program) => [program.process, program])),
        };
      }),
    );
  }
  return { computers, strangers };
}

interface Described {
  readonly host: PlannedHost;
  readonly single: readonly string[];
  readonly blocks: readonly Block[];
}

function described(host: PlannedHost): Described {
  const single = host.addresses.filter((address) => !address.includes('/'));
  return { host, single, blocks: host.addresses.map(parseBlock).filter((block) => typeof block !== 'string') };
}

const loopback = /^(127\.|::1$|::ffff:127\.)/;

/** An address says more than a name, which a computer gives itself. */
function matcher(
  managed: readonly Described[],
  server: Described | undefined,
): (row: ComputerRow) => Described | undefined {
  const byAddress = Map.groupBy(
    managed.flatMap((one) => one.single.map((address) => ({ one, address }))),
    ({ address }) => address,
  );
  const byName = new Map<string, Described>();
  for (const one of managed)
    for (const name of [one.host.name, ...one.host.names].map((text) => text.toLowerCase()))
      if (!byName.has(name)) byName.set(name, one);
  const prefixes = managed.filter(({ host, single }) => single.length < host.addresses.length);
  return (row) => {
    if (loopback.test(row.address)) return server;
    const canonical = parseBlock(row.address);
    const block = isIP(row.address) === 0 || typeof canonical === 'string' ? undefined : canonical;
    const name = row.hostname.toLowerCase();
    const named = byName.get(name) ?? byName.get(name.replace(/\..*/, '')) ?? byName.get(row.address.toLowerCase());
    const there = (block && byAddress.get(block.text)) ?? [];
    const sure = there.find(({ one }) => one === named) ?? there[0];
    if (sure) return sure.one;
    return named ?? (block && prefixes.find(({ blocks }) => blocks.some((prefix) => contains(prefix, block))));
  };
}
