import type { Channel } from '../channels.ts';
import { type Block, contains, parseBlock } from '../topology/address.ts';
import type { Topology, TopologyHost, Zone } from '../topology/topology.ts';
import type { HostClass } from './host-class.ts';
import type { PlannedHost } from './plan.ts';

/** The hosts of a plan, and the ends of its flows: lists of them that are shared, never copied for a pair. */
export class PlannedHosts {
  readonly #hosts: PlannedHost[] = [];
  readonly #names = new Set<string>();
  readonly #order = new Map<PlannedHost, number>();
  readonly #byName = new Map<string, PlannedHost>();
  readonly #ends: (readonly PlannedHost[])[] = [];
  readonly #endOfClass = new Map<HostClass, number>();
  readonly #byAddress = new Map<string, PlannedHost>();
  /** What other zones see of a zone behind address translation. */
  readonly #translated = new Map<Zone, PlannedHost>();
  /** Ends of a neighbour that is known by the contract's host names, by those names. */
  readonly #endsByNames = new Map<string, number>();
  readonly #joined = new Map<string, readonly PlannedHost[]>();
  /** What the others see of each zone: what it says itself, else the addresses of its hosts. */
  readonly #prefixes: readonly Prefixes[];

  constructor(topology: Topology, classes: readonly HostClass[]) {
    const pendingNames = new Set(topology.hosts.filter(isKnownByContract));
    const members = Map.groupBy(topology.hosts, ({ zone }) => zone);
    this.#prefixes = topology.zones.map((zone) => {
      const said = zone.nat && zone.nat.addresses.length > 0 ? zone.nat.addresses : zone.addresses;
      const addresses = said.length > 0 ? said : (members.get(zone) ?? []).flatMap((host) => host.addresses);
      return { zone, isSaid: said.length > 0, blocks: blocksOf(addresses) };
    });
    // No neighbour has an address that belongs to a host.
    const said = this.#prefixes.filter(({ isSaid }) => isSaid);
    for (const host of topology.hosts) this.#names.add(host.name);
    for (const host of topology.hosts) {
      if (pendingNames.has(host)) continue;
      const { zone } = host;
      const one = planned(host, zone && this.#seenAs(zone));
      this.#byName.set(host.name, this.#add(zone ? one : { ...one, ...placeOf(host.addresses, said) }));
    }
    for (const one of classes) {
      const members = one.hosts.map((host) => this.#byName.get(host.name)).filter((host) => host !== undefined);
      this.#endOfClass.set(one, this.#ends.push(members) - 1);
    }
  }

  /** Every host of the plan, in the topology's order; neighbours known by the contract's names are last. */
  get all(): readonly PlannedHost[] {
    return this.#hosts;
  }

  /** The host of that name; undefined for a neighbour that no flow has led to. */
  find(name: string): PlannedHost | undefined {
    return this.#byName.get(name);
  }

  /** Hosts that only rules of the administrator name, by their addresses. */
  outside(address: string): PlannedHost {
    return this.#nameless(address, placeOf([address], this.#prefixes));
  }

  /** Everything in a zone that has one of its prefixes. */
  within(zone: Zone, prefix: string): PlannedHost {
    const seenAs = this.#seenAs(zone);
    return this.#nameless(prefix, { zone: zone.name, ...(seenAs ? { seenAs } : {}) });
  }

  #nameless(address: string, place: Pick<PlannedHost, 'zone' | 'spans' | 'seenAs'>): PlannedHost {
    // Behind address translation the same addresses are other hosts.
    const key = `${address} ${place.zone}`;
    const known = this.#byAddress.get(key);
    if (known) return known;
    const host: PlannedHost = {
      ...{ name: this.#freeName(address), addresses: [address], names: [], roles: [], managed: false },
      ...place,
    };
    this.#byAddress.set(key, host);
    return this.#add(host);
  }

  /** The end that the class is in a flow along that channel. */
  endOf(one: HostClass, along?: { readonly channel: Channel; readonly toRoles: readonly string[] }): number {
    const end = this.#endOfClass.get(one);
    if (end === undefined) throw new TypeError(`${one.example.name} is of no class of this plan`);
    const { example } = one;
    const names = along ? contractNames(along.channel, along.toRoles, example) : undefined;
    if (names === undefined) return end;
    const key = `${example.name} ${names.join()}`;
    const known = this.#endsByNames.get(key);
    if (known !== undefined) return known;
    const isFirst = !this.#byName.has(example.name);
    const name = isFirst ? example.name : this.#freeName(`${example.name}-${along?.channel.id}`);
    const host = this.#add({ ...planned(example, undefined), name, addresses: [], names });
    if (isFirst) this.#byName.set(name, host);
    const made = this.#ends.push([host]) - 1;
    this.#endsByNames.set(key, made);
    return made;
  }

  /** One list for several ends, in the plan's order; the same ends give the same list. */
  join(ends: readonly number[]): readonly PlannedHost[] {
    const [first = 0, second] = ends;
    if (second === undefined) return this.#ends[first] ?? [];
    const key = ends.join();
    const known = this.#joined.get(key);
    if (known) return known;
    const hosts = [...new Set(ends.flatMap((end) => this.#ends[end] ?? []))];
    hosts.sort((a, b) => (this.#order.get(a) ?? 0) - (this.#order.get(b) ?? 0));
    this.#joined.set(key, hosts);
    return hosts;
  }

  #seenAs(zone: Zone): PlannedHost | undefined {
    if (!zone.nat || zone.nat.addresses.length === 0) return undefined;
    const known = this.#translated.get(zone);
    if (known) return known;
    const name = this.#freeName(`${zone.name}-outside`);
    const { addresses } = zone.nat;
    const host: PlannedHost = { name, zone: zone.name, addresses, names: [], roles: [], managed: false };
    this.#translated.set(zone, host);
    return host;
  }

  #freeName(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.#names.has(name); count += 1) name = `${wanted}-${count}`;
    this.#names.add(name);
    return name;
  }

  #add(host: PlannedHost): PlannedHost {
    this.#order.set(host, this.#hosts.push(host));
    return host;
  }
}

interface Prefixes {
  readonly zone: Zone;
  readonly isSaid: boolean;
  readonly blocks: readonly Block[];
}

/** The zone that has all these addresses: where they lie, although nobody said so. Else those that have some. */
function placeOf(addresses: readonly string[], prefixes: readonly Prefixes[]): Pick<PlannedHost, 'zone' | 'spans'> {
  const own = blocksOf(addresses);
  const touched = prefixes.filter(({ blocks }) =>
    own.some((one) => blocks.some((block) => contains(block, one) || contains(one, block))),
  );
  const [around, ...others] = touched;
  if (!around) return { zone: '' };
  const isInside = own.every((one) => around.blocks.some((block) => contains(block, one)));
  // Behind address translation an address means something only there.
  return isInside && others.length === 0 && !around.zone.nat
    ? { zone: around.zone.name }
    : { zone: '', spans: touched.map(({ zone }) => zone.name) };
}

function blocksOf(addresses: readonly string[]): readonly Block[] {
  return addresses.map(parseBlock).filter((block) => typeof block !== 'string');
}

function planned(host: TopologyHost, seenAs: PlannedHost | undefined): PlannedHost {
  const { name, zone, addresses, names, platform, roles, isManaged } = host;
  const owner = host.owner ?? zone?.owner;
  return {
    name,
    zone: zone?.name ?? '',
    addresses,
    names,
    ...(platform === undefined ? {} : { platform }),
    roles,
    managed: isManaged,
    ...(seenAs === undefined ? {} : { seenAs }),
    ...(owner === undefined ? {} : { owner }),
  };
}

/** A neighbour of which the topology says neither address nor name: the contract knows the names of the big services. */
function isKnownByContract(host: TopologyHost): boolean {
  return host.addresses.length === 0 && host.names.length === 0;
}

/**
 * The contract's host names for the neighbour's region, where the topology gives none, or where the channel asks something
 * else than the service itself (who publishes the revocation lists).
 */
function contractNames(
  channel: Channel,
  toRoles: readonly string[],
  host: TopologyHost,
): readonly string[] | undefined {
  const asksOther = channel.to.includes('crl') && !toRoles.includes('crl') && channel.endpoints.length > 0;
  if (!asksOther && !isKnownByContract(host)) return undefined;
  const here = channel.endpoints.filter(({ region }) => region === undefined || region === host.region);
  // A placeholder stands for any name; a path is no part of a host name.
  return [...new Set(here.map((one) => one.host.replace(/^<[^>]+>/, '*').replace(/\/.*/, '')))];
}
