import { oneLine } from '@holdfast/core';
import type { PortRange } from '../channel-spec.ts';
import { isOnByDefault, type OptionId, optionIds } from '../options.ts';
import { effectiveRoles, isRole, type Platform, type Role, roleEntry, rolePlatforms, roles } from '../roles.ts';
import { serviceKinds } from '../service-kinds.ts';
import { type Block, contains, overlaps, parseHostBlock } from './address.ts';
import { resolveAllow } from './allow.ts';
import { maxHosts, maxZones } from './limits.ts';
import type { Section, TopologyFile } from './load.ts';
import { didYouMean } from './nearest.ts';
import { checkPorts, parsePortSetting } from './ports.ts';
import type { Problems } from './problems.ts';
import type { Host } from './schema.ts';
import type { Path, Source } from './source.ts';
import type { Topology, TopologyHost, Zone } from './topology.ts';

/** Where something stands. */
export interface Place {
  readonly source: Source;
  readonly path: Path;
}

interface PlacedBlock {
  readonly block: Block;
  readonly owner: string;
  /** The zone behind address translation in which the address means something; empty for the network. */
  readonly space: string;
  readonly place: Place;
}

/** Names of everything in the topology, with where it is defined. */
export type Names = ReadonlyMap<string, NamedEntry>;

interface NamedEntry {
  readonly kind: 'zone' | 'host' | 'neighbour';
  readonly place: Place;
  /** Of hosts and neighbours whose entry is right. */
  readonly roles?: readonly Role[];
}

/** Checks what the schema can't say, and gives the topology if nothing is wrong. */
export function resolveTopology(files: readonly TopologyFile[], problems: Problems): Topology | undefined {
  const [main] = files;
  if (!main) return undefined;
  const names = collectNames(files);
  const zones = collectZones(files);
  for (const { uses, place } of zones.values())
    if (uses) checkUses(uses, { ...place, path: [...place.path, 'uses'] }, names);
  const hosts: TopologyHost[] = [];
  const blocks: PlacedBlock[] = [];
  for (const { source, document } of files) {
    for (const section of ['hosts', 'neighbours'] as const)
      for (const [name, entry] of Object.entries<Entry>(document[section] ?? {})) {
        const place = { source, path: [section, name] };
        const host = resolveHost({ name, entry, place, section, zones, names });
        hosts.push(host.resolved);
        blocks.push(...host.blocks);
      }
  }
  if (hosts.length > maxHosts)
    main.source.report(
      ['hosts'],
      `there are ${hosts.length} hosts and neighbours in all files; at most ${maxHosts} are possible`,
      'key',
    );
  if (zones.size > maxZones)
    main.source.report(['zones'], `there are ${zones.size} zones, at most ${maxZones} are possible`, 'key');
  if (hosts.length === 0 && problems.isEmpty) main.source.report([], 'the topology has no hosts');
  reportOverlaps(blocks);
  const resolvedZones = new Map([...zones].map(([name, { zone }]) => [name, zone]));
  const allow = resolveAllow(files, { names, hosts, zones: resolvedZones });
  if (!problems.isEmpty) return undefined;
  const { document } = main;
  const chosen = new Map(Object.entries<boolean | undefined>(document.features ?? {}));
  const options = new Set<OptionId>(optionIds.filter((id) => chosen.get(id) ?? isOnByDefault(id)));
  return {
    name: document.name ?? 'topology',
    dial: document.dial ?? 'classic',
    zones: [...resolvedZones.values()],
    hosts,
    options,
    allow,
  };
}

/** Zones, hosts and neighbours share one space of names: rules and preferences refer to all of them. */
function collectNames(files: readonly TopologyFile[]): Names {
  const names = new Map<string, NamedEntry>();
  const sections = { zones: 'zone', hosts: 'host', neighbours: 'neighbour' } as const;
  for (const { source, document, mistaken } of files)
    for (const [section, kind] of Object.entries(sections) as [Section, 'zone' | 'host' | 'neighbour'][])
      for (const name of [...Object.keys(document[section] ?? {}), ...(mistaken[section] ?? [])]) {
        const place = { source, path: [section, name] };
        const known = names.get(name.toLowerCase());
        if (known) {
          const first = (): string => known.place.source.place(known.place.path);
          source.report(place.path, () => `the name ${name} is taken by the ${known.kind} at ${first()}`, 'key');
        } else {
          const entry = section === 'zones' ? undefined : document[section]?.[name];
          names.set(name.toLowerCase(), { kind, place, ...(entry ? { roles: entry.roles } : {}) });
        }
      }
  return names;
}

