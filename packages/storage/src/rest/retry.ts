import { type Clock, type HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import { throwIfCancelled } from '../cancellation.ts';
import { retryFirstPauseMs, retryLongestPauseMs } from '../limits.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** How many attempts a failure that may pass is worth. */
  readonly attemptsFor: (error: HoldfastError) => number;
}

/** Repeats work whose failure passes by itself, a bounded number of times. Everything else is thrown at once. */
export async function withRetry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, attemptsFor } = options;
  for (let attempt = 1; ; attempt += 1) {
    throwIfCancelled(signal);
    try {
      return await work();
    } catch (error) {
      throwIfCancelled(signal);
      const known = toHoldfastError(error);
      if (!isHoldfastError(error) || known.retry !== 'transient' || attempt >= attemptsFor(known)) throw known;
    }
    try {
      await clock.sleep(pauseMs(attempt), signal);
    } catch (error) {
      throwIfCancelled(signal);
      throw error;
    }
  }
}

/** Spread, so that clients that failed together don't come back together. */
function pauseMs(attempt: number): number {
  const longest = Math.min(retryLongestPauseMs, retryFirstPauseMs * 2 ** (attempt - 1));
  return longest * (0.5 + Math.random() / 2);
}
