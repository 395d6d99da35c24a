import type { Clock } from '@holdfast/core';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { readinessLimitMs, readinessMemoryMs } from '../limits.ts';

/** Whether the server can do its work: it has started, and its catalogue answers. Anybody may ask, as often as they like. */
export class Readiness {
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  #hasStarted = false;
  #known: { readonly answer: Promise<boolean>; readonly askedMs: number } | undefined;

  constructor(o: { catalogue: Catalogue; clock: Clock }) {
    this.#catalogue = o.catalogue;
    this.#clock = o.clock;
  }

  started(): void {
    this.#hasStarted = true;
  }

  /** The catalogue is asked once in a while, however many ask here. */
  async isReady(): Promise<boolean> {
    if (!this.#hasStarted) return false;
    const nowMs = this.#clock.monotonicMs();
    if (!this.#known || nowMs - this.#known.askedMs >= readinessMemoryMs)
      this.#known = { answer: this.#ask(), askedMs: nowMs };
    return this.#known.answer;
  }

  async #ask(): Promise<boolean> {
    const waiting = new AbortController();
    const asking = this.#catalogue.system.selectFrom('instances').select('id').limit(1).execute();
    const late = this.#clock.sleep(readinessLimitMs, waiting.signal).then(() => false);
    // Whichever comes second is of no interest.
    void Promise.allSettled([asking, late]);
    try {
      return await Promise.race([asking.then(() => true), late]);
    } catch {
      // That the catalogue gives errors is the answer, and is in the log of whoever needed it.
      return false;
    } finally {
      waiting.abort();
    }
  }
}
