import type { Transferred } from './target.ts';

/** Counts what goes over one target. */
export class TransferCount {
  #requests = 0;
  #sentBytes = 0;
  #receivedBytes = 0;

  request(): void {
    this.#requests += 1;
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  total(): Transferred {
    return { requests: this.#requests, sentBytes: this.#sentBytes, receivedBytes: this.#receivedBytes };
  }
}
