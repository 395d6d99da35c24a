import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { throwIfCancelled } from '../cancellation.ts';
import { printableName } from '../object-name.ts';
import type { WaitOptions } from '../target.ts';
import type { CallStage, FaultInjector, TargetCall } from './fault-injector.ts';
import { SeededRandom } from './seeded-random.ts';

/**
 * 'refused': not done, the storage does not answer. 'full' (ENOSPC): a create is refused. 'io' (EIO): not done, or a write
 * whose sync failed, so that nobody knows. 'cut': a body cut short on its way. 'lost-answer': done, and the reply cut.
 * 'delay': up to `longestDelayMs` before and after, which also reorders calls that are under way at once. 'short-read' and
 * 'wrong-bit': a read gives something else than what is stored, without any error.
 */
export type FaultKind = 'refused' | 'full' | 'io' | 'cut' | 'lost-answer' | 'delay' | 'short-read' | 'wrong-bit';

export interface SeededFaultsOptions {
  readonly seed: number;
  /** How likely each fault is, 0 to 1, for a call that it can happen to; 0 if left out. */
  readonly rates: Readonly<Partial<Record<FaultKind, number>>>;
  readonly clock: Clock;
  readonly longestDelayMs?: number;
  readonly onFault?: (kind: FaultKind, call: TargetCall) => void;
}

const defaultLongestDelayMs = 50;

/** Faults at random, the same ones for the same seed and the same order of calls. */
export class SeededFaults implements FaultInjector {
  readonly #random: SeededRandom;
  readonly #options: SeededFaultsOptions;

  constructor(options: SeededFaultsOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#options = options;
  }

  async pass(call: TargetCall, stage: CallStage, options: WaitOptions): Promise<void> {
    if (stage !== 'sync' && this.#draw('delay', call)) await this.#delay(options);
    const at = `${call.method} ${printableName(call.name)}`;
    if (stage === 'begin') {
      if (this.#draw('refused', call))
        throw new HoldfastError('storage.unavailable', { message: `Injected: no answer to ${at}` });
      if (call.method === 'create' && this.#draw('full', call)) throw failure('ENOSPC', at);
      if (call.method === 'create' && this.#draw('cut', call))
        throw new HoldfastError('channel.closed', { message: `Injected: the body was cut short at ${at}` });
    }
    if (stage === 'answer' && this.#draw('lost-answer', call))
      throw new HoldfastError('channel.closed', { message: `Injected: the answer to ${at} was cut` });
    if (stage !== 'answer' && this.#draw('io', call)) throw failure('EIO', at);
  }

  alter(call: TargetCall, bytes: Uint8Array): Uint8Array {
    if (bytes.length === 0) return bytes;
    if (this.#draw('short-read', call)) return bytes.slice(0, this.#random.below(bytes.length));
    if (!this.#draw('wrong-bit', call)) return bytes;
    const altered = Uint8Array.from(bytes);
    const at = this.#random.below(bytes.length);
    altered[at] = (altered[at] ?? 0) ^ (1 << this.#random.below(8));
    return altered;
  }

  #draw(kind: FaultKind, call: TargetCall): boolean {
    const rate = this.#options.rates[kind] ?? 0;
    if (rate === 0 || !this.#random.chance(rate)) return false;
    this.#options.onFault?.(kind, call);
    return true;
  }

  async #delay(options: WaitOptions): Promise<void> {
    const { clock, longestDelayMs = defaultLongestDelayMs } = this.#options;
    try {
      await clock.sleep(this.#random.next() * longestDelayMs, options.signal);
    } catch (error) {
      throwIfCancelled(options.signal);
      throw toHoldfastError(error);
    }
  }
}

/** As the local disk reports these. */
function failure(errno: 'ENOSPC' | 'EIO', operation: string): HoldfastError {
  return new HoldfastError(errno === 'ENOSPC' ? 'storage.full' : 'storage.unavailable', {
    message: `Injected: ${errno} at ${operation}`,
    context: { errno },
  });
}
