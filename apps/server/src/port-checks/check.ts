import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { CheckResult, ListenEvent, TryEvent, TryRequest } from '@holdfast/protocol';
import type { PortState } from '@holdfast/wire/probe';
import type { TenantScope } from '../catalogue/catalogue.ts';
import {
  dialBaseMs,
  dialRoundMs,
  listenStartMs,
  maxDiallersAtOnce,
  maxPairsAtOnce,
  maxTargetsPerCall,
} from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';
import { type Attempt, namesOf, notTried, type Opening } from './attempts.ts';
import { checkResults } from './check-results.ts';
import type { FleetComputer, Program } from './fleet.ts';
import type { FleetWork } from './fleet-work.ts';
import type { PortPeers } from './port-peers.ts';

export interface CheckJob {
  readonly work: FleetWork<CheckResult>;
  readonly scope: TenantScope;
  readonly peers: Pick<PortPeers, 'reach'>;
  readonly clock: Clock;
  readonly payloadBytes: number;
  readonly idleMs: number | undefined;
  readonly signal: AbortSignal;
}

/** An attempt with the secret of its two ends. */
interface Keyed {
  readonly attempt: Attempt;
  readonly secret: string;
}

/** What a program that waits has said, or why it does not wait. */
type Waiting =
  | { readonly kind: 'waits'; readonly event: ListenEvent; readonly states: ReadonlyMap<number, PortState> }
  | { readonly kind: 'failed'; readonly reason: string };

/** What one program dials by one call. */
type Unit = readonly Attempt[];

/**
 * Tries every attempt: those who dial at the same time are a wave, and what they dial waits for them alone and as long as the
 * wave lasts.
 */