interface PlacedZone {
  readonly zone: Zone;
  readonly blocks: readonly Block[];
  readonly uses: readonly string[] | undefined;
  readonly place: Place;
}

function collectZones(files: readonly TopologyFile[]): ReadonlyMap<string, PlacedZone> {
  const zones = new Map<string, PlacedZone>();
  const placed: PlacedBlock[] = [];
  for (const { source, document } of files)
    for (const [name, entry] of Object.entries(document.zones ?? {})) {
      const place = { source, path: ['zones', name] };
      const own = readBlocks(entry.addresses ?? [], { source, path: [...place.path, 'addresses'] });
      const seen = Array.isArray(entry.nat) ? readBlocks(entry.nat, { source, path: [...place.path, 'nat'] }) : [];
      const isTranslated = entry.nat !== undefined && entry.nat !== false;
      const zone: Zone = {
        name,
        addresses: own.map(({ block }) => block.text),
        ...(isTranslated ? { nat: { addresses: seen.map(({ block }) => block.text) } } : {}),
        ...(entry.owner === undefined ? {} : { owner: oneLine(entry.owner) }),
      };
      zones.set(name, { zone, blocks: own.map(({ block }) => block), uses: entry.uses, place });
      // Behind address translation every site may have the same addresses.
      if (!isTranslated) placed.push(...own.map((one) => ({ ...one, owner: name, space: '' })));
    }
  for (const [one, other] of overlaps(placed))
    if (one.owner !== other.owner || one.block.text === other.block.text)
      other.place.source.report(
        other.place.path,
        () =>
          `${other.block.text} overlaps ${one.block.text} of zone ${one.owner} (${one.place.source.place(one.place.path)})`,
      );
  return zones;
}

function readBlocks(given: readonly string[], at: Place): readonly { block: Block; place: Place }[] {
  const found: { block: Block; place: Place }[] = [];
  for (const [index, text] of given.entries()) {
    const place = { source: at.source, path: [...at.path, index] };
    const block = parseHostBlock(text);
    if (typeof block === 'string') at.source.report(place.path, block);
    else found.push({ block, place });
  }
  return found;
}

/** A host or a neighbour: neither has everything. */
type Entry = { readonly [Key in keyof Host]?: Host[Key] | undefined } & {
  readonly region?: TopologyHost['region'] | undefined;
};

function resolveHost(o: {
  readonly name: string;
  readonly entry: Entry;
  readonly place: Place;
  readonly section: 'hosts' | 'neighbours';
  readonly zones: ReadonlyMap<string, PlacedZone>;
  readonly names: Names;
}): { resolved: TopologyHost; blocks: readonly PlacedBlock[] } {
  const { name, entry, place, section, zones } = o;
  const { source } = place;
  const at = (...rest: PropertyKey[]): Path => [...place.path, ...rest];
  const given = (entry.roles ?? []).filter(isRole);
  checkRoles(given, { section, place });
  const zone = entry.zone === undefined ? undefined : zones.get(entry.zone);
  if (entry.zone !== undefined && !zone && o.names.get(entry.zone.toLowerCase())?.kind !== 'zone')
    source.report(at('zone'), () => `there is no zone ${entry.zone}.${didYouMean(entry.zone ?? '', zones.keys())}`);
  const platform = platformOf(given, entry.os, place);
  if (section === 'hosts' && !entry.addresses)
    source.report(place.path, `addresses is missing: rules need ${name}'s`, 'key');
  const own = readBlocks(entry.addresses ?? [], { source, path: at('addresses') });
  for (const { block, place: where } of own) {
    const prefixes = zone?.blocks.filter(({ family }) => family === block.family) ?? [];
    if (zone && prefixes.length > 0 && !prefixes.some((prefix) => contains(prefix, block)))
      source.report(where.path, `${block.text} is not in zone ${zone.zone.name} (${zone.zone.addresses.join(', ')})`);
  }
  const ports = checkPorts({
    given: readPorts(entry.ports ?? {}, place),
    roles: given,
    platform,
    place,
    isOutside: section === 'neighbours',
  });
  const uses = entry.uses ?? zone?.uses;
  if (entry.uses) checkUses(entry.uses, { source, path: at('uses') }, o.names);
  const isManaged = entry.managed ?? given.some((role) => !['outside', 'client'].includes(roles[role].process));
  return {
    resolved: {
      name,
      zone: zone?.zone,
      addresses: own.map(({ block }) => block.text),
      names: [...new Set((entry.names ?? []).map((one) => one.toLowerCase()))],
      ...(platform === undefined ? {} : { platform }),
      roles: [...new Set(given)],
      ports,
      ...(uses === undefined ? {} : { uses }),
      isPreinstalled: entry.preinstalled ?? false,
      isManaged: section === 'hosts' && isManaged,
      region: entry.region ?? 'global',
      ...(entry.owner === undefined ? {} : { owner: oneLine(entry.owner) }),
    },
    blocks: own.map((one) => ({ ...one, owner: name, space: zone?.zone.nat ? zone.zone.name : '' })),
  };
}

