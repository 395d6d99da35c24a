import { type ChannelId, isChannelId, isRole, type Platform, platforms } from '@holdfast/contract';
import type { Flow, HostRule, HostRules, Plan, PlannedHost } from '@holdfast/contract/plan';
import type { AuditRequest } from './port-messages.ts';

/** The rules of one host as a message. Peers are as this host sees them (address translation). */
export function auditRequestOf(
  rules: HostRules,
  options: Pick<AuditRequest, 'otherwise' | 'unused' | 'use'>,
): AuditRequest {
  const { name, addresses, names, platform, roles } = rules.host;
  const places = new Map<PlannedHost, number>();
  const placeOf = (peer: PlannedHost): number => {
    const known = places.get(peer);
    if (known !== undefined) return known;
    places.set(peer, places.size);
    return places.size - 1;
  };
  const message =
    (direction: 'in' | 'out') =>
    ({ flow, transport, ports, peers }: HostRule) => ({
      id: flow.id.slice(0, 10_000),
      direction,
      transport,
      ports: ports.map(({ from, to }) => ({ from, to })),
      peers: peers.map(placeOf),
      origin: flow.origin,
      channels: [...flow.channels],
      reasons: [...flow.reasons],
      fallbackFor: [...flow.fallbackFor],
      leased: flow.leased,
    });
  const all = [...rules.incoming.map(message('in')), ...rules.outgoing.map(message('out'))];
  return {
    host: {
      name,
      addresses: [...addresses],
      names: [...names],
      ...(platform === undefined ? {} : { platform }),
      roles: [...roles],
    },
    peers: [...places.keys()].map((peer) => ({ name: peer.name, addresses: [...peer.addresses] })),
    rules: all,
    otherwise: options.otherwise,
    unused: options.unused,
    ...(options.use ? { use: options.use } : {}),
  };
}

/** The plan that such a message is: one host with its rules, and their other ends. */
export function planOfAudit(request: AuditRequest): { readonly plan: Plan; readonly host: PlannedHost } {
  const { name, addresses, names, roles } = request.host;
  const platform = platforms.find((one) => one === request.host.platform) satisfies Platform | undefined;
  // All in one zone: what others see instead of an address is in the message already.
  const common = { zone: '', names: [], roles: [], managed: false };
  const host: PlannedHost = {
    ...common,
    ...{ name, addresses, names, managed: true },
    ...(platform === undefined ? {} : { platform }),
    roles: roles.filter(isRole),
  };
  const peers = request.peers.map((peer): PlannedHost => ({ ...common, ...peer }));
  const flows = request.rules.map((rule): Flow => {
    const others = rule.peers.map((place) => peers[place]).filter((peer) => peer !== undefined);
    const known = (ids: readonly string[]): ChannelId[] => ids.filter(isChannelId);
    return {
      id: rule.id,
      from: rule.direction === 'in' ? others : [host],
      to: rule.direction === 'in' ? [host] : others,
      transport: rule.transport,
      ports: rule.ports,
      origin: rule.origin,
      channels: known(rule.channels),
      rows: [],
      features: [],
      reasons: rule.reasons,
      fallbackFor: known(rule.fallbackFor),
      leased: rule.leased,
    };
  });
  return { plan: { name, hosts: [host, ...peers], flows, notes: [] }, host };
}
