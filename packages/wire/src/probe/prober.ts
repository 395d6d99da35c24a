import { connect } from 'node:net';
import type { CertificateRole } from '@holdfast/contract';
import { type Clock, Semaphore, systemClock } from '@holdfast/core';
import { waitOn } from '../waiting.ts';
import type { Diagnosis, Direction } from './diagnosis.ts';
import {
  connectLimitMs,
  echoLimitMs,
  idleSteps,
  maxProbesAtOnce,
  payloadBytes,
  proofLimitMs,
  segmentBytes,
} from './limits.ts';
import type { PortStates } from './port-state.ts';
import { canonicalAddress, connectDiagnosis, ProbeConnection, type Target } from './probe-connection.ts';
import type { ProbeKey } from './proof.ts';
import { inspectService, judgeAnswer, type Presented } from './service.ts';

export interface ProbePort {
  readonly port: number;
  /** Also payload, path and idle time; else only that the two ends meet. */
  readonly isFull: boolean;
  /** What the certificate of the service there may name. */
  readonly roles: readonly CertificateRole[];
}

/** A computer at which a probe listener or the real service waits. */
export interface ProbeTarget {
  readonly address: string;
  readonly ports: readonly ProbePort[];
  readonly key: ProbeKey;
  /** Addresses of this end that the other end is expected to see, where they are not its own. */
  readonly sources?: readonly string[] | undefined;
  /** What the listening end has said of its ports. Undefined: it is asked when something fails, if it can be reached. */
  readonly states?: PortStates | undefined;
}

export interface ProbeResult extends Target {
  /**
   * How it was tried: with the probe listener of the other end, with the TLS handshake of the service that runs there, or (at
   * hosts that are not ours) by connecting only.
   */
  readonly how: 'probe' | 'service' | 'connect';
  /** What is wrong; empty: nothing. */
  readonly diagnoses: readonly Diagnosis[];
}

export interface ProberOptions {
  /** The CA of the installation: services that run already are judged by it. */
  readonly caPem?: string | undefined;
  /** Payload each way. Default 256 KiB. */
  readonly payloadBytes?: number | undefined;
  /** The longest silence to try. Undefined: none. */
  readonly idleMs?: number | undefined;
  /** Connections at once; above the default no more are made. */
  readonly atOnce?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each port. */
  readonly onTried?: (() => void) | undefined;
}

type Attempt = { readonly port: ProbePort } & (
  | { readonly kind: 'proven'; readonly diagnoses: readonly Diagnosis[]; readonly stuck?: Direction | undefined }
  | { readonly kind: 'failed'; readonly diagnosis: Diagnosis; readonly presented?: Presented | undefined }
);

/** A connection that came about on a port to be tried in full, and of which nothing got stuck or cut. */
function isWhole(attempt: Attempt): boolean {
  return attempt.kind === 'proven' && attempt.port.isFull && attempt.diagnoses.every(({ kind }) => kind !== 'cut');
}

/** A port that is tried again, once something is known of the whole computer. */
type Keyed = Target & Pick<ProbeTarget, 'key' | 'states'>;

type Failed = Extract<Attempt, { kind: 'failed' }>;

/** What the listening end told. */
interface Known {
  readonly states?: PortStates | undefined;
  /** Ports where connections do arrive that fail later. */
  readonly arrives: ReadonlySet<number>;
}

/** The connection was accepted, and nothing was said. */
function isMute(diagnosis: Diagnosis): diagnosis is Extract<Diagnosis, { kind: 'middlebox' }> {
  return diagnosis.kind === 'middlebox' && (diagnosis.said === 'nothing' || diagnosis.said === 'closed');
}

/** The dialling end of a check. Never throws for what it finds, only when aborted. */
export class Prober {
  readonly #o: ProberOptions;
  readonly #clock: Clock;
  readonly #places: Semaphore;

  constructor(options: ProberOptions) {
    this.#o = options;
    this.#clock = options.clock ?? systemClock;
    this.#places = new Semaphore(Math.min(options.atOnce ?? maxProbesAtOnce, maxProbesAtOnce));
  }

