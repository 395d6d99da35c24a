import { type Clock, systemClock, toHoldfastError } from '@holdfast/core';

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

/** What may pass at once after a pause. */
const burstMs = 100;

/**
 * Lets bytes through at a rate, shared equally by those who want some at the moment: they take turns, whoever asks often or in
 * parallel not more often than the others. What one does not use the others have.
 */
export class FairRate {
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  /** By task, in the order of their turns. */
  readonly #queues = new Map<string, Waiting[]>();
  /** When all that went is paid for. */
  #paidMs: number;
  #isServing = false;

  constructor({ bytesPerSecond, clock = systemClock }: { readonly bytesPerSecond: number; readonly clock?: Clock }) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
    this.#paidMs = clock.monotonicMs();
  }

  /** Resolves when it is the task's turn. Aborting leaves the queue. */
  async take(task: string, bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#queues.size === 0 && this.#dueMs() <= 0) return this.#pay(bytes);
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = { bytes, go: turn.resolve };
    this.#queues.set(task, [...(this.#queues.get(task) ?? []), waiting]);
    const leave = (): void => {
      this.#remove(task, waiting);
      turn.reject(toHoldfastError(signal.reason));
    };
    signal.addEventListener('abort', leave, { once: true });
    if (!this.#isServing) void this.#serve();
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let [next] = this.#queues; next; [next] = this.#queues) {
      const dueMs = this.#dueMs();
      if (dueMs > 0) {
        await this.#clock.sleep(dueMs);
        // Whose turn it is may have left meanwhile.
        continue;
      }
      const [task, queue] = next;
      const [waiting, ...others] = queue;
      // To the end of the row.
      this.#queues.delete(task);
      if (others.length > 0) this.#queues.set(task, others);
      if (!waiting) continue;
      this.#pay(waiting.bytes);
      waiting.go();
    }
    this.#isServing = false;
  }

  #remove(task: string, waiting: Waiting): void {
    const queue = this.#queues.get(task)?.filter((one) => one !== waiting) ?? [];
    if (queue.length > 0) this.#queues.set(task, queue);
    else this.#queues.delete(task);
  }

  #dueMs(): number {
    return this.#paidMs - burstMs - this.#clock.monotonicMs();
  }

  #pay(bytes: number): void {
    this.#paidMs = Math.max(this.#paidMs, this.#clock.monotonicMs()) + bytes / this.#bytesPerMs;
  }
}
