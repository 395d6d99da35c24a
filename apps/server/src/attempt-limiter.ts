import { isIPv6 } from 'node:net';
import { type Clock, formatDuration, HoldfastError } from '@holdfast/core';
import { maxLimitedAddresses } from './limits.ts';

interface Window {
  readonly startedMs: number;
  count: number;
}

/** Counts attempts by address within a window of time, a minute unless said. Remembers a bounded number of addresses; the longest unseen goes first. */
export class AttemptLimiter {
  readonly #what: string;
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(o: { what: string; limit: number; windowMs?: number; clock: Clock }) {
    this.#what = o.what;
    this.#limit = o.limit;
    this.#windowMs = o.windowMs ?? 60_000;
    this.#clock = o.clock;
  }

  /** Throws `auth.rate` when the address has used up its attempts. */
  check(address: string): void {
    const window = this.#windows.get(networkOf(address));
    if (!window || this.#isOver(window) || window.count < this.#limit) return;
    const leftMs = window.startedMs + this.#windowMs - this.#clock.monotonicMs();
    const retryAfterSeconds = Math.max(1, Math.ceil(leftMs / 1000));
    throw new HoldfastError('auth.rate', {
      message: `More than ${this.#limit} ${this.#what} in ${formatDuration(this.#windowMs)} came from ${address}.`,
      context: { address, retryAfterSeconds },
    });
  }

  /** Gives what takes it back, for an attempt that turns out to be none. */
  count(address: string): () => void {
    const key = networkOf(address);
    let window = this.#windows.get(key);
    if (!window || this.#isOver(window)) window = { startedMs: this.#clock.monotonicMs(), count: 0 };
    window.count += 1;
    // Set again, so that the map's order is the order in which addresses were last seen.
    const counted = window;
    this.#windows.delete(key);
    this.#windows.set(key, counted);
    if (this.#windows.size > maxLimitedAddresses) {
      const [oldest] = this.#windows.keys();
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
    return () => void (counted.count -= 1);
  }

  #isOver(window: Window): boolean {
    return this.#clock.monotonicMs() - window.startedMs >= this.#windowMs;
  }
}

/** One IPv6 customer has a whole /64 of addresses, and counts as one. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('%', 1).join('').split('::', 2);
  const left = head.split(':').filter((part) => part !== '');
  const right = tail.split(':').filter((part) => part !== '');
  const full = address.includes('::')
    ? [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
    : left;
  return full.slice(0, 4).join(':');
}
