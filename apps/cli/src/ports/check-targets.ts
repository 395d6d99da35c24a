import { isIPv6 } from 'node:net';
import { channel } from '@holdfast/contract';
import type { Flow, Plan, PlannedHost } from '@holdfast/contract/plan';
import { HoldfastError } from '@holdfast/core';
import { type ProbePort, resolveName, triedPorts } from '@holdfast/wire/probe';

/** Ports of one address of one host that a flow opens. */
export interface CheckTarget {
  readonly host: PlannedHost;
  readonly address: string;
  readonly ports: readonly ProbePort[];
  /** Why the plan opens a port. */
  readonly flows: ReadonlyMap<number, Flow>;
}

/** What a check leaves out, with the reason. */
export interface Unchecked {
  readonly flow: Flow;
  readonly host: PlannedHost;
  readonly reason: string;
}

/** @throws `usage.option` for a host that the plan has no rules for. */
export function plannedHost(plan: Plan, name: string): PlannedHost {
  const managed = plan.hosts.filter((host) => host.managed);
  const found = managed.find((host) => host.name === name);
  if (found) return found;
  const names = managed.slice(0, 20).map((host) => host.name);
  throw new HoldfastError('usage.option', {
    message: `--host ${name}: the topology has no such host with rules of its own.`,
    guidance: `Give the name of this computer in the topology: ${names.join(', ')}${names.length < managed.length ? ' …' : ''}.`,
  });
}

/** Where a host has to listen, whatever sample the dialling end takes. */
export function listeningPorts(plan: Plan, host: PlannedHost): readonly number[] {
  const incoming = plan.flows.filter((flow) => isOurs(flow) && flow.to.includes(host));
  const ports = incoming.flatMap((flow) => flow.ports.flatMap((range) => triedPorts(range, true)));
  return [...new Set(ports)].sort((a, b) => a - b);
}

const isOurs = (flow: Flow): boolean => flow.origin === 'contract' && flow.transport === 'tcp';

/** Every address and port that the plan lets a host dial. */
export async function checkTargets(
  plan: Plan,
  from: PlannedHost,
  o: { readonly allPorts: boolean; readonly signal: AbortSignal },
): Promise<{ readonly targets: readonly CheckTarget[]; readonly unchecked: readonly Unchecked[] }> {
  const unchecked: Unchecked[] = [];
  const byAddress = new Map<
    string,
    { host: PlannedHost; address: string; ports: Map<number, ProbePort>; flows: Map<number, Flow> }
  >();
  for (const flow of plan.flows.filter((one) => one.from.includes(from))) {
    const ports = flow.ports.flatMap((range) => triedPorts(range, o.allPorts));
    for (const host of flow.to.filter((one) => one !== from)) {
      const addresses =
        flow.transport === 'tcp'
          ? await addressesOf(host, o.signal)
          : 'UDP gives no answer to a probe, so that open and dropped look alike';
      if (typeof addresses === 'string') {
        unchecked.push({ flow, host, reason: addresses });
        continue;
      }
      for (const address of addresses.filter((one) => isInFamilyOf(one, from))) {
        const key = `${host.name} ${address}`;
        const target = byAddress.get(key) ?? {
          host,
          address,
          ports: new Map<number, ProbePort>(),
          flows: new Map<number, Flow>(),
        };
        byAddress.set(key, target);
        for (const port of ports) {
          const known = target.ports.get(port);
          const roles = flow.channels.flatMap((id) => channel(id).certificates.to);
          target.ports.set(port, {
            port,
            // One port of a flow shows what the way does to a connection.
            isFull: port === ports[0] || known?.isFull === true,
            roles: [...new Set([...(known?.roles ?? []), ...roles])],
          });
          if (!known) target.flows.set(port, flow);
        }
      }
    }
  }
  const targets = [...byAddress.values()].map((target) => ({ ...target, ports: [...target.ports.values()] }));
  return { targets, unchecked };
}

/** The addresses to dial, or why there are none. */
async function addressesOf(host: PlannedHost, signal: AbortSignal): Promise<readonly string[] | string> {
  const single = host.addresses.filter((address) => !address.includes('/'));
  if (single.length > 0) return single;
  if (host.addresses.length > 0) return 'the topology has a prefix for it, not its address';
  const name = host.names.find((one) => !one.includes('*'));
  if (name === undefined) return 'it is known by a pattern of names only';
  try {
    return await resolveName(name, signal);
  } catch {
    signal.throwIfAborted();
    return `the name ${name} is not resolved`;
  }
}

/** Who has no address of that family can't dial one. */
function isInFamilyOf(address: string, from: PlannedHost): boolean {
  return from.addresses.length === 0 || from.addresses.some((own) => isSix(own) === isIPv6(address));
}

const isSix = (address: string): boolean => address.includes(':');

/** Addresses of a host in the family of another address, for the rule to ask for. */
export function sameFamily(host: PlannedHost, address: string): readonly string[] {
  return host.addresses.filter((own) => isSix(own) === isSix(address));
}
