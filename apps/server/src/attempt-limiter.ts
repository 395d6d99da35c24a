import { isIPv6 } from 'node:net';
import { type Clock, HoldfastError } from '@holdfast/core';
import { maxLimitedAddresses } from './limits.ts';

const windowMs = 60_000;

interface Window {
  readonly startedMs: number;
  count: number;
}

/** Counts attempts by address within a minute. Remembers a bounded number of addresses; the longest unseen goes first. */
export class AttemptLimiter {
  readonly #what: string;
  readonly #perMinute: number;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(o: { what: string; perMinute: number; clock: Clock }) {
    this.#what = o.what;
    this.#perMinute = o.perMinute;
    this.#clock = o.clock;
  }

  /** Throws `auth.rate` when the address has used up its attempts. */
  check(address: string): void {
    const window = this.#windows.get(networkOf(address));
    if (!window || this.#isOver(window) || window.count < this.#perMinute) return;
    throw new HoldfastError('auth.rate', {
      message: `More than ${this.#perMinute} ${this.#what} in a minute came from ${address}.`,
      context: { address },
    });
  }

  count(address: string): void {
    const key = networkOf(address);
    let window = this.#windows.get(key);
    if (!window || this.#isOver(window)) window = { startedMs: this.#clock.monotonicMs(), count: 0 };
    window.count += 1;
    // Set again, so that the map's order is the order in which addresses were last seen.
    this.#windows.delete(key);
    this.#windows.set(key, window);
    if (this.#windows.size > maxLimitedAddresses) {
      const [oldest] = this.#windows.keys();
      if (oldest !== undefined) this.#windows.delete(oldest);
    }
  }

  #isOver(window: Window): boolean {
    return this.#clock.monotonicMs() - window.startedMs >= windowMs;
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