function checkRoles(given: readonly Role[], o: { section: 'hosts' | 'neighbours'; place: Place }): void {
  const { source, path } = o.place;
  const isOurs = (role: Role): boolean => roles[role].process !== 'outside';
  if (o.section === 'hosts' && given.length > 0 && !given.some(isOurs))
    source.report(path, `${given.join(', ')} runs nothing of Holdfast: it belongs under neighbours:`, 'key');
  if (o.section === 'hosts') return;
  for (const [index, role] of given.entries())
    if (isOurs(role))
      source.report([...path, 'roles', index], `${role} is a part of Holdfast: it belongs under hosts:`);
}

/** The platform: as given, else the only one on which all roles can live. */
function platformOf(given: readonly Role[], os: Platform | undefined, { source, path }: Place): Platform | undefined {
  if (os !== undefined) {
    for (const [index, role] of given.entries())
      if (!rolePlatforms(role).includes(os))
        source.report(
          [...path, 'roles', index],
          `the role ${role} can't live on ${os}, only on ${rolePlatforms(role).join(', ')}`,
        );
    return os;
  }
  const bound = given.filter((role) => roleEntry(role).platforms !== undefined);
  const [first] = bound;
  if (first === undefined) return undefined;
  const common = rolePlatforms(first).filter((one) => bound.every((role) => rolePlatforms(role).includes(one)));
  if (common.length === 0)
    source.report(
      [...path, 'roles'],
      `no computer can have all of these roles: ${bound.join(' and ')} live on different systems`,
    );
  return common.length === 1 ? common[0] : undefined;
}

/** `uses` names what serves others: hosts and neighbours, but not zones and not computers that are protected only. */
function checkUses(given: readonly string[], { source, path }: Place, names: Names): void {
  for (const [index, name] of given.entries()) {
    const known = names.get(name.toLowerCase());
    const report = (message: string | (() => string)): void => source.report([...path, index], message);
    if (!known)
      report(() => {
        const others = [...names.values()].filter(({ kind }) => kind !== 'zone').map(({ place }) => nameOf(place));
        return `there is no host or neighbour ${name}.${didYouMean(name, others)}`;
      });
    else if (nameOf(known.place) !== name) report(`${name} is written ${nameOf(known.place)} where it is defined`);
    else if (known.kind === 'zone') report(`${name} is a zone: name hosts or neighbours`);
    else if (known.roles && serviceKinds(effectiveRoles(known.roles)).length === 0)
      report(`${name} (${known.roles.join(', ')}) serves nobody: name a server, a target or a neighbour`);
  }
}

function nameOf({ path }: Place): string {
  return String(path.at(-1));
}

function readPorts(given: NonNullable<Host['ports']>, { source, path }: Place): ReadonlyMap<string, PortRange> {
  const found = new Map<string, PortRange>();
  for (const [id, setting] of Object.entries(given)) {
    const range = parsePortSetting(setting);
    if (typeof range === 'string') source.report([...path, 'ports', id], range);
    else found.set(id, range);
  }
  return found;
}

/** No address belongs to two entries. Behind address translation every zone has addresses of its own. */
function reportOverlaps(blocks: readonly PlacedBlock[]): void {
  for (const space of Map.groupBy(blocks, (one) => one.space).values())
    for (const [one, other] of overlaps(space))
      other.place.source.report(other.place.path, () => {
        const what =
          one.block.text === other.block.text
            ? `${other.block.text} belongs to`
            : `${other.block.text} lies in ${one.block.text} of`;
        const whom =
          one.owner === other.owner
            ? 'this host already'
            : `${one.owner} already (${one.place.source.place(one.place.path)})`;
        return `${what} ${whom}`;
      });
}
