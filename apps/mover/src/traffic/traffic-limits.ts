import { type Clock, systemClock } from '@holdfast/core';
import { AddressRanges, isOpen, type TrafficRule } from '@holdfast/protocol';
import { pacedBytes, windowCheckMs } from '../limits.ts';
import { isThisComputer } from '../this-computer.ts';
import { FairRate } from './fair-rate.ts';

/** Seen from here: whether bytes come in or go out. */
type Direction = 'in' | 'out';

/** One connection's ends, and whose data it carries. */
interface Traffic {
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** A session, or a grant: rules are shared equally among tasks. */
  readonly task: string;
}

export type Pace = (
  pieces: AsyncIterable<Uint8Array>,
  o: { readonly direction: Direction; readonly signal: AbortSignal },
) => AsyncIterable<Uint8Array>;

/** A rule in force at this mover. */
class Limit {
  readonly #rule: TrafficRule;
  readonly #sources: AddressRanges;
  readonly #targets: AddressRanges;
  readonly #rates: Readonly<Record<Direction, FairRate>>;
  readonly #clock: Clock;
  #isOpen = false;
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(rule: TrafficRule, clock: Clock) {
    this.#rule = rule;
    this.#sources = new AddressRanges(rule.sources);
    this.#targets = new AddressRanges(rule.targets);
    const { bytesPerSecond } = rule;
    this.#rates = { in: new FairRate({ bytesPerSecond, clock }), out: new FairRate({ bytesPerSecond, clock }) };
    this.#clock = clock;
  }

  /** Rules hold whichever end is which. */
  matches({ localAddress, remoteAddress }: Pick<Traffic, 'localAddress' | 'remoteAddress'>): boolean {
    const leadsFrom = (from: string, to: string): boolean => this.#sources.contain(from) && this.#targets.contain(to);
    return leadsFrom(localAddress, remoteAddress) || leadsFrom(remoteAddress, localAddress);
  }

  async take(direction: Direction, o: { task: string; bytes: number; signal: AbortSignal }): Promise<void> {
    if (this.#holds()) await this.#rates[direction].take(o.task, o.bytes, o.signal);
  }

  #holds(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#checkedMs >= windowCheckMs) {
      this.#checkedMs = nowMs;
      this.#isOpen = isOpen(this.#rule.windows, this.#rule.timeZone, this.#clock.now());
    }
    return this.#isOpen;
  }
}

/**
 * The traffic rules, as this mover keeps them: of all that it sends to and receives from other computers. Each rule that matches
 * holds, so the lowest decides. What stays within this computer has no limit.
 */
export class TrafficLimits {
  readonly #clock: Clock;
  readonly #isLocal: (address: string) => boolean;
  #limits: readonly Limit[] = [];
  #rulesText = '[]';

  constructor(o: { readonly clock?: Clock; readonly isLocal?: ((address: string) => boolean) | undefined } = {}) {
    this.#clock = o.clock ?? systemClock;
    this.#isLocal = o.isLocal ?? isThisComputer;
  }

  /** What is the same goes on as it is: rules come with every session. */
  update(rules: readonly TrafficRule[]): void {
    const text = JSON.stringify(rules);
    if (text === this.#rulesText) return;
    this.#rulesText = text;
    this.#limits = rules.map((rule) => new Limit(rule, this.#clock));
  }

  /** What gives the same bytes at the pace that the rules allow; undefined where none matches. */
  paceOf(traffic: Traffic): Pace | undefined {
    if (this.#limits.length === 0 || traffic.remoteAddress === '' || this.#isLocal(traffic.remoteAddress))
      return undefined;
    const limits = this.#limits.filter((limit) => limit.matches(traffic));
    const { task } = traffic;
    return limits.length === 0 ? undefined : (pieces, o) => pacedBy(limits, pieces, { ...o, task });
  }
}

async function* pacedBy(
  limits: readonly Limit[],
  pieces: AsyncIterable<Uint8Array>,
  o: { readonly task: string; readonly direction: Direction; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; at += pacedBytes) {
      const part = piece.subarray(at, at + pacedBytes);
      for (const limit of limits) await limit.take(o.direction, { task: o.task, bytes: part.length, signal: o.signal });
      yield part;
    }
}