export async function runCheck(attempts: readonly Attempt[], job: CheckJob): Promise<void> {
  for (const wave of wavesOf(attempts)) {
    job.signal.throwIfAborted();
    await runWave(wave, job);
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
const idOf = (program: Program): string => (program.process === 'server' ? 'server' : program.computer.id);

async function runWave(units: readonly Unit[], job: CheckJob): Promise<void> {
  const keyed = units.map((attempts) =>
    attempts.map((attempt): Keyed => ({ attempt, secret: randomBytes(32).toString('base64url') })),
  );
  const stop = new AbortController();
  const signal = AbortSignal.any([job.signal, stop.signal]);
  const limitMs = Math.max(...units.map((attempts) => dialLimitMs(attempts, job)));
  const listeners = listenersOf(keyed.flat());
  const waiting = new Map<string, Waiting>();
  const ending: Promise<unknown>[] = [];
  try {
    await Promise.all(
      listeners.map(async (listener) => {
        const { started, ended } = startListening(listener, { job, signal, forMs: listenStartMs + limitMs });
        ending.push(ended);
        waiting.set(idOf(listener.program), await started);
      }),
    );
    job.signal.throwIfAborted();
    await Promise.all(keyed.map((attempts) => dialUnit(attempts, { job, waiting, limitMs })));
  } finally {
    stop.abort(new HoldfastError('run.cancelled', { message: 'The check is over.' }));
    await Promise.all(ending);
  }
}

interface Listener {
  readonly program: Program;
  /** By the ports, as text. */
  readonly admissions: ReadonlyMap<string, { readonly ports: number[]; readonly secrets: string[] }>;
}

/** Who has to wait, on which ports, and for whom. */
function listenersOf(all: readonly Keyed[]): readonly Listener[] {
  const listeners = new Map<
    string,
    { program: Program; admissions: Map<string, { ports: number[]; secrets: string[] }> }
  >();
  for (const { attempt, secret } of all)
    for (const [id, openings] of Map.groupBy(attempt.openings, ({ listens }) => listens && idOf(listens))) {
      const program = openings[0]?.listens;
      if (id === undefined || !program) continue;
      const listener = listeners.get(id) ?? {
        program,
        admissions: new Map<string, { ports: number[]; secrets: string[] }>(),
      };
      listeners.set(id, listener);
      const ports = [...new Set(openings.flatMap((one) => one.ports))].sort((a, b) => a - b);
      const admission = listener.admissions.get(ports.join()) ?? { ports, secrets: [] };
      listener.admissions.set(ports.join(), admission);
      admission.secrets.push(secret);
    }
  return [...listeners.values()];
}

/** `started` resolves when it waits, or does not; `ended` when it has been told to stop and everything is closed here. */
function startListening(
  { program, admissions }: Listener,
  o: { readonly job: CheckJob; readonly signal: AbortSignal; readonly forMs: number },
): { readonly started: Promise<Waiting>; readonly ended: Promise<void> } {
  const { job } = o;
  const waits = Promise.withResolvers<Waiting>();
  const giveUp = new AbortController();
  const over = AbortSignal.any([o.signal, giveUp.signal]);
  const listen = async (): Promise<void> => {
    try {
      await using peer = await job.peers.reach(job.scope, program, over);
      await peer.listen(
        { admissions: [...admissions.values()], forMs: o.forMs },
        {
          signal: over,
          onListening: (event) => waits.resolve({ kind: 'waits', event, states: new Map(event.states) }),
        },
      );
    } catch (error) {
      waits.resolve({ kind: 'failed', reason: reasonOf(error) });
    }
  };
  const ended = listen();
  const started = withTimeLimit({
    clock: job.clock,
    limitMs: listenStartMs,
    signal: o.signal,
    expired: () => new HoldfastError('run.timeout', { message: 'It did not answer in time.' }),
    work: (limited) => {
      limited.addEventListener('abort', () => giveUp.abort(limited.reason), { once: true });
      return waits.promise;
    },
  });
  return { started, ended };
}

function reasonOf(error: unknown): string {
  return toHoldfastError(error).message.replace(/\.$/, '');
}

async function dialUnit(
  keyed: readonly Keyed[],
  o: { readonly job: CheckJob; readonly waiting: ReadonlyMap<string, Waiting>; readonly limitMs: number },
): Promise<void> {
  const { job } = o;
  const { probe } = await tools();
  const dials = keyed[0]?.attempt.dials;
  if (!dials) return;
  const left = new Map<number, { readonly one: Keyed; readonly openings: readonly Opening[] }>();
  for (const [id, one] of keyed.entries()) {
    const openings = one.attempt.openings.filter((opening) => isTried(one.attempt, opening, o));
    if (openings.length > 0) left.set(id, { one, openings });
    else job.work.done += 1;
  }
  const request: TryRequest = {
    targets: [...left].map(([id, { one, openings }]) => targetOf(id, one, { openings, probe, waiting: o.waiting })),
    payloadBytes: job.payloadBytes,
    ...(job.idleMs === undefined ? {} : { idleMs: job.idleMs }),
  };
  if (request.targets.length === 0) return;
  const onEvent = (event: TryEvent): void => {
    const asked = left.get(event.target);
    if (!asked) return;
    left.delete(event.target);
    const { attempt } = asked.one;
    for (const result of checkResults(attempt, event.results, {
      probe,
      stateOf: (opening, port) => stateOf(opening, port, o.waiting),
    }))
      job.work.add(result.outcome === 'failed' ? 'failure' : result.outcome === 'warning' ? 'warning' : 'good', result);
    for (const { channels, reason } of event.unchecked)
      for (const opening of asked.openings)
        if (opening.flow.channels.some((id) => channels.includes(id))) leave(job, attempt, opening, reason);
    job.work.done += 1;
  };
  let failure = 'it told nothing about this one';
  try {
    await withTimeLimit({
      clock: job.clock,
      limitMs: o.limitMs,
      signal: job.signal,
      expired: () =>
        new HoldfastError('run.timeout', { message: `It took longer than ${Math.round(o.limitMs / 1000)} s.` }),
      work: async (signal) => {
        await using peer = await job.peers.reach(job.scope, dials, signal);
        await peer.dial(request, { signal, onEvent });
      },
    });
  } catch (error) {
    job.signal.throwIfAborted();
    failure = reasonOf(error);
  }
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
      ? `the firewall of ${attempt.to.name} opens it for sessions alone (firewallLeases); a backup tries it`
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

function stateOf(opening: Opening, port: number, waiting: ReadonlyMap<string, Waiting>): PortState | undefined {
  const found = opening.listens && waiting.get(idOf(opening.listens));
  return found?.kind === 'waits' ? found.states.get(port) : undefined;
}

function targetOf(
  id: number,
  { attempt, secret }: Keyed,
  o: { readonly openings: readonly Opening[]; readonly probe: Probe; readonly waiting: ReadonlyMap<string, Waiting> },
): TryRequest['targets'][number] {
  const { from, to } = attempt;
  const states = o.openings.flatMap((opening) =>
    opening.ports.flatMap((port): [number, PortState][] => {
      const state = stateOf(opening, port, o.waiting);
      if (!state) return [];
      return [[port, state.kind === 'held' ? o.probe.withoutHolder(state) : state]];
    }),
  );
  return {
    id,
    addresses: [...dialledAddresses(attempt)],
    names: [...namesOf(to)],
    secret,
    sources: [...from.addresses, ...(from.host.seenAs?.addresses ?? [])].filter((address) => !address.includes('/')),
    openings: o.openings.map(({ flow, ports }) => ({ channels: [...flow.channels], ports: [...ports] })),
    states,
  };
}

type Probe = typeof import('@holdfast/wire/probe');
const tools = async (): Promise<{ readonly probe: Probe }> => ({ probe: await import('@holdfast/wire/probe') });

/** Above what the worst of everything takes, for one call. */
function dialLimitMs(attempts: readonly Attempt[], { idleMs = 0 }: CheckJob): number {
  const count = attempts
    .slice(0, maxTargetsPerCall)
    .reduce(
      (sum, { openings, to }) =>
        sum + openings.reduce((all, { ports }) => all + ports.length * Math.max(1, to.addresses.length), 0),
      0,
    );
  return dialBaseMs + dialRoundMs * Math.ceil(count / 200) + 2 * idleMs;
}
