import type { Clock, HoldfastError } from '@holdfast/core';

/** Only tells the timer: one for all, because to make an error takes longer than most of the work. */
const over = new Error('the work has ended within its time');

/** Gives `work` a signal that aborts with the error of `expired` when the time is over, or when the caller's signal does. */
export async function withTimeLimit<T>(o: {
  readonly clock: Clock;
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly expired: () => HoldfastError;
  readonly work: (signal: AbortSignal) => Promise<T>;
}): Promise<T> {
  const done = new AbortController();
  const limit = new AbortController();
  const timer = o.clock.sleep(o.limitMs, done.signal).then(
    () => limit.abort(o.expired()),
    (error: unknown) => {
      // The work has ended first; anything else is a broken clock.
      if (!done.signal.aborted) throw error;
    },
  );
  try {
    return await o.work(o.signal ? AbortSignal.any([o.signal, limit.signal]) : limit.signal);
  } finally {
    done.abort(over);
    await timer;
  }
}
