import { type Clock, type HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import { throwIfCancelled } from '../cancellation.ts';
import { retryAttempts, retryFirstPauseMs, retryLongestPauseMs } from '../limits.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  /** Whether a failure that may pass is worth another attempt. Unset: each is. */
  readonly isWorthIt?: (error: HoldfastError) => boolean;
}

/** Repeats work whose failure passes by itself, a bounded number of times. Everything else is thrown at once. */
export async function withRetry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, isWorthIt = () => true } = options;
  for (let attempt = 1; ; attempt += 1) {
    throwIfCancelled(signal);
    try {
      return await work();
    } catch (error) {
      throwIfCancelled(signal);
      const known = toHoldfastError(error);
      const mayPass = isHoldfastError(error) && known.retry === 'transient' && isWorthIt(known);
      if (!mayPass || attempt === retryAttempts) throw known;
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
