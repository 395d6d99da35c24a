import { type Clock, type HoldfastError, toHoldfastError } from '@holdfast/core';
import { reconnectMaxMs, reconnectMinMs } from './limits.ts';

/**
 * Keeps something connected until it is told to stop: connects, waits for the end, waits a little (longer after each
 * failure, with chance in it, so that a fleet does not return all at once), connects again.
 */
export async function stayConnected(options: {
  /** Resolves once connected; `ended` when that is over. */
  readonly connect: (signal: AbortSignal) => Promise<{ readonly ended: Promise<unknown> }>;
  readonly onFailure: (error: HoldfastError) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { clock, signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const connection = await options.connect(signal);
      failures = 0;
      await connection.ended;
    } catch (error) {
      failures++;
      if (!signal.aborted) options.onFailure(toHoldfastError(error));
    }
    if (signal.aborted) return;
    const longestMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(failures, 10));
    try {
      await clock.sleep(reconnectMinMs / 2 + Math.random() * (longestMs - reconnectMinMs / 2), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
