import { type Clock, HoldfastError, hasCode } from '@holdfast/core';
import { type ListenEvent, limits } from '@holdfast/protocol';
import type { PortState } from '@holdfast/wire/probe';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { listenStartMs } from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Attempt, Opening } from './attempts.ts';
import type { Program } from './fleet.ts';
import { reasonOf } from './plain-text.ts';
import type { PortPeers } from './port-peers.ts';

/** An attempt with the secret of its two ends. */
export interface Keyed {
  readonly attempt: Attempt;
  readonly secret: string;
}

/** What a program that waits has said, or why it does not wait. */
export type Waiting =
  | {
      readonly kind: 'waits';
      readonly event: ListenEvent;
      readonly states: ReadonlyMap<number, PortState>;
      /** Why it waits no more, though nobody has told it to stop. */
      readonly lost: () => string | undefined;
    }
  /** `isGone`: it did not answer, and would not the next time, but take as long. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isGone: boolean };

interface Admission {
  readonly ports: number[];
  readonly secrets: string[];
  /** So many at most that one knows there are too many of them for leases. */
  readonly peers: string[];
}

export interface Listener {
  readonly program: Program;
  /** By the ports, as text. */
  readonly admissions: ReadonlyMap<string, Admission>;
}

export const idOf = (program: Program): string => (program.process === 'server' ? 'server' : program.computer.id);

/** Who has to wait, on which ports, and for whom. */
export function listenersOf(all: readonly Keyed[]): readonly Listener[] {
  const listeners = new Map<string, { program: Program; admissions: Map<string, Admission> }>();
  for (const { attempt, secret } of all)
    for (const [id, openings] of Map.groupBy(attempt.openings, ({ listens }) => listens && idOf(listens))) {
      const program = openings[0]?.listens;
      if (id === undefined || !program) continue;
      const listener = listeners.get(id) ?? { program, admissions: new Map<string, Admission>() };
      listeners.set(id, listener);
      const ports = [...new Set(openings.flatMap((one) => one.ports))].sort((a, b) => a - b);
      const admission = listener.admissions.get(ports.join()) ?? { ports, secrets: [], peers: [] };
      listener.admissions.set(ports.join(), admission);
      admission.secrets.push(secret);
      const { addresses, host } = attempt.from;
      const seen = host.seenAs && host.zone !== attempt.to.host.zone ? host.seenAs.addresses : addresses;
      const peers = seen.filter((address) => !address.includes('/') && !admission.peers.includes(address));
      admission.peers.push(...peers.slice(0, limits.maxAdmissions - admission.peers.length));
    }
  return [...listeners.values()];
}

/** `started` resolves when it waits, or does not; `ended` when it has been told to stop and everything is closed here. */
export function startListening(
  { program, admissions }: Listener,
  o: {
    readonly scope: TenantScope;
    readonly peers: Pick<PortPeers, 'reach'>;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly forMs: number;
  },
): { readonly started: Promise<Waiting>; readonly ended: Promise<void> } {
  const waits = Promise.withResolvers<Waiting>();
  const giveUp = new AbortController();
  const over = AbortSignal.any([o.signal, giveUp.signal]);
  let lost: string | undefined;
  const listen = async (): Promise<void> => {
    try {
      await using peer = await o.peers.reach(o.scope, program, over);
      const request = { admissions: [...admissions.values()], forMs: o.forMs };
      await peer.listen(request, {
        signal: over,
        onListening: (event) =>
          waits.resolve({ kind: 'waits', event, states: new Map(event.states), lost: () => lost }),
      });
      lost = 'it ended by itself';
    } catch (error) {
      if (!over.aborted) lost = reasonOf(error);
      waits.resolve({ kind: 'failed', reason: reasonOf(error), isGone: isGone(error) });
    }
  };
  const ended = listen();
  const started = withTimeLimit({
    clock: o.clock,
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

/** To try that once more takes as long, and has the same end. */
function isGone(error: unknown): boolean {
  return hasCode(error, 'run.timeout', 'channel.closed', 'channel.timeout', 'channel.unreachable');
}

/** What the one that listens has said of a port. */
export function stateOf(
  { listens }: Opening,
  port: number,
  waiting: ReadonlyMap<string, Waiting>,
): PortState | undefined {
  const found = listens && waiting.get(idOf(listens));
  return found?.kind === 'waits' ? found.states.get(port) : undefined;
}

/** Why the one that should listen does so no more. */
export function lostListener({ listens }: Opening, waiting: ReadonlyMap<string, Waiting>): string | undefined {
  const found = listens && waiting.get(idOf(listens));
  const lost = found?.kind === 'waits' ? found.lost() : undefined;
  return lost === undefined ? undefined : `the ${listens?.process} there stopped waiting: ${lost}`;
}
