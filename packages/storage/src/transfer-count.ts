import type { Transferred } from './target.ts';

/** Counts what goes over one target. */
export class TransferCount {
  #requests = 0;
  #sentBytes = 0;
  #receivedBytes = 0;
  #requestMs = 0;
  #storageMs = 0;

  request(): void {
    this.#requests += 1;
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
  }

  received(bytes: number): void {
    this.#receivedBytes += bytes;
  }

  took(time: { readonly requestMs: number; readonly storageMs: number }): void {
    this.#requestMs += time.requestMs;
    this.#storageMs += Math.min(time.storageMs, time.requestMs);
  }

  total(): Transferred {
    return {
      requests: this.#requests,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      requestMs: this.#requestMs,
      storageMs: this.#storageMs,
    };
  }
}
