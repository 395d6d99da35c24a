/** Bounded waiting: a queue and a semaphore. Both are fair, abortable, and never grow past their capacity. */

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

function enqueue<T>(waiters: Set<Waiter<T>>, signal: AbortSignal | undefined): Promise<T> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise<T>((resolve, reject) => {
    const settle = (): void => {
      waiters.delete(waiter);
      stopListening?.();
    };
    const waiter: Waiter<T> = {
      resolve: (value) => {
        settle();
        resolve(value);
      },
      reject: (reason) => {
        settle();
        reject(reason);
      },
    };
    const stopListening = signal && onAbort(signal, () => waiter.reject(signal.reason));
    waiters.add(waiter);
  });
}

interface Listening {
  readonly acts: Set<() => void>;
  readonly listener: () => void;
}

const listening = new WeakMap<AbortSignal, Listening>();

/**
 * Acts when the signal is aborted; gives what ends that. A signal has one listener, however many wait with it: it compares each that
 * is added or removed with all that it has, so ten thousand would take half a second.
 */
function onAbort(signal: AbortSignal, act: () => void): () => void {
  const { acts, listener } = listening.get(signal) ?? listen(signal);
  acts.add(act);
  return () => {
    acts.delete(act);
    if (acts.size > 0) return;
    // A signal with a listener is kept in memory by the signals that it follows.
    signal.removeEventListener('abort', listener);
    listening.delete(signal);
  };
}

function listen(signal: AbortSignal): Listening {
  const acts = new Set<() => void>();
  const listener = (): void => {
    for (const act of [...acts]) act();
  };
  const made = { acts, listener };
  listening.set(signal, made);
  signal.addEventListener('abort', listener, { once: true });
  return made;
}

/** Waits to be woken. Who is woken and aborted in one turn passes the wake-up on: it is the only one for that item or place. */
async function wake(waiters: Set<Waiter<void>>, signal: AbortSignal | undefined): Promise<void> {
  await enqueue(waiters, signal);
  if (!signal?.aborted) return;
  first(waiters)?.resolve();
  throw signal.reason;
}

function first<T>(waiters: Set<T>): T | undefined {
  for (const waiter of waiters) return waiter;
  return undefined;
}

/** Hands out a fixed number of permits. `using permit = await semaphore.acquire(signal)` gives it back. */
export class Semaphore {
  #free: number;
  #waiters = new Set<Waiter<void>>();

  constructor(permits: number) {
    if (!Number.isInteger(permits) || permits < 1)
      throw new RangeError(`a semaphore needs at least one permit, not ${permits}`);
    this.#free = permits;
  }

  async acquire(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await enqueue(this.#waiters, signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = first(this.#waiters);
        if (next) next.resolve();
        else this.#free += 1;
      },
    };
  }
}

/** A queue with a capacity: `push` waits while it is full, `pull` while it is empty. `close` lets pulls drain, then gives undefined. */
export class BoundedQueue<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #closed = false;
  #error: { readonly reason: unknown } | undefined;
  #pushers = new Set<Waiter<void>>();
  #pullers = new Set<Waiter<void>>();

  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new RangeError(`a queue needs a capacity of at least one, not ${capacity}`);
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#items.length;
  }

  async push(item: T, signal?: AbortSignal): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#error) throw this.#error.reason;
      if (this.#closed) throw new Error('the queue is closed');
      if (this.#items.length < this.#capacity) break;
      await wake(this.#pushers, signal);
    }
    this.#items.push(item);
    first(this.#pullers)?.resolve();
  }

  /** The oldest item, or undefined once the queue is closed and empty. */
  async pull(signal?: AbortSignal): Promise<T | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#error) throw this.#error.reason;
      if (this.#items.length > 0) {
        const item = this.#items.shift();
        first(this.#pushers)?.resolve();
        return item;
      }
      if (this.#closed) return undefined;
      await wake(this.#pullers, signal);
    }
  }

  /** No more pushes; pulls drain what is there. */
  close(): void {
    this.#closed = true;
    for (const waiter of [...this.#pullers, ...this.#pushers]) waiter.resolve();
  }

  /** Drops everything; every push and pull, waiting or later, rejects with the reason. */
  fail(reason: unknown): void {
    this.#error ??= { reason };
    this.#items = [];
    for (const waiter of [...this.#pullers, ...this.#pushers]) waiter.reject(reason);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (let item = await this.pull(); item !== undefined; item = await this.pull()) yield item;
  }
}
