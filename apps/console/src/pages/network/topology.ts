import type { CallArguments, Routes } from '@holdfast/protocol';

/** The document of `holdfast ports`, as the routes take it. */
export type Topology = CallArguments<Routes['whatIf']>['body']['topology'];
type Host = NonNullable<Topology['hosts']>[string];
type Zone = NonNullable<Topology['zones']>[string];
export type DialStyle = NonNullable<Topology['dial']>;
export const dialStyles: readonly DialStyle[] = ['classic', 'outbound-only', 'single-port'];
/** The roles that people add computers with; the text takes every other one as well. */
export const commonRoles = [
  ...(['agent-linux', 'agent-windows', 'agent-macos', 'agent-unix'] as const),
  ...(['repository-linux', 'repository-windows', 'gateway-linux', 'gateway-windows', 'client'] as const),
] satisfies readonly Host['roles'][number][];

export function withHost(topology: Topology, name: string, host: Host): Topology {
  return { ...topology, hosts: { ...topology.hosts, [name]: host } };
}

export function withZone(topology: Topology, name: string, zone: Zone): Topology {
  return { ...topology, zones: { ...topology.zones, [name]: zone } };
}

/** Without one host or zone. Whoever named it is told so by the server. */
export function without(topology: Topology, part: 'hosts' | 'zones', name: string): Topology {
  const { [name]: _, ...rest } = topology[part] ?? {};
  return { ...topology, [part]: rest };
}

export function withFeature(topology: Topology, id: string, isUsed: boolean): Topology {
  return { ...topology, features: { ...topology.features, [id]: isUsed } };
}

/** Addresses as people write them into one field. */
export function addressesIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((one) => one !== '');
}
