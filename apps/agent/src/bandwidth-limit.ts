import { type Clock, systemClock } from '@holdfast/core';
import { type Bandwidth, isOpen } from '@holdfast/protocol';
import { TokenBucket } from '@holdfast/storage';
import { bandwidthLookMs } from './limits.ts';

/** Lets bytes through by the lowest of the rules whose windows are open, and freely while none is. */
export class BandwidthLimit {
  readonly #timeZone: string;
  readonly #rules: readonly { readonly windows: Bandwidth['rules'][number]['windows']; readonly bucket: TokenBucket }[];
  readonly #clock: Clock;

  constructor({ timeZone, rules }: Bandwidth, clock: Clock = systemClock) {
    this.#timeZone = timeZone;
    this.#clock = clock;
    this.#rules = rules
      .toSorted((one, other) => one.bytesPerSecond - other.bytesPerSecond)
      .map(({ windows, bytesPerSecond }) => ({ windows, bucket: new TokenBucket({ bytesPerSecond, clock }) }));
  }

  /** Resolves when the bytes may go. Who waits looks now and then whether another rule has come to hold. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      const rule = this.#rules.find(({ windows }) => isOpen(windows, this.#timeZone, now));
      if (!rule) return signal?.throwIfAborted();
      if (await this.#passes(rule.bucket, bytes, signal)) return;
    }
  }

  /** False when it is time to look again: then the bytes are not taken. */
  async #passes(bucket: TokenBucket, bytes: number, signal: AbortSignal | undefined): Promise<boolean> {
    const done = new AbortController();
    const look = new AbortController();
    const looking = this.#clock.sleep(bandwidthLookMs, done.signal).then(
      () => look.abort(),
      () => undefined,
    );
    try {
      await bucket.take(bytes, signal ? AbortSignal.any([signal, look.signal]) : look.signal);
      return true;
    } catch (error) {
      signal?.throwIfAborted();
      if (!look.signal.aborted) throw error;
      return false;
    } finally {
      done.abort();
      await looking;
    }
  }
}
