import { type Clock, HoldfastError } from '@holdfast/core';
import { networkOf } from '../attempt-limiter.ts';
import {
  maxAccountDelayMs,
  maxAddressDelayMs,
  maxKnownNetworks,
  maxLimitedAddresses,
  maxNetworkDelayMs,
  signInAttemptsPerAccount,
  signInAttemptsPerAddress,
  signInAttemptsPerNetwork,
  signInMemoryMs,
} from '../limits.ts';

interface Failures {
  count: number;
  lastMs: number;
  isTold: boolean;
}

/** An attempt under way: it counts as failed until it is said to be otherwise. */
export interface SignInAttempt {
  /** The password was right, and a second factor is still to come: neither better nor worse than before. */
  undo(): void;
  succeeded(): void;
}

/**
 * Makes guessing slow. After some wrong attempts on one account from one address each further one waits twice as long, up to 15
 * minutes; after more of them from anywhere, each waits up to half a minute. So somebody who knows a name can slow its owner down,
 * and not even that at an address from which the owner has signed in before: there only that address's own failures count.
 * Unknown names are counted alike. One address with many names waits too: else it could try one password on all of them, and keep
 * the few password hashes at once for itself. In memory, and so by instance; within a bound.
 */
export class SignInDelays {
  readonly #clock: Clock;
  readonly #byAddress = new Map<string, Failures>();
  readonly #byAccount = new Map<string, Failures>();
  readonly #byNetwork = new Map<string, Failures>();
  readonly #known = new Map<string, true>();
  readonly #onDelay: (name: string, address: string) => void;

  /** `onDelay`: from here on further attempts on the account have to wait, from that address or from all. */
  constructor(clock: Clock, onDelay: (name: string, address: string) => void = () => undefined) {
    this.#clock = clock;
    this.#onDelay = onDelay;
  }

  /** Throws `auth.rate`, which says how long to wait. What is refused here counts for nothing. */
  attempt(name: string, address: string): SignInAttempt {
    const network = networkOf(address);
    const pair = `${name}\n${network}`;
    const isKnown = this.#known.has(pair);
    const news = [
      this.#tellOf(this.#byAddress.get(pair), signInAttemptsPerAddress),
      this.#tellOf(this.#byAccount.get(name), signInAttemptsPerAccount),
    ];
    if (news.includes(true)) this.#onDelay(name, address);
    const waitMs = Math.max(
      this.#waitMs(this.#byAddress.get(pair), signInAttemptsPerAddress, maxAddressDelayMs),
      isKnown ? 0 : this.#waitMs(this.#byAccount.get(name), signInAttemptsPerAccount, maxAccountDelayMs),
      isKnown ? 0 : this.#waitMs(this.#byNetwork.get(network), signInAttemptsPerNetwork, maxNetworkDelayMs),
    );
    if (waitMs > 0) {
      const retryAfterSeconds = Math.ceil(waitMs / 1000);
      throw new HoldfastError('auth.rate', {
        message: 'Too many wrong attempts to sign in.',
        guidance: `Wait ${retryAfterSeconds} seconds and try again.`,
        context: { retryAfterSeconds },
      });
    }
    this.#count(this.#byAddress, pair, 1);
    if (!isKnown) {
      this.#count(this.#byAccount, name, 1);
      this.#count(this.#byNetwork, network, 1);
    }
    return {
      undo: () => {
        this.#count(this.#byAddress, pair, -1);
        if (isKnown) return;
        this.#count(this.#byAccount, name, -1);
        this.#count(this.#byNetwork, network, -1);
      },
      succeeded: () => {
        this.#byAddress.delete(pair);
        this.#byAccount.delete(name);
        // Only this attempt: an own account does not make good what was tried on others.
        if (!isKnown) this.#count(this.#byNetwork, network, -1);
        remember(this.#known, { key: pair, value: true, bound: maxKnownNetworks });
      },
    };
  }

  #waitMs(failures: Failures | undefined, free: number, longestMs: number): number {
    if (!failures || failures.count < free || this.#isOver(failures)) return 0;
    const delayMs = Math.min(1000 * 2 ** (failures.count - free), longestMs);
    return failures.lastMs + delayMs - this.#clock.monotonicMs();
  }

  /** Once for each series of wrong attempts, at the first attempt after the free ones. */
  #tellOf(failures: Failures | undefined, free: number): boolean {
    if (!failures || failures.count < free || failures.isTold || this.#isOver(failures)) return false;
    failures.isTold = true;
    return true;
  }

  #count(map: Map<string, Failures>, key: string, change: 1 | -1): void {
    const before = map.get(key);
    const count = before && !this.#isOver(before) ? before.count : 0;
    const isTold = before?.isTold === true && count > 0;
    const value = { count: Math.max(0, count + change), lastMs: this.#clock.monotonicMs(), isTold };
    remember(map, { key, value, bound: maxLimitedAddresses });
  }

  #isOver({ lastMs }: Failures): boolean {
    return this.#clock.monotonicMs() - lastMs >= signInMemoryMs;
  }
}

/** The map's order is the order in which keys were last seen; the longest unseen one goes first. */
export function remember<Value>(map: Map<string, Value>, o: { key: string; value: Value; bound: number }): void {
  map.delete(o.key);
  map.set(o.key, o.value);
  if (map.size <= o.bound) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
