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
  const { atAddress, byName, inPrefix } = matcher(managed, server);
  const joined = rows.filter(({ revokedAt }) => revokedAt === null);
  const sure = new Set(joined.map(atAddress));
  // A computer can call itself anything at any time: a name counts only for hosts at whose addresses nobody is.
  const named = (row: ComputerRow): Described | undefined => {
    const found = byName(row);
    return sure.has(found) ? undefined : found;
  };
  const byHost = Map.groupBy(joined, (row) => atAddress(row) ?? named(row) ?? inPrefix(row));
  const strangers = (byHost.get(undefined) ?? []).map(({ role, hostname, address }) =>
    plainText(`${role} ${hostname} (${address})`),
  );
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

type Match = (row: ComputerRow) => Described | undefined;

function matcher(
  managed: readonly Described[],
  server: Described | undefined,
): { readonly atAddress: Match; readonly byName: Match; readonly inPrefix: Match } {
  const byAddress = Map.groupBy(
    managed.flatMap((one) => one.single.map((address) => ({ one, address }))),
    ({ address }) => address,
  );
  const names = new Map<string, Described>();
  for (const one of managed)
    for (const name of [one.host.name, ...one.host.names].map((text) => text.toLowerCase()))
      if (!names.has(name)) names.set(name, one);
  const prefixes = managed.filter(({ host, single }) => single.length < host.addresses.length);
  const byName: Match = ({ hostname, address }) => {
    const name = hostname.toLowerCase();
    return names.get(name) ?? names.get(name.replace(/\..*/, '')) ?? names.get(address.toLowerCase());
  };
  return {
    atAddress: (row) => {
      if (loopback.test(row.address)) return server;
      const there = byAddress.get(blockOf(row)?.text ?? '') ?? [];
      return (there.find(({ one }) => one === byName(row)) ?? there[0])?.one;
    },
    byName,
    inPrefix: (row) => {
      const block = blockOf(row);
      return block && prefixes.find(({ blocks }) => blocks.some((prefix) => contains(prefix, block)));
    },
  };
}

function blockOf({ address }: ComputerRow): Block | undefined {
  const block = isIP(address) === 0 ? undefined : parseBlock(address);
  return typeof block === 'string' ? undefined : block;
}
