import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { type Clock, HoldfastError, hasCode } from '@holdfast/core';
import { type CheckResult, limits, type TryEvent, type TryRequest } from '@holdfast/protocol';
import type { PortState } from '@holdfast/wire/probe';
import type { TenantScope } from '../catalogue/catalogue.ts';
import {
  dialBaseMs,
  dialFullMs,
  dialPlainMs,
  listenStartMs,
  maxCallBytes,
  maxCallMs,
  maxConnectionsFromOne,
  maxConnectionsToOne,
  maxConnectionsToOneWithIdle,
  maxDiallersAtOnce,
  maxPairsAtOnce,
  maxTargetsPerCall,
} from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';
import { type Attempt, namesOf, notTried, type Opening } from './attempts.ts';
import { atBestAddress, checkResults } from './check-results.ts';
import type { FleetComputer, Program } from './fleet.ts';
import type { FleetWork } from './fleet-work.ts';
import { reasonOf } from './plain-text.ts';
import type { PortPeers } from './port-peers.ts';
import { idOf, type Keyed, listenersOf, lostListener, startListening, stateOf, type Waiting } from './waiting.ts';

export interface CheckJob {
  readonly work: FleetWork<CheckResult>;
  readonly scope: TenantScope;
  readonly peers: Pick<PortPeers, 'reach'>;
  readonly clock: Clock;
  readonly payloadBytes: number;
  readonly idleMs: number | undefined;
  /** The plan is of an inventory, which has every address of the server's computer, whichever of them others use. */
  readonly anyAddress: boolean;
  readonly signal: AbortSignal;
}

/** Programs that did not answer, with the reason: in what is left of the check nobody waits for them again. */
interface Gone {
  readonly listeners: Map<string, string>;
  readonly diallers: Map<string, string>;
}

/** What one program dials by one call. */
type Unit = readonly Attempt[];

/**
 * Tries every attempt: those who dial at the same time are a wave, and what they dial waits for them alone and as long as the
 * wave lasts.
 */
export async function runCheck(attempts: readonly Attempt[], job: CheckJob): Promise<void> {
  const gone: Gone = { listeners: new Map(), diallers: new Map() };
  for (const wave of wavesOf(attempts)) {
    job.signal.throwIfAborted();
    await runWave(wave, job, gone);
  }
}

function* wavesOf(attempts: readonly Attempt[]): Generator<readonly Unit[]> {
  let wave: Unit[] = [];
  let pairs = 0;
  for (const dialled of Map.groupBy(attempts, ({ from, dials }) => keyOf(from, dials)).values())
    for (let at = 0; at < dialled.length; at += maxTargetsPerCall) {
      const unit = dialled.slice(at, at + maxTargetsPerCall);
      if (wave.length >= maxDiallersAtOnce || pairs + unit.length > maxPairsAtOnce) {
        yield wave;
        wave = [];
        pairs = 0;
      }
      wave.push(unit);
      pairs += unit.length;
    }
  if (wave.length > 0) yield wave;
}

const keyOf = (computer: FleetComputer, program: Program): string => `${computer.name} ${program.process}`;

async function runWave(units: readonly Unit[], job: CheckJob, gone: Gone): Promise<void> {
  const keyed = new Map(
    units.map((unit) => [
      unit,
      unit.map((attempt): Keyed => ({ attempt, secret: randomBytes(32).toString('base64url') })),
    ]),
  );
  const stop = new AbortController();
  const signal = AbortSignal.any([job.signal, stop.signal]);
  const shares = sharesOf(units, job);
  const limitMs = Math.max(...units.map((unit) => dialLimitMs(unit, { job, atOnce: shares.get(unit) ?? 1 })));
  const listeners = listenersOf([...keyed.values()].flat());
  const waiting = new Map<string, Waiting>();
  const ending: Promise<unknown>[] = [];
  try {
    await Promise.all(
      listeners.map(async (listener) => {
        const id = idOf(listener.program);
        const known = gone.listeners.get(id);
        if (known !== undefined) {
          waiting.set(id, { kind: 'failed', reason: known, isGone: true });
          return;
        }
        const { started, ended } = startListening(listener, { ...job, signal, forMs: listenStartMs + limitMs });
        ending.push(ended);
        const found = await started;
        waiting.set(id, found);
        if (found.kind === 'failed' && found.isGone) gone.listeners.set(id, found.reason);
      }),
    );
    job.signal.throwIfAborted();
    await Promise.all(
      [...keyed].map(([unit, pairs]) =>
        dialUnit(pairs, { job, waiting, gone, limitMs, atOnce: shares.get(unit) ?? 1 }),
      ),
    );
  } finally {
    stop.abort(new HoldfastError('run.cancelled', { message: 'The check is over.' }));
    await Promise.all(ending);
  }
}

