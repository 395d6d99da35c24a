import { addAbortListener } from 'node:events';
import { BlockList, isIPv6 } from 'node:net';
import { type Channel, channel, channels, isChannelId, type PortRange, type ProcessName } from '@holdfast/contract';
import type { Plan, PlannedHost } from '@holdfast/contract/plan';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import type { PortOverrides } from '@holdfast/wire';
import type { PortStates, ProbePort, ProbeResult, Prober } from '@holdfast/wire/probe';
import { planOfAudit } from './audit-plan.ts';
import type { Handlers } from './calls.ts';
import { maxCheckLeases, maxFindings } from './limits.ts';
import type { AuditAnswer, AuditRequest, portMethods, TryEvent, TryRequest } from './port-messages.ts';

export interface PortHandlersOptions {
  /** The program that answers. */
  readonly process: ProcessName;
  /** Where its services listen. */
  readonly bind: string;
  /** Its configuration of ports. */
  readonly overrides: PortOverrides;
  /** Ports that it really listens on, where they are neither the contract's nor the configuration's. */
  readonly ownPorts: () => readonly number[];
  /** The CA of the installation: services that run already are judged by it. */
  readonly caPem: () => string;
  /** Opens the firewall here for single peers. Without it the ports have to be open anyway. */
  readonly leases: Leases | undefined;
  /** What audits this computer. Throws where the firewall can't be read. */
  readonly audit: (
    plan: Plan,
    host: PlannedHost,
    options: Pick<AuditRequest, 'otherwise' | 'unused' | 'use'> & { readonly signal: AbortSignal },
  ) => Promise<HostAudit>;
}

interface Leases {
  lease(
    opening: {
      readonly direction: 'in' | 'out';
      readonly peer: string;
      readonly port: number;
      readonly lifetimeMs: number;
    },
    signal?: AbortSignal,
  ): Promise<AsyncDisposable>;
}

interface HostAudit {
  readonly findings: readonly AuditAnswer['findings'][number][];
  readonly notes: readonly string[];
}

export type PortHandlers = Required<Handlers<typeof portMethods>>;
type Target = TryRequest['targets'][number];

/**
 * What an agent or a mover does for the server in a check or an audit of the network. It takes the server's word for whom to
 * dial, but only along channels that this program dials, and waits only on ports that this program listens on: whatever is
 * asked, nothing else is opened, and no port of the computer itself or of its link is tried.
 */
