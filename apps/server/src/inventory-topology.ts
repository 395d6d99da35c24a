import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { type ChannelId, channel, isChannelId, type Platform, type Role } from '@holdfast/contract';
import type { Host, TopologyDocument } from '@holdfast/contract/topology/schema';
import { z } from 'zod';
import type { TenantScope } from './catalogue/catalogue.ts';
import { type ComputerRow, listComputers } from './computers/computers.ts';
import { computersOf } from './jobs/job-computers.ts';
import { listJobs, settingsOf } from './jobs/job-rows.ts';
import { readJson } from './json-column.ts';
import { listRepositories } from './repositories.ts';
import type { Listening } from './rest/server-handlers.ts';

/** The computer that the server runs on. */
interface OwnComputer {
  readonly hostname: string;
  readonly platform: NodeJS.Platform;
  readonly addresses: readonly string[];
}

/**
 * The server and the computers that have joined it, as a topology: their groups are the zones, and an agent with jobs uses the
 * targets of these. What the server can't know (name servers, desks of administrators, networks) is left to people.
 */
export async function inventoryTopology(
  scope: TenantScope,
  o: { readonly listening: readonly Listening[]; readonly name: string; readonly computer?: OwnComputer },
): Promise<TopologyDocument> {
  const own = o.computer ?? thisComputer();
  const rows = (await listComputers(scope)).filter((row) => row.revokedAt === null);
  const computers = Map.groupBy(rows, ({ hostname: name, address }) => `${name}\n${address}`);
  const targets = await targetsOfAgents(scope);
  const names = new Names(new Set([serverZone, ...rows.map((row) => row.groupName)]));
  // A computer names itself: without an address of this one it is another.
  const isHere = (group: readonly ComputerRow[]): boolean =>
    group.some(
      ({ hostname: name, address }) =>
        name === own.hostname && (own.addresses.includes(address) || /^(127\.|::1$)/.test(address)),
    );
  const beside = [...computers.values()].filter(isHere).flat();
  const ownName = names.take(own.hostname);
  const nameOf = new Map<string, string>();
  for (const group of computers.values()) {
    const name = isHere(group) ? ownName : names.take(group[0]?.hostname ?? '');
    for (const { id } of group) nameOf.set(id, name);
  }
  const hosts: Record<string, Host> = {
    [ownName]: {
      zone: serverZone,
      ...placesOf([...own.addresses, ...beside.map(({ address }) => address)]),
      os: platformOf(own.platform),
      roles: ['backup-server', ...rolesOf(beside, targets)],
      ...portsOf([...o.listening.map((one) => [one.channel, one.port] as const), ...beside.flatMap(reportedPorts)]),
    },
  };
  const zones: Record<string, object> = { [serverZone]: {} };
  for (const group of computers.values()) {
    const [first] = group;
    if (!first || isHere(group)) continue;
    zones[first.groupName] ??= {};
    const agents = group.filter(({ role }) => role === 'agent');
    const used = new Set(agents.flatMap(({ id }) => [...(targets.get(id) ?? [])].map((mover) => nameOf.get(mover))));
    const uses = [...used].filter((name) => name !== undefined).sort();
    hosts[nameOf.get(first.id) ?? ''] = {
      zone: first.groupName,
      ...placesOf([first.address]),
      os: platformOf(first.platform),
      roles: rolesOf(group, targets),
      ...portsOf(group.flatMap(reportedPorts)),
      ...(uses.length > 0 ? { uses } : {}),
      ...(agents.some(({ preinstalled }) => preinstalled === 1) ? { preinstalled: true } : {}),
    };
  }
  return { name: o.name, zones, hosts };
}

const serverZone = 'backup';

/** The movers that hold the repositories of an agent's jobs. */
async function targetsOfAgents(scope: TenantScope): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const moverOf = new Map((await listRepositories(scope)).map(({ id, moverId }) => [id, moverId]));
  const targets = new Map<string, Set<string>>();
  for (const settings of (await listJobs(scope)).map(settingsOf)) {
    const { target } = settings;
    const mover = target.kind === 'own' ? target.moverId : moverOf.get(target.repositoryId);
    if (mover === undefined) continue;
    for (const { id } of await computersOf(scope, settings)) targets.set(id, (targets.get(id) ?? new Set()).add(mover));
  }
  return targets;
}

/** A mover beside an agent is a repository for others only if their jobs say so; one that is alone is there for nothing else. */
function rolesOf(group: readonly ComputerRow[], targets: ReadonlyMap<string, ReadonlySet<string>>): Role[] {
  const [first] = group;
  if (!first) return [];
  const platform = platformOf(first.platform);
  const agents = group.filter(({ role }) => role === 'agent');
  const movers = group.filter(({ role }) => role === 'mover');
  const roles: Role[] = agents.length > 0 ? [`agent-${platform}`] : [];
  if (movers.length === 0) return roles;
  const users = [...targets].filter(([, used]) => movers.some(({ id }) => used.has(id))).map(([agent]) => agent);
  const isForOthers = users.some((user) => agents.every(({ id }) => id !== user));
  if (agents.length === 0 || isForOthers)
    return [...roles, platform === 'linux' || platform === 'windows' ? `repository-${platform}` : 'repository'];
  return users.length > 0 ? [...roles, 'data-mover'] : roles;
}

function platformOf(name: string): Platform {
  if (name === 'win32') return 'windows';
  if (name === 'darwin') return 'macos';
  return name === 'linux' ? 'linux' : 'unix';
}

const portMap = z.record(z.string(), z.number().int());

function reportedPorts({ portsJson }: ComputerRow): readonly (readonly [string, number])[] {
  return Object.entries(readJson(portMap, portsJson, 'computers.portsJson'));
}

/** Only ports that are not the contract's. */
function portsOf(given: readonly (readonly [string, number])[]): Pick<Host, 'ports'> {
  const ports: Partial<Record<ChannelId, number>> = {};
  for (const [id, port] of given)
    if (isChannelId(id) && !channel(id).ports.some(({ from, to }) => from <= port && port <= to)) ports[id] = port;
  return Object.keys(ports).length > 0 ? { ports } : {};
}

/** Addresses that others reach it by; a name where that is all that is known. */
function placesOf(given: readonly string[]): Pick<Host, 'addresses' | 'names'> {
  const known = [...new Set(given)].filter((one) => !/^(127\.|::1$|fe80:|::ffff:)/i.test(one));
  const addresses = known.filter((one) => isIP(one) !== 0);
  const names = known.filter((one) => isIP(one) === 0);
  return { ...(addresses.length > 0 ? { addresses } : {}), ...(names.length > 0 ? { names } : {}) };
}

function thisComputer(): OwnComputer {
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address);
  return { hostname: hostname(), platform: process.platform, addresses };
}

/** Host names as names of a topology: each once, and none that a zone has. */
class Names {
  readonly #taken: Set<string>;

  constructor(taken: ReadonlySet<string>) {
    this.#taken = new Set([...taken].map((name) => name.toLowerCase()));
  }

  take(wanted: string): string {
    const safe =
      wanted
        .replaceAll(/[^A-Za-z0-9._-]/g, '-')
        .replace(/^[^A-Za-z0-9]+/, '')
        .slice(0, 58) || 'host';
    let name = safe;
    for (let count = 2; this.#taken.has(name.toLowerCase()); count += 1) name = `${safe}-${count}`;
    this.#taken.add(name.toLowerCase());
    return name;
  }
}
