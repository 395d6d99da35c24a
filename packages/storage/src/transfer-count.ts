import type { Clock } from '@holdfast/core';
import type { Transferred } from './target.ts';
import { WaitingTime } from './waiting-time.ts';

/** Counts what goes over one target. */
export class TransferCount {
  #requests = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #storageMs = 0;
  readonly #requestTime: WaitingTime;

  constructor(clock?: Clock) {
    this.#requestTime = new WaitingTime(clock);
  }

  request(): void {
    this.#requests += 1;
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  /** A request over a network goes on until this is disposed. */
  overNetwork(): Disposable {
    return this.#requestTime.begin();
  }

  /** What the other end says to have needed of a request's time. */
  storageTook(ms: number): void {
    this.#storageMs += ms;
  }

  total(): Transferred {
    return {
      requests: this.#requests,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      requestMs: this.#requestTime.totalMs(),
      storageMs: this.#storageMs,
    };
  }
}
