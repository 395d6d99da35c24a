import { createHmac, randomBytes } from 'node:crypto';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { RepositoryAccess, Task, TaskContext, TaskOutcome } from '@holdfast/protocol';
import { keptIdleMs, keptMaxMs, maxKeptExecutors } from '../limits.ts';
import { type ExecutorProcess, executeIn, type WayIn } from './executor-process.ts';

interface StartedExecutor extends AsyncDisposable {
  readonly child: ExecutorProcess;
  readonly way: WayIn;
}

interface Kept {
  readonly started: StartedExecutor;
  readonly sinceMs: number;
  running: number;
  /** Aborted when it is used again. */
  idle: AbortController;
}

/**
 * Processes that keep one repository open while somebody looks around in it: starting one, deriving the key and reading the index
 * takes longer than most answers. They only read, with the grant that each task brings, and end when nobody has asked for a minute.
 */
export class KeptExecutors implements AsyncDisposable {
  readonly #start: () => StartedExecutor;
  readonly #clock: Clock;
  readonly #stopMs: number;
  /** By repository and password, which only a digest by this key is kept of. */
  readonly #kept = new Map<string, Kept>();
  readonly #digestKey = randomBytes(32);
  readonly #ending = new Set<Promise<void>>();

  constructor(o: { start: () => StartedExecutor; clock: Clock; stopMs: number }) {
    this.#start = o.start;
    this.#clock = o.clock;
    this.#stopMs = o.stopMs;
  }

  /** Processes that are there. */
  get size(): number {
    return this.#kept.size;
  }

  async run(
    task: Task,
    { context, signal }: { readonly context: TaskContext; readonly signal: AbortSignal },
  ): Promise<TaskOutcome> {
    const key = this.#keyOf(task.access);
    const kept = this.#take(key);
    const { child, way } = kept.started;
    const taskId = crypto.randomUUID();
    try {
      return await executeIn(child, { taskId, task, way, context, signal });
    } catch (error) {
      if (child.peer.ending !== undefined) this.#drop(key, kept);
      else await this.#settle(child, taskId).catch(() => this.#drop(key, kept));
      throw error;
    } finally {
      this.#give(key, kept);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, kept] of this.#kept) this.#drop(key, kept);
    await Promise.all(this.#ending);
  }

  #keyOf({ tenant, repository, password }: RepositoryAccess): string {
    return createHmac('sha256', this.#digestKey)
      .update(JSON.stringify([tenant, repository, password]))
      .digest('hex');
  }

  #take(key: string): Kept {
    const known = this.#kept.get(key);
    const isUsable = known?.started.child.peer.ending === undefined;
    if (known && isUsable && this.#clock.monotonicMs() - known.sinceMs < keptMaxMs) {
      known.idle.abort();
      known.running += 1;
      return known;
    }
    // What it still does it does to the end.
    if (known) this.#drop(key, known);
    if (this.#kept.size >= maxKeptExecutors) {
      const [idle] = [...this.#kept].filter(([, { running }]) => running === 0);
      if (idle) this.#drop(...idle);
    }
    const kept = {
      started: this.#start(),
      sinceMs: this.#clock.monotonicMs(),
      running: 1,
      idle: new AbortController(),
    };
    if (this.#kept.size < maxKeptExecutors) this.#kept.set(key, kept);
    return kept;
  }

  #give(key: string, kept: Kept): void {
    kept.running -= 1;
    if (kept.running > 0) return;
    if (this.#kept.get(key) !== kept) {
      this.#end(kept);
      return;
    }
    kept.idle = new AbortController();
    const { signal } = kept.idle;
    this.#clock.sleep(keptIdleMs, signal).then(
      () => this.#drop(key, kept),
      // It is used again.
      () => undefined,
    );
  }

  #drop(key: string, kept: Kept): void {
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
    kept.idle.abort();
    if (kept.running === 0) this.#end(kept);
  }

  #end({ started }: Kept): void {
    const ended = Promise.resolve(started[Symbol.asyncDispose]());
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }

  /** A task that was cancelled gives back its lock before the grant is withdrawn. Throws when it takes too long. */
  async #settle(child: ExecutorProcess, taskId: string): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new HoldfastError('run.timeout', { message: 'A task that was cancelled did not end.' })),
      this.#stopMs,
    );
    try {
      await child.peer.call('settle', { taskId }, { signal: late.signal });
    } catch (error) {
      throw toHoldfastError(error);
    } finally {
      clearTimeout(timer);
    }
  }
}
