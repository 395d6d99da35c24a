import { HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';

/** The signal's reason as a HoldfastError: an abort without a reason of its own is `run.cancelled`. */
export function cancellation(signal: AbortSignal): HoldfastError {
  const reason: unknown = signal.reason;
  const known = toHoldfastError(reason);
  if (isHoldfastError(reason) || known.code !== 'internal.unexpected') return known;
  return new HoldfastError('run.cancelled', { cause: reason });
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancellation(signal);
}
