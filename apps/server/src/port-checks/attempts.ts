import { channel, formatRange, type PortRange, type ProcessName } from '@holdfast/contract';
import type { Flow, Plan, PlannedHost } from '@holdfast/contract/plan';
import { HoldfastError } from '@holdfast/core';
import type { CheckResult } from '@holdfast/protocol';
import { maxCheckPairs } from '../limits.ts';
import type { Fleet, FleetComputer, Program } from './fleet.ts';

/** What one program dials at one computer. */
export interface Attempt {
  readonly from: FleetComputer;
  readonly dials: Program;
  readonly to: Destination;
  readonly openings: readonly Opening[];
}

/** A computer of the fleet, or a neighbour, with which nothing can be agreed. */
export interface Destination {
  readonly name: string;
  readonly host: PlannedHost;
  readonly addresses: readonly string[];
}

export interface Opening {
  readonly flow: Flow;
  /** Those that are tried. */
  readonly ports: readonly number[];
  /** What waits there, or lets the check wait. The server's own services always run. */
  readonly listens?: Program | undefined;
}

export interface AttemptOptions {
  /** How the ports of a range are chosen. */
  readonly triedPorts: (range: PortRange) => readonly number[];
  /** Names of hosts: only what begins or ends there. */
  readonly hosts?: ReadonlySet<string> | undefined;
}

/** Every flow of the plan as pairs of computers, with the programs that would really connect and listen. Throws `internal.limit`. */
export function attemptsOf(
  plan: Plan,
  fleet: Fleet,
  o: AttemptOptions,
): { readonly attempts: readonly Attempt[]; readonly unchecked: readonly CheckResult[] } {
  const attempts = new Map<string, { attempt: Attempt; openings: Opening[] }>();
  const unchecked: CheckResult[] = [];
  for (const flow of plan.flows) {
    if (flow.origin !== 'contract') continue;
    const ports = flow.ports.flatMap(o.triedPorts);
    for (const from of flow.from)
      for (const to of flow.to) {
        const isWanted = !o.hosts || o.hosts.has(from.name) || o.hosts.has(to.name);
        if (!isWanted || from === to) continue;
        if (attempts.size + unchecked.length > maxCheckPairs) throw tooMany();
        const pairs = flow.transport === 'tcp' ? pairsOf(fleet, flow, { from, to }) : noProbe(flow);
        if (typeof pairs === 'string') {
          unchecked.push(notTried({ from: from.name, to: to.name, flow, reason: pairs }));
          continue;
        }
        for (const { key, listens, ...pair } of pairs) {
          const known = attempts.get(key);
          const opening = { flow, ports, listens };
          if (known) known.openings.push(opening);
          else {
            const openings = [opening];
            attempts.set(key, { attempt: { ...pair, openings }, openings });
          }
        }
      }
  }
  return { attempts: [...attempts.values()].map(({ attempt }) => attempt), unchecked };
}

/** By name: the other ports of the same channel are checked. */
function noProbe({ transport, ports }: Flow): string {
  return `${transport} ${ports.map(formatRange).join(', ')} gives no answer to a probe, so that open and dropped look alike`;
}

function tooMany(): HoldfastError {
  return new HoldfastError('internal.limit', {
    message: `The plan has more than ${maxCheckPairs} pairs of computers, which is too many for one check.`,
    guidance: 'Check some hosts at a time, or say in the topology which of the targets each computer uses.',
  });
}

type Pair = Omit<Attempt, 'openings'> & { readonly key: string; readonly listens: Program | undefined };

/** Or why there are none. */
function pairsOf(
  fleet: Fleet,
  flow: Flow,
  ends: { readonly from: PlannedHost; readonly to: PlannedHost },
): readonly Pair[] | string {
  const diallers = fleet.computers.get(ends.from) ?? [];
  const listeners = ends.to.managed ? (fleet.computers.get(ends.to) ?? []) : [ends.to];
  const pairs: Pair[] = [];
  for (const from of diallers) {
    const dials = programOf(from, flow, 'from');
    if (!dials) continue;
    for (const to of listeners) {
      const listens = 'programs' in to ? programOf(to, flow, 'to') : undefined;
      if ('programs' in to && (!listens || to.programs.size === 0)) continue;
      const destination = 'programs' in to ? to : { name: to.name, host: to, addresses: singleAddresses(to) };
      if (destination.addresses.length === 0 && namesOf(destination).length === 0) continue;
      const key = `${from.name} ${dials.process} ${destination.name} ${destination.addresses.join()}`;
      pairs.push({ key, from, dials, to: destination, listens: listens?.process === 'server' ? undefined : listens });
    }
  }
  if (pairs.length > 0) return pairs;
  if (!diallers.some((from) => programOf(from, flow, 'from')))
    return `nothing on ${ends.from.name} that would connect has joined the server`;
  return ends.to.managed
    ? `nothing on ${ends.to.name} that would listen has joined the server`
    : `neither an address nor a name of ${ends.to.name} is known`;
}

/** The computer's program that the first channel of the flow names, of those that it has. */
function programOf({ programs }: FleetComputer, flow: Flow, end: 'from' | 'to'): Program | undefined {
  const named = flow.channels.flatMap((id): readonly ProcessName[] => channel(id).processes[end]);
  const first = named.find((one): one is Program['process'] => isAsked(one) && programs.has(one));
  return first && programs.get(first);
}

function isAsked(name: ProcessName): name is Program['process'] {
  return name === 'server' || name === 'agent' || name === 'mover';
}

const singleAddresses = ({ addresses }: PlannedHost): readonly string[] =>
  addresses.filter((address) => !address.includes('/'));

/** Names that can be asked for. */
export function namesOf({ host }: Destination): readonly string[] {
  return host.names.filter((name) => !name.includes('*'));
}

export function notTried(o: {
  readonly from: string;
  readonly to: string;
  readonly flow: Flow;
  readonly reason: string;
}): CheckResult {
  const { from, to, flow, reason } = o;
  return {
    from,
    to,
    outcome: 'unchecked',
    tried: 0,
    flow: flow.id,
    channels: [...flow.channels],
    diagnoses: [],
    reason,
  };
}
