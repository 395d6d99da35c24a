import { HoldfastError } from '@holdfast/core';
import { limits } from '../limits.ts';

/** Words of memory that threads share: 0 free, 1 held, 2 held and awaited. What one guards takes microseconds and never waits. */
export function lockMutex(words: Int32Array, at: number): void {
  if (Atomics.compareExchange(words, at, 0, 1) === 0) return;
  while (Atomics.exchange(words, at, 2) !== 0) {
    if (Atomics.wait(words, at, 2, limits.indexLockTimeoutMs) === 'timed-out')
      throw new HoldfastError('internal.unexpected', {
        message: 'A thread died while it changed the index of the repository.',
      });
  }
}

export function unlockMutex(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, 0) === 2) Atomics.notify(words, at, 1);
}