export function portHandlers(o: PortHandlersOptions): PortHandlers {
  const room = new LeaseRoom();
  let current: { readonly over: AbortSignal; readonly ended: Promise<void> } | undefined;
  return {
    'ports.listen': async ({ admissions, forMs }, { emit, signal }) => {
      const own = ownPorts(o);
      for (const { ports } of admissions) refuseForeignPorts(o, ports, own);
      if (current && !current.over.aborted)
        throw new HoldfastError('request.conflict', { message: 'Another check waits on the ports of this computer.' });
      const before = current?.ended;
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const over = AbortSignal.any([signal, AbortSignal.timeout(forMs)]);
      current = { over, ended };
      try {
        // One that was just cancelled gives its ports back first.
        await before;
        const { ProbeListener, probeKey } = await import('@holdfast/wire/probe');
        const isAnywhere = o.bind === '0.0.0.0' || o.bind === '::';
        await using listener = await ProbeListener.start({
          ports: [...new Set(admissions.flatMap(({ ports }) => ports))],
          admissions: admissions.flatMap(({ ports, secrets }) =>
            secrets.map((secret) => ({ key: probeKey(Buffer.from(secret, 'base64url')), ports })),
          ),
          // Whoever has taken over one computer learns nothing of the programs of others; the server does.
          namesHolders: false,
          addresses: [isAnywhere ? '127.0.0.1' : o.bind],
          host: o.bind,
          signal,
        });
        const leased = admissions.flatMap(({ ports, peers }) =>
          ports.filter((port) => isIn(port, leasedPorts(o))).flatMap((port) => peers.map((peer) => ({ peer, port }))),
        );
        using place = o.leases && room.take(leased.length);
        await using _leases = place && (await lease(o, 'in', leased, { forMs, signal: over }));
        await emit({ states: [...listener.states], leasesOnly: o.leases !== undefined && !place });
        await aborted(over);
        return {};
      } finally {
        end();
      }
    },
    'ports.try': async ({ targets, payloadBytes, idleMs, atOnce, forMs }, { emit, signal }) => {
      const probe = await import('@holdfast/wire/probe');
      const prober = new probe.Prober({ caPem: o.caPem(), payloadBytes, idleMs, atOnce, signal });
      const attempt = async (target: Target): Promise<TryEvent> => {
        try {
          return await tryTarget(prober, target, { ...o, room, forMs, signal });
        } catch (error) {
          signal.throwIfAborted();
          // What keeps it from one, a firewall that refuses a lease, keeps it from no other.
          const reason = toHoldfastError(error).message.replace(/\.$/, '');
          const unchecked = target.openings.map((opening) => ({ channels: opening.channels, reason }));
          return { target: target.id, results: [], unchecked };
        }
      };
      await Promise.all(targets.map(async (target) => emit(await attempt(target))));
      return {};
    },
    'ports.audit': async (request, { signal }) => {
      const { plan, host } = planOfAudit(request);
      const { otherwise, unused, use } = request;
      const { findings, notes } = await o.audit(plan, host, { otherwise, unused, use, signal });
      return {
        findings: findings.slice(0, maxFindings),
        findingCount: findings.length,
        notes: notes.slice(0, 100),
      };
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  else addAbortListener(signal, () => resolve());
  return promise;
}

function isOpen(entry: Channel): boolean {
  return entry.transport === 'tcp' && !entry.loopbackOnly && entry.id !== 'probe';
}

/** Where this program listens for others. Channels that share a port share the configuration of whichever has one. */
function ownPorts(o: PortHandlersOptions): readonly PortRange[] {
  const listened = channels.filter((entry) => isOpen(entry) && entry.processes.to.includes(o.process));
  const configured = listened.flatMap(({ id }) => o.overrides[id] ?? []);
  const ranges = configured.map((given) => (typeof given === 'number' ? { from: given, to: given } : given));
  return [
    ...listened.flatMap(({ ports }) => ports),
    ...ranges,
    ...o.ownPorts().map((port) => ({ from: port, to: port })),
  ];
}

/** Of these, the ones that sessions have for themselves. */
function leasedPorts(o: PortHandlersOptions): readonly PortRange[] {
  const all = channels.filter((entry) => isOpen(entry) && isLeased(entry) && entry.processes.to.includes(o.process));
  return all.flatMap(({ id, ports }) => {
    const given = o.overrides[id];
    return given === undefined ? ports : [typeof given === 'number' ? { from: given, to: given } : given];
  });
}

const isIn = (port: number, ranges: readonly PortRange[]): boolean =>
  ranges.some(({ from, to }) => from <= port && port <= to);

function refuseForeignPorts(o: PortHandlersOptions, ports: readonly number[], own: readonly PortRange[]): void {
  const foreign = ports.find((port) => !isIn(port, own));
  if (foreign === undefined) return;
  throw new HoldfastError('auth.forbidden', {
    message: `Port ${foreign} is none that the ${o.process} of this computer listens on: it is not opened for a check.`,
    guidance: `Correct the ports of this host in the topology, or in the configuration of its ${o.process}.`,
  });
}

/** Below that a port that is not the contract's belongs to another service. */
const firstFreePort = 1_024;

/** Why this program does not dial that: it is nobody's word but its own. */
function refusalOf(
  o: PortHandlersOptions,
  { channels: ids, ports }: Pick<Target['openings'][number], 'channels' | 'ports'>,
): string | undefined {
  const along = ids.filter(isChannelId).map((id) => channel(id));
  const dialled = along.filter((entry) => isOpen(entry) && entry.processes.from.includes(o.process));
  if (dialled.length === 0) return `the ${o.process} of this computer dials nobody along ${ids.join(', ')}`;
  const contracted = dialled.flatMap((entry) => entry.ports);
  const foreign = ports.find((port) => port < firstFreePort && !isIn(port, contracted));
  return foreign === undefined
    ? undefined
    : `port ${foreign} is none of ${ids.join(', ')}, and belongs to another service`;
}

/** The computer itself, its link, and groups: what is there is no peer of a plan. */
const noPeers = new BlockList();
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  noPeers.addSubnet(net, prefix);
for (const [net, prefix] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  noPeers.addSubnet(net, prefix, 'ipv6');

/** IPv4 within IPv6 is judged as IPv4 by the list itself. */
const isPeer = (address: string): boolean => !noPeers.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

async function tryTarget(
  prober: Prober,
  target: Target,
  o: PortHandlersOptions & { readonly room: LeaseRoom; readonly forMs: number; readonly signal: AbortSignal },
): Promise<TryEvent> {
  const { checkNames, probeKey, resolveName } = await import('@holdfast/wire/probe');
  const { signal } = o;
  const results: TryEvent['results'] = [];
  const about = target.names.join(', ');
  const disagreements = await checkNames({ names: target.names, addresses: target.addresses, signal });
  if (disagreements.length > 0) results.push({ address: about, how: 'names', diagnoses: [...disagreements].map(copy) });
  let { addresses } = target;
  const [name] = target.names;
  if (addresses.length === 0 && name !== undefined) {
    try {
      addresses = [...(await resolveName(name, signal))];
    } catch {
      signal.throwIfAborted();
      // The check of names has said so.
    }
  }
  const nobody = addresses.find((address) => !isPeer(address));
  const unchecked: TryEvent['unchecked'] = [];
  const ours: ProbePort[] = [];
  const outside: number[] = [];
  const leased: { peer: string; port: number }[] = [];
  using places = new DisposableStack();
  for (const { channels: ids, ports } of target.openings) {
    const along = ids.filter(isChannelId).map((id) => channel(id));
    const roles = [...new Set(along.flatMap(({ certificates }) => certificates.to))];
    const refusal =
      nobody === undefined ? refusalOf(o, { channels: ids, ports }) : `${nobody} is no address of another computer`;
    if (refusal !== undefined) unchecked.push({ channels: ids, reason: refusal });
    else if (along.every(({ processes }) => processes.to.includes('outside'))) outside.push(...ports);
    else {
      if (o.leases && along.every(isLeased)) {
        const place = o.room.take(ports.length * addresses.length);
        if (!place) {
          unchecked.push({ channels: ids, reason: leasedReason });
          continue;
        }
        places.use(place);
        leased.push(...ports.flatMap((port) => addresses.map((peer) => ({ peer, port }))));
      }
      for (const port of ports) ours.push({ port, roles, isFull: port === ports[0] });
    }
  }
  await using _leases = await lease(o, 'out', leased, o);
  const key = probeKey(Buffer.from(target.secret, 'base64url'));
  const waiting = target.openings.filter(({ waits }) => waits).flatMap((opening) => opening.ports);
  const states: PortStates = new Map([
    ...waiting.map((port) => [port, { kind: 'open', unproven: 0 }] as const),
    ...target.states,
  ]);
  const found = await Promise.all(
    addresses.filter(isPeer).flatMap((address) => [
      prober.checkHost({
        address,
        ports: ours,
        key,
        sources: target.sources,
        ...(states.size > 0 ? { states } : {}),
      }),
      ...outside.map((port) => prober.reach({ address, port }).then((one): readonly ProbeResult[] => [one])),
    ]),
  );
  for (const { diagnoses, ...rest } of found.flat()) results.push({ ...rest, diagnoses: diagnoses.map(copy) });
  return { target: target.id, results, unchecked };
}

const leasedReason = `the firewall here opens such ports for single peers (firewallLeases), at most ${maxCheckLeases} at once for checks; a backup tries it`;

/** How many openings checks may still have in the firewall here, all together. */
class LeaseRoom {
  #left = maxCheckLeases;

  /** Undefined: there is not enough room. */
  take(openings: number): Disposable | undefined {
    if (openings > this.#left) return undefined;
    this.#left -= openings;
    return {
      [Symbol.dispose]: () => {
        this.#left += openings;
      },
    };
  }
}

const isLeased = ({ busy }: Channel): boolean => busy.kind === 'onePortPerConnection';

/** Opens the firewall here for these peers and ports, where it is closed but for leases; disposing closes it again. */
async function lease(
  { leases }: PortHandlersOptions,
  direction: 'in' | 'out',
  openings: readonly { readonly peer: string; readonly port: number }[],
  o: { readonly forMs: number; readonly signal: AbortSignal },
): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  if (leases)
    for (const { peer, port } of openings)
      stack.use(await leases.lease({ direction, peer, port, lifetimeMs: o.forMs }, o.signal));
  return stack.move();
}

/** Messages have lists that may be written to. */
function copy(diagnosis: ProbeResult['diagnoses'][number]): TryEvent['results'][number]['diagnoses'][number] {
  if (diagnosis.kind !== 'names-disagree') return diagnosis;
  return { ...diagnosis, found: [...diagnosis.found], planned: [...diagnosis.planned] };
}
