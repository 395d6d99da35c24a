/** The only source of time. Injected, so that tests decide what time it is. */
export interface Clock {
  /** Wall-clock time. */
  now(): Date;
  /** Milliseconds that never run backwards, for measuring. */
  monotonicMs(): number;
  /** Resolves after the time; rejects with the signal's reason when aborted. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  // Not Node's own promise, which makes an error of its own for each sleep that ends early: most of them do.
  sleep: (durationMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, durationMs);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};

/** A clock for tests: time moves only when told to. */
export class ManualClock implements Clock {
  #nowMs: number;
  #sleepers = new Set<{ untilMs: number; wake: () => void }>();

  constructor(start: Date = new Date('2026-01-01T00:00:00Z')) {
    this.#nowMs = start.getTime();
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const sleeper = {
        untilMs: this.#nowMs + durationMs,
        wake: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers.add(sleeper);
    });
  }

  /** Moves time forward and wakes, in order, everyone whose time has come. */
  advance(durationMs: number): void {
    this.#nowMs += durationMs;
    const due = [...this.#sleepers].filter((sleeper) => sleeper.untilMs <= this.#nowMs);
    due.sort((a, b) => a.untilMs - b.untilMs);
    for (const sleeper of due) {
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}