async function dialUnit(
  keyed: readonly Keyed[],
  o: {
    readonly job: CheckJob;
    readonly waiting: ReadonlyMap<string, Waiting>;
    readonly gone: Gone;
    readonly limitMs: number;
    readonly atOnce: number;
  },
): Promise<void> {
  const { job, gone, atOnce } = o;
  const probe = await import('@holdfast/wire/probe');
  const dials = keyed[0]?.attempt.dials;
  if (!dials) return;
  const left = new Map<number, { readonly one: Keyed; readonly openings: readonly Opening[] }>();
  for (const [id, one] of keyed.entries()) {
    const openings = one.attempt.openings.filter((opening) => isTried(one.attempt, opening, o));
    if (openings.length > 0) left.set(id, { one, openings });
    else job.work.done += 1;
  }
  const targets = [...left].map(([id, { one, openings }]) =>
    targetOf(id, one, { openings, probe, waiting: o.waiting }),
  );
  if (targets.length === 0) return;
  const onEvent = (event: TryEvent): void => {
    const asked = left.get(event.target);
    if (!asked) return;
    left.delete(event.target);
    const { attempt } = asked.one;
    const all = checkResults(attempt, event.results, { probe, stateOf: (one, port) => stateOf(one, port, o.waiting) });
    const told = job.anyAddress ? atBestAddress(all) : all;
    for (const { opening, result } of told) {
      const lost = result.outcome === 'failed' && opening?.flow.leased && lostListener(opening, o.waiting);
      // Its ports were closed meanwhile, which is no finding.
      if (opening && lost) leave(job, attempt, opening, lost);
      else
        job.work.add(
          result.outcome === 'failed' ? 'failure' : result.outcome === 'warning' ? 'warning' : 'good',
          result,
        );
    }
    for (const opening of asked.openings.filter((one) => !told.some((result) => result.opening === one))) {
      const named = event.unchecked.find(({ channels }) => opening.flow.channels.some((id) => channels.includes(id)));
      leave(job, attempt, opening, named?.reason ?? 'no address of it could be tried');
    }
    job.work.done += 1;
  };
  const limited = <T>(limitMs: number, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const message = `It took longer than ${Math.round(limitMs / 1000)} s.`;
    const expired = (): HoldfastError => new HoldfastError('run.timeout', { message });
    return withTimeLimit({ clock: job.clock, limitMs, signal, expired, work });
  };
  let failure = gone.diallers.get(idOf(dials));
  try {
    if (failure === undefined)
      await limited(o.limitMs, job.signal, async (whole) => {
        await using peer = await job.peers.reach(job.scope, dials, whole);
        for (const { targets: some, limitMs } of callsOf(targets, o)) {
          const { payloadBytes, idleMs } = job;
          const forMs = Math.min(limitMs, o.limitMs);
          const request: TryRequest = { targets: some, payloadBytes, ...(idleMs ? { idleMs } : {}), atOnce, forMs };
          await limited(forMs, whole, (signal) => peer.dial(request, { signal, onEvent }));
        }
      });
  } catch (error) {
    job.signal.throwIfAborted();
    failure = reasonOf(error);
    if (hasCode(error, 'run.timeout')) gone.diallers.set(idOf(dials), failure);
  }
  failure ??= 'it told nothing about this one';
  for (const { one, openings } of left.values()) {
    for (const opening of openings)
      leave(job, one.attempt, opening, `the ${dials.process} on ${one.attempt.from.name} could not try it: ${failure}`);
    job.work.done += 1;
  }
}

/** False, and said why, where it is known beforehand that an attempt would tell nothing. */
function isTried(
  attempt: Attempt,
  opening: Opening,
  o: { readonly job: CheckJob; readonly waiting: ReadonlyMap<string, Waiting> },
): boolean {
  const { listens, flow } = opening;
  const waiting = listens && o.waiting.get(idOf(listens));
  if (dialledAddresses(attempt).length === 0 && namesOf(attempt.to).length === 0) {
    leave(o.job, attempt, opening, 'the two have no addresses of the same kind (IPv4, IPv6)');
    return false;
  }
  // Where nothing waits a refusal would say nothing; a service that should run is tried all the same.
  if (!listens || !waiting || !flow.leased) return true;
  if (waiting.kind === 'waits' && !waiting.event.leasesOnly) return true;
  const reason =
    waiting.kind === 'waits'
      ? `the firewall of ${attempt.to.name} opens it for single peers (firewallLeases), and there are too many of them`
      : `the ${listens.process} on ${attempt.to.name} does not wait there: ${waiting.reason}`;
  leave(o.job, attempt, opening, reason);
  return false;
}

/** Who has no address of that family can't dial one. */
function dialledAddresses({ from, to }: Attempt): readonly string[] {
  return to.addresses.filter(
    (address) => from.addresses.length === 0 || from.addresses.some((own) => isIPv6(own) === isIPv6(address)),
  );
}

