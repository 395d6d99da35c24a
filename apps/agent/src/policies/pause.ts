import type { Clock } from '@holdfast/core';

/** A wait that somebody else may end early, also just before it begins. */
export class Pause {
  #early = new AbortController();

  end(): void {
    this.#early.abort();
  }

  /** Ends when the signal aborts, too. */
  async wait(clock: Clock, durationMs: number, signal: AbortSignal): Promise<void> {
    try {
      await clock.sleep(durationMs, AbortSignal.any([signal, this.#early.signal]));
    } catch (error) {
      if (!signal.aborted && !this.#early.signal.aborted) throw error;
    } finally {
      this.#early = new AbortController();
    }
  }
}