  /** Tries ports of one computer. */
  async checkHost(target: ProbeTarget): Promise<readonly ProbeResult[]> {
    // What is transferred while hundreds of handshakes keep both ends busy can look as if it got stuck.
    const [full, plain] = [true, false].map((isFull) => target.ports.filter((port) => port.isFull === isFull));
    const attempts = [...(await this.#attemptAll(target, full)), ...(await this.#attemptAll(target, plain))];
    const proven = attempts.find(({ kind }) => kind === 'proven');
    const failed = attempts.filter((attempt) => attempt.kind === 'failed');
    const known: Known =
      proven && failed.length > 0
        ? await this.#ask({ ...target, port: proven.port.port }, failed)
        : { states: target.states, arrives: new Set<number>() };
    // One port shows what becomes of silence on the way there.
    const idle = this.#o.idleMs === undefined ? undefined : attempts.find(isWhole);
    return await Promise.all(
      attempts.map((attempt) => this.#settle(target, attempt, { known, measuresIdle: attempt === idle })),
    );
  }

  async #attemptAll(target: ProbeTarget, ports: readonly ProbePort[] = []): Promise<readonly Attempt[]> {
    return await Promise.all(
      ports.map(async (port) => {
        const attempt = await this.#attempt(target, port);
        this.#o.onTried?.();
        return attempt;
      }),
    );
  }

  /** What the listening end knows of ports that failed. */
  async #ask(proven: Keyed, failed: readonly Failed[]): Promise<Known> {
    const states = (await this.#report(proven)) ?? proven.states;
    const silent = failed
      .filter((one) => isMute(one.diagnosis) && states?.get(one.port.port)?.kind === 'open')
      .map(({ port }) => port.port);
    if (silent.length === 0) return { states, arrives: new Set<number>() };
    // Once more, to see whether it is noticed there.
    await Promise.all(silent.map((port) => this.#connects({ address: proven.address, port })));
    const after = await this.#report(proven);
    const count = (of: PortStates | undefined, port: number): number => {
      const state = of?.get(port);
      return state?.kind === 'open' ? state.unproven : 0;
    };
    return { states, arrives: new Set(silent.filter((port) => count(after, port) > count(states, port))) };
  }

  /** Only whether it can be reached: for hosts that are not ours. */
  async reach(target: Target): Promise<ProbeResult> {
    const diagnosis = await this.#connects(target);
    this.#o.onTried?.();
    return { ...target, how: 'connect', diagnoses: diagnosis ? [diagnosis] : [] };
  }

  async #connects({ address, port }: Target): Promise<Diagnosis | undefined> {
    const { signal } = this.#o;
    using _place = await this.#places.acquire(signal);
    const socket = connect({ host: address, port });
    socket.on('error', () => socket.destroy());
    const wait = { timeoutMs: connectLimitMs, signal };
    try {
      await waitOn(socket, ['connect'], () => !socket.connecting || undefined, wait);
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      return connectDiagnosis(error);
    } finally {
      socket.destroy();
    }
  }

  async #attempt({ address, key, sources = [] }: ProbeTarget, port: ProbePort): Promise<Attempt> {
    using _place = await this.#places.acquire(this.#o.signal);
    const target = { address, port: port.port };
    const opened = await ProbeConnection.dial(target, { key, signal: this.#o.signal });
    if (opened.kind === 'proven') {
      using connection = opened.connection;
      return { port, kind: 'proven', ...(await this.#examine(target, connection, { port, sources })) };
    }
    const { diagnosis } = opened;
    // A service of ours that runs already answers, if only to refuse.
    const isService = diagnosis.kind === 'middlebox' && ['tls-of-another', 'closed'].includes(diagnosis.said);
    if (!isService) return { port, kind: 'failed', diagnosis };
    const presented = await inspectService(address, port.port, {
      timeoutMs: proofLimitMs,
      caPem: this.#o.caPem,
      signal: this.#o.signal,
    });
    return { port, kind: 'failed', diagnosis, presented };
  }

  /** What a connection that came about is good for. */
  async #examine(
    { address }: Target,
    connection: ProbeConnection,
    o: { readonly port: ProbePort; readonly sources: readonly string[] },
  ): Promise<{ readonly diagnoses: readonly Diagnosis[]; readonly stuck?: Direction | undefined }> {
    if (!o.port.isFull) return { diagnoses: [] };
    const diagnoses: Diagnosis[] = [];
    const own = connection.localAddress;
    // A connection that breaks here breaks in the transfer below as well, which says how.
    const seen = await connection.observe().catch(() => undefined);
    this.#o.signal?.throwIfAborted();
    if (seen && seen.remote !== own && !o.sources.includes(seen.remote))
      diagnoses.push({ kind: 'nat', side: 'source', own, seen: seen.remote });
    if (seen && seen.local !== canonicalAddress(address))
      diagnoses.push({ kind: 'nat', side: 'destination', own: address, seen: seen.local });
    for (const direction of ['out', 'in'] as const) {
      const transfer = await connection.transfer(direction, this.#o.payloadBytes ?? payloadBytes);
      if (transfer.kind === 'complete') continue;
      const { how, afterBytes } = transfer;
      diagnoses.push({ kind: 'cut', direction, how, afterBytes });
      return { diagnoses, stuck: how === 'silence' ? direction : undefined };
    }
    return { diagnoses };
  }

  /** What the listening end knows of its ports. */
  async #report(target: Keyed): Promise<PortStates | undefined> {
    const opened = await this.#dial(target);
    if (opened.kind !== 'proven') return undefined;
    using connection = opened.connection;
    // Without an answer the diagnosis does without it, as when the listening end can't be reached.
    const states = await connection.report().catch(() => undefined);
    this.#o.signal?.throwIfAborted();
    return states;
  }

  async #settle(
    { address, key }: ProbeTarget,
    attempt: Attempt,
    { known, measuresIdle }: { readonly known: Known; readonly measuresIdle: boolean },
  ): Promise<ProbeResult> {
    const { port } = attempt;
    const target = { address, port: port.port };
    const keyed = { ...target, key };
    if (attempt.kind === 'failed') {
      const diagnosis = settled(attempt, known);
      return { ...target, how: diagnosis ? 'probe' : 'service', diagnoses: diagnosis ? [diagnosis] : [] };
    }
    const mtu = attempt.stuck && (await this.#pathMtu(keyed, attempt.stuck));
    // A path that swallows large segments is why nothing came.
    const diagnoses = mtu ? [...attempt.diagnoses.filter(({ kind }) => kind !== 'cut'), mtu] : attempt.diagnoses;
    const idle = measuresIdle ? await this.#idle(keyed) : undefined;
    return { ...target, how: 'probe', diagnoses: idle ? [...diagnoses, idle] : diagnoses };
  }

  /**
   * Undefined where the size of segments makes no difference: as many bytes as the largest record has get stuck, too, when they
   * come one small segment at a time.
   */
  async #pathMtu(target: Keyed, direction: Direction): Promise<Diagnosis | undefined> {
    const [smallest] = segmentBytes;
    const largest = Math.max(...segmentBytes);
    const [trickles, ...passing] = await Promise.all([
      this.#passes(target, direction, { recordBytes: smallest, count: (2 * largest) / smallest }),
      ...segmentBytes.map((recordBytes) => this.#passes(target, direction, { recordBytes, count: 1 })),
    ]);
    if (!trickles || passing.at(-1)) return undefined;
    const passesBytes = segmentBytes.findLast((_, at) => passing.slice(0, at + 1).every(Boolean));
    return passesBytes === undefined ? undefined : { kind: 'mtu', direction, passesBytes };
  }

  /** Records of one size over a connection of their own, each only when the one before has arrived. */
  async #passes(
    target: Keyed,
    direction: Direction,
    o: { readonly recordBytes: number; readonly count: number },
  ): Promise<boolean> {
    using _place = await this.#places.acquire(this.#o.signal);
    const opened = await ProbeConnection.dial(target, { key: target.key, signal: this.#o.signal });
    if (opened.kind !== 'proven') return false;
    using connection = opened.connection;
    const { recordBytes } = o;
    for (let count = 0; count < o.count; count += 1) {
      const { kind } = await connection.transfer(direction, recordBytes, { recordBytes, stallMs: echoLimitMs });
      if (kind !== 'complete') return false;
    }
    return true;
  }

  async #dial(target: Keyed): ReturnType<typeof ProbeConnection.dial> {
    using _place = await this.#places.acquire(this.#o.signal);
    return await ProbeConnection.dial(target, { key: target.key, signal: this.#o.signal });
  }

  /** Several connections, each silent for half as long as the one before: the shortest that dies tells the time-out. */
  async #idle(target: Keyed): Promise<Diagnosis | undefined> {
    const longestMs = this.#o.idleMs ?? 0;
    const steps = Array.from({ length: idleSteps }, (_, step) => longestMs / 2 ** step);
    const ends = await Promise.all(
      steps.map(async (durationMs) => {
        const opened = await this.#dial(target);
        if (opened.kind !== 'proven') return undefined;
        // Without a place: waiting is no work, and would hold up everything else.
        using connection = opened.connection;
        return { durationMs, end: await connection.idle(durationMs, () => this.#clock.monotonicMs()) };
      }),
    );
    const deadMs = Math.min(...ends.map((one) => (one?.end.kind === 'dead' ? one.end.afterMs : Infinity)));
    if (deadMs === Infinity) return undefined;
    const alive = ends.flatMap((one) => (one?.end.kind === 'alive' && one.durationMs < deadMs ? [one.durationMs] : []));
    return { kind: 'idle-killed', aliveMs: Math.max(0, ...alive), deadMs };
  }
}

/** What is known of a failed attempt once the listening end has told what it knows. Undefined: the service itself answered. */
function settled({ diagnosis, presented, port }: Failed, { states, arrives }: Known): Diagnosis | undefined {
  const state = states?.get(port.port);
  if (diagnosis.kind === 'refused') {
    if (state?.kind === 'open') return { kind: 'refused', by: 'firewall' };
    if (!state) return diagnosis;
    return judgeAnswer({ presented: undefined, state, roles: port.roles, otherwise: diagnosis }) ?? diagnosis;
  }
  if (diagnosis.kind !== 'middlebox') return diagnosis;
  // Nobody answers in the place of the listener, but what follows is held back.
  if (arrives.has(port.port) && isMute(diagnosis))
    return { kind: 'cut', direction: 'out', how: diagnosis.said === 'closed' ? 'reset' : 'silence', afterBytes: 0 };
  return judgeAnswer({ presented, state, roles: port.roles, otherwise: diagnosis });
}
