import { type Clock, systemClock } from '@holdfast/core';

/** How long waits took, one added to the other; what goes on counts as far as it has come, which may be minutes for one object. */
export class WaitingTime {
  readonly #clock: Clock;
  #totalMs = 0;
  #open = 0;
  #settledMs: number;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#settledMs = clock.monotonicMs();
  }

  /** A wait, until it is disposed. */
  begin(): Disposable {
    this.#settle();
    this.#open += 1;
    return {
      [Symbol.dispose]: () => {
        this.#settle();
        this.#open -= 1;
      },
    };
  }

  totalMs(): number {
    this.#settle();
    return this.#totalMs;
  }

  #settle(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#totalMs += this.#open * (nowMs - this.#settledMs);
    this.#settledMs = nowMs;
  }
}
