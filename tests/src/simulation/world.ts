import { type Clock, HoldfastError, systemClock } from '@holdfast/core';
import type { SeededRandom } from '@holdfast/storage/testing';

/**
 * Time and order of a simulated world. Processes wait for their turn before each thing that they do to the storage; when
 * all of them wait, one is chosen at random, and time goes on a little. Nothing happens at the same time, everything can
 * happen in any order, and a seed repeats it.
 */

/** One turn takes at most so long, in the time of the world. */
const longestTurnMs = 6;
/** Whoever computes in threads waits for nothing in the world meanwhile: it is given so long, in real time, to come back. */
const threadsPatienceMs = 300;
const threadsPollMs = 1;
/** A wait up to this long ends at once when nothing else happens; a longer one only after the patience with threads. */
const shortWaitMs = 1_000;
/** A world without threads in which nobody waits and nobody ends has a defect; it may still do real input and output. */
const standstillMs = 20_000;

interface Waiting {
  readonly process: WorldProcess;
  readonly go: () => void;
  /** Undefined: its turn may come at any time. */
  readonly untilMs: number | undefined;
}

/**
 * Who does things in the world. Once dead, nothing that it waits for ever comes; but what has threads to end is refused
 * everything instead (`unwinds`), which is the same to everybody else.
 */
export interface WorldProcess {
  readonly dead: boolean;
  readonly unwinds?: boolean;
}

export class World {
  readonly random: SeededRandom;
  /** Pieces of work that may go on in threads. */
  #computing = 0;
  readonly #onSettled: () => void | Promise<void>;
  #nowMs: number;
  #waiting: Waiting[] = [];
  /** Turns that were given. */
  turns = 0;

  constructor(options: {
    readonly random: SeededRandom;
    readonly start: Date;
    readonly onSettled: () => void | Promise<void>;
  }) {
    this.random = options.random;
    this.#nowMs = options.start.getTime();
    this.#onSettled = options.onSettled;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Waits until it is the process's turn. */
  turn(process: WorldProcess): Promise<void> {
    return new Promise((go) => void this.#waiting.push({ process, go, untilMs: undefined }));
  }

  /** Time passes while nobody does anything. */
  pass(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** Until the work ends, a world in which nothing happens may have somebody in it who computes. */
  async compute<T>(work: () => Promise<T>): Promise<T> {
    this.#computing += 1;
    try {
      return await work();
    } finally {
      this.#computing -= 1;
    }
  }

  clockOf(process: WorldProcess): Clock {
    return {
      now: () => new Date(this.#nowMs),
      monotonicMs: () => this.#nowMs,
      sleep: (durationMs, signal) => this.#sleep(process, durationMs, signal),
    };
  }

  /** Gives turns until all is done. Whatever then is true of the storage is judged by `onSettled`, before the next turn. */
  async runUntil(done: () => boolean): Promise<void> {
    let quietSinceMs: number | undefined;
    for (;;) {
      await settled();
      await this.#onSettled();
      this.#dismissDead();
      if (done()) return;
      if (this.#step(quietSinceMs)) {
        quietSinceMs = undefined;
        continue;
      }
      quietSinceMs ??= performance.now();
      if (performance.now() - quietSinceMs > standstillMs)
        throw new HoldfastError('internal.unexpected', { message: 'The simulated world stands still.' });
      await systemClock.sleep(threadsPollMs);
    }
  }

  async #sleep(process: WorldProcess, durationMs: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (process.dead && process.unwinds === true) {
      // Whatever it waits for: nobody wakes it any more. Not at once: what sleeps in a loop would never let anything end it.
      await systemClock.sleep(threadsPollMs, signal);
      throw new HoldfastError('run.cancelled', { message: 'The process is dead.' });
    }
    return await new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting);
        if (!process.dead || process.unwinds === true) reject(signal?.reason);
      };
      const go = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const waiting: Waiting = { process, go, untilMs: this.#nowMs + durationMs };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** True when somebody got a turn or was woken. */
  #step(quietSinceMs: number | undefined): boolean {
    this.#dismissDead();
    const due = this.#waiting.filter(({ untilMs }) => untilMs === undefined || untilMs <= this.#nowMs);
    const chosen = due.length > 0 ? this.random.pick(due) : this.#nextSleeper(quietSinceMs);
    if (chosen === undefined) return false;
    if (chosen.untilMs !== undefined) this.#nowMs = Math.max(this.#nowMs, chosen.untilMs);
    else this.#nowMs += this.random.below(longestTurnMs);
    this.#waiting = this.#waiting.filter((one) => one !== chosen);
    this.turns += 1;
    chosen.go();
    return true;
  }

  /** The dead are refused by whoever they asked, wake to be refused, or never hear again. */
  #dismissDead(): void {
    const dead = this.#waiting.filter(({ process }) => process.dead);
    this.#waiting = this.#waiting.filter(({ process }) => !process.dead);
    for (const { process, go } of dead) if (process.unwinds === true) go();
  }

  #nextSleeper(quietSinceMs: number | undefined): Waiting | undefined {
    let next: Waiting | undefined;
    for (const one of this.#waiting) if (next === undefined || (one.untilMs ?? 0) < (next.untilMs ?? 0)) next = one;
    if (next === undefined || this.#computing === 0 || (next.untilMs ?? 0) - this.#nowMs <= shortWaitMs) return next;
    // Somebody may be computing: hours must not pass for those who wait meanwhile.
    const quietMs = quietSinceMs === undefined ? 0 : performance.now() - quietSinceMs;
    return quietMs > threadsPatienceMs ? next : undefined;
  }
}

/** When every promise that can settle without the world has settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
