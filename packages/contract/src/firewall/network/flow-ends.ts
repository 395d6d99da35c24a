import { HoldfastError } from '@holdfast/core';
import type { Flow, Plan, PlannedHost } from '../../plan/plan.ts';
import { peerAddresses } from '../addresses.ts';
import type { Widening } from '../renderer.ts';

/** Prefixes of one family, always with a length: `10.2.0.11/32`, `::/0`. */
export interface FamilyPrefixes {
  readonly family: 'ipv4' | 'ipv6';
  readonly prefixes: readonly string[];
}

const families = [
  { family: 'ipv4', everything: '0.0.0.0/0', length: 32 },
  { family: 'ipv6', everything: '::/0', length: 128 },
] as const;

/** The hosts as prefixes of each family that they have; everything where one of them is known by name alone. */
export function prefixesOf(hosts: readonly PlannedHost[]): readonly FamilyPrefixes[] {
  const addresses = peerAddresses(hosts);
  if (addresses.any) return families.map(({ family, everything }) => ({ family, prefixes: [everything] }));
  return families
    .map(({ family, length }) => ({
      family,
      prefixes: addresses[family].map((one) => (one.includes('/') ? one : `${one}/${length}`)),
    }))
    .filter(({ prefixes }) => prefixes.length > 0);
}

export interface FamilyEnds {
  readonly family: 'ipv4' | 'ipv6';
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** Both ends as prefixes, in each family that both have. */
export function familyEnds(from: readonly PlannedHost[], to: readonly PlannedHost[]): readonly FamilyEnds[] {
  const sources = prefixesOf(from);
  return prefixesOf(to).flatMap(({ family, prefixes }) => {
    const source = sources.find((one) => one.family === family);
    return source ? [{ family, from: source.prefixes, to: prefixes }] : [];
  });
}

/** @throws `plan.inexpressible` for a flow whose ends have no address family in common: nothing can open that. */
export function checkFamilies(plan: Plan): void {
  const flow = plan.flows.find(({ from, to }) => familyEnds(from, to).length === 0);
  if (flow)
    throw inexpressible(
      `The ends of ${JSON.stringify(flow.id)} have no address family in common: one is IPv4 only, the other IPv6 only.`,
      'Give both ends an address of the same family in the topology.',
    );
}

/** What becomes wider in a target that knows addresses only and nothing that ends by itself. */
export function wideningsOf(flow: Flow, o: { readonly title: string; readonly leases: boolean }): readonly Widening[] {
  return [...nameWidenings(flow, o.title), ...standingWidenings(flow, o)];
}

/** Where leases were asked for, of a target that has none. */
export function standingWidenings(
  { id, leased }: Flow,
  { title, leases }: { readonly title: string; readonly leases: boolean },
): readonly Widening[] {
  const message = `Always open, not only while a session needs it: there are no leases in ${title}.`;
  return leases && leased ? [{ flow: id, message }] : [];
}

/** For each end that has hosts known by name alone. */
function nameWidenings(flow: Flow, title: string): readonly Widening[] {
  return [
    { hosts: flow.from, what: 'Any address may connect' },
    { hosts: flow.to, what: 'Connections to any address are allowed' },
  ].flatMap(({ hosts, what }) => {
    const nameless = hosts.filter(({ addresses }) => addresses.length === 0);
    if (nameless.length === 0) return [];
    const names = nameless.map((host) => [host.name, ...host.names].join(' ')).join(', ');
    const message = `${what}: the plan has no addresses of ${JSON.stringify(names)}, and names are no part of ${title}.`;
    return [{ flow: flow.id, message }];
  });
}

export function inexpressible(message: string, guidance: string): HoldfastError {
  return new HoldfastError('plan.inexpressible', { message, guidance });
}