function leave({ work }: CheckJob, { from, to }: Attempt, { flow }: Opening, reason: string): void {
  work.add('unchecked', notTried({ from: from.name, to: to.name, flow, reason }));
}

function targetOf(
  id: number,
  { attempt, secret }: Keyed,
  o: { readonly openings: readonly Opening[]; readonly probe: Probe; readonly waiting: ReadonlyMap<string, Waiting> },
): Target {
  const { from, to } = attempt;
  const states = o.openings.flatMap((opening) =>
    opening.ports.flatMap((port): [number, PortState][] => {
      const state = stateOf(opening, port, o.waiting);
      if (!state || state.kind === 'open') return [];
      return [[port, state.kind === 'held' ? o.probe.withoutHolder(state) : state]];
    }),
  );
  const waits = ({ listens }: Opening): boolean => (listens && o.waiting.get(idOf(listens)))?.kind === 'waits';
  return {
    id,
    addresses: [...dialledAddresses(attempt)],
    names: [...namesOf(to)],
    secret,
    sources: [...from.addresses, ...(from.host.seenAs?.addresses ?? [])].filter((address) => !address.includes('/')),
    openings: o.openings.map((opening) => ({
      channels: [...opening.flow.channels],
      ports: [...opening.ports],
      waits: waits(opening),
    })),
    states,
  };
}

type Probe = typeof import('@holdfast/wire/probe');
type Target = TryRequest['targets'][number];

/** How many connections each unit may have at once, so that nobody is dialled by more than its listener or service takes. */
function sharesOf(units: readonly Unit[], { idleMs }: CheckJob): ReadonlyMap<Unit, number> {
  const most = idleMs === undefined ? maxConnectionsToOne : maxConnectionsToOneWithIdle;
  const diallers = new Map<string, number>();
  const dialled = (unit: Unit): ReadonlySet<string> => new Set(unit.map(({ to }) => to.name));
  for (const unit of units) for (const name of dialled(unit)) diallers.set(name, (diallers.get(name) ?? 0) + 1);
  const ofOne = Map.groupBy(units, ([first]) => first && keyOf(first.from, first.dials));
  return new Map(
    units.map((unit) => {
      const [first] = unit;
      const beside = ofOne.get(first && keyOf(first.from, first.dials))?.length ?? 1;
      const shares = [...dialled(unit)].map((name) => most / (diallers.get(name) ?? 1));
      return [unit, Math.max(1, Math.floor(Math.min(maxConnectionsFromOne / beside, ...shares)))];
    }),
  );
}

/** Above what the worst of everything takes, for all that one program dials in a wave. */
function dialLimitMs(unit: Unit, { job, atOnce }: { readonly job: CheckJob; readonly atOnce: number }): number {
  const all = unit.map(({ openings, to }) => ({ openings, addresses: to.addresses }));
  // Those that listen do so for that long at most.
  return Math.min(limitOf(all, { atOnce, idleMs: job.idleMs }), limits.maxListenMs - listenStartMs);
}

interface Dialled {
  readonly addresses: readonly string[];
  readonly openings: readonly { readonly ports: readonly number[] }[];
}

function limitOf(all: readonly Dialled[], o: { readonly atOnce: number; readonly idleMs: number | undefined }): number {
  const worst = all.reduce((sum, one) => sum + worstMs(one), 0);
  return dialBaseMs + Math.ceil(worst / o.atOnce) + 2 * (o.idleMs ?? 0);
}

/** One port of each opening is tried in full. */
function worstMs({ openings, addresses }: Dialled): number {
  const atOne = openings.reduce((sum, { ports }) => sum + dialFullMs + (ports.length - 1) * dialPlainMs, 0);
  return Math.max(1, addresses.length) * atOne;
}

/**
 * What is dialled by one call after the other: each fits a frame, and whoever says nothing at all is given up after some
 * minutes. While idle connections are measured all are waited for at once.
 */
function* callsOf(
  targets: readonly Target[],
  { atOnce, job: { idleMs } }: { readonly atOnce: number; readonly job: CheckJob },
): Generator<{ readonly targets: Target[]; readonly limitMs: number }> {
  let call: Target[] = [];
  let bytes = 0;
  let worst = 0;
  const made = (): { readonly targets: Target[]; readonly limitMs: number } => ({
    targets: call,
    limitMs: limitOf(call, { atOnce, idleMs }),
  });
  for (const target of targets) {
    const [more, longer] = [JSON.stringify(target).length, worstMs(target)];
    const isLong = idleMs === undefined && worst + longer > atOnce * maxCallMs;
    if (call.length > 0 && (isLong || bytes + more > maxCallBytes)) {
      yield made();
      [call, bytes, worst] = [[], 0, 0];
    }
    call.push(target);
    bytes += more;
    worst += longer;
  }
  if (call.length > 0) yield made();
}
