import { randomBytes } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import {
  type ExecutorPlace,
  encodeFrame,
  type LocalAnswer,
  type Task,
  type TaskContext,
  type TaskOutcome,
} from '@holdfast/protocol';
import type { Connection } from '@holdfast/wire';
import { executorStopMs, maxReadings, maxTaskMs, maxViews } from '../limits.ts';
import { type ExecutorCommand, executeIn, startExecutor } from './executor-process.ts';
import { KeptExecutors } from './kept-executors.ts';
import type { Sandboxes } from './sandboxes.ts';

/** Takes a connection on which an executor speaks HTTP with its repository. */
export type ServeExecutor = (connection: Connection) => void;

/**
 * The processes that open a repository for one task of the server, started by a mover or an agent. Each gets the task, and with it
 * the repository's password, over its standard input, and reaches its repository as everybody else does: by the REST protocol
 * with the task's grant, over a local socket, where a secret of its own admits it. So every rule holds for it, and no key is in
 * the process that started it for longer than it takes to pass it on.
 */
export class Executors {
  readonly #command: ExecutorCommand | undefined;
  readonly #place: ExecutorPlace;
  readonly #socket: string;
  readonly #sandboxes: Sandboxes;
  readonly #clock: Clock;
  readonly #stopMs: number;
  /** By secret. */
  readonly #admitted = new Map<string, ServeExecutor>();
  readonly #kept: KeptExecutors | undefined;
  readonly #taken = { read: 0, view: 0 };

  constructor(o: {
    command: ExecutorCommand | undefined;
    /** Who starts them. */
    place: ExecutorPlace;
    /** The local socket on which `admit` is asked. */
    socket: string;
    /** Who serves processes that are kept while somebody looks around; without it none is. */
    serveKept?: ServeExecutor;
    /** Where drills restore to. */
    sandboxes: Sandboxes;
    clock: Clock;
    /** How long a process that was cancelled or is done may take to end; then it is killed. */
    stopMs?: number;
  }) {
    this.#command = o.command;
    this.#place = o.place;
    this.#socket = o.socket;
    this.#sandboxes = o.sandboxes;
    this.#clock = o.clock;
    this.#stopMs = o.stopMs ?? executorStopMs;
    const { command, serveKept } = o;
    this.#kept =
      command &&
      serveKept &&
      new KeptExecutors({
        start: () => {
          const secret = randomBytes(32).toString('base64url');
          this.#admitted.set(secret, serveKept);
          const child = startExecutor(command, { clock: this.#clock, stopMs: this.#stopMs });
          return {
            child,
            way: { place: this.#place, socket: this.#socket, secret },
            [Symbol.asyncDispose]: async () => {
              await child[Symbol.asyncDispose]();
              this.#admitted.delete(secret);
            },
          };
        },
        clock: this.#clock,
        stopMs: this.#stopMs,
      });
  }

  /** Admits the connection of an executor. Throws `auth.required` for a secret of no task that runs. */
  admit(secret: string, connection: Connection): void {
    const serve = this.#admitted.get(secret);
    if (!serve) throw new HoldfastError('auth.required', { message: 'That secret is of no task that runs here.' });
    connection.stream.write(encodeFrame({ type: 'relayed' } satisfies LocalAnswer));
    serve(connection);
  }

  /**
   * Runs one task in a process of its own, or, when it only looks around, in one that is kept for that. It is asked to stop when the
   * task is cancelled, and killed when it does not.
   */
  async run(task: Task, context: TaskContext, serve: ServeExecutor): Promise<TaskOutcome> {
    const command = this.#command;
    if (!command)
      throw new HoldfastError('request.invalid', {
        message: `This ${this.#place} was started without an executor of its own.`,
      });
    context.signal.throwIfAborted();
    using _place = this.#takePlace(task);
    const limit = new AbortController();
    const done = new AbortController();
    const signal = AbortSignal.any([context.signal, limit.signal]);
    void this.#endLate({ signal: done.signal, limit });
    try {
      if (this.#kept && looksAround(task)) return await this.#kept.run(task, { context, signal });
      return await this.#runAlone(command, { task, context, signal, serve });
    } finally {
      done.abort();
    }
  }

  /** Ends the processes that are kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kept?.[Symbol.asyncDispose]();
  }

  async #runAlone(
    command: ExecutorCommand,
    o: {
      readonly task: Task;
      readonly context: TaskContext;
      readonly signal: AbortSignal;
      readonly serve: ServeExecutor;
    },
  ): Promise<TaskOutcome> {
    const secret = randomBytes(32).toString('base64url');
    await using stack = new AsyncDisposableStack();
    this.#admitted.set(secret, o.serve);
    // Removed last: the process that fills it is gone by then, however it ended.
    const sandbox = o.task.kind === 'drill' ? stack.use(await this.#sandboxes.make()).path : undefined;
    // A process that is asked to stop removes its locks first, and needs a connection for that.
    stack.defer(() => void this.#admitted.delete(secret));
    const child = stack.use(startExecutor(command, { clock: this.#clock, stopMs: this.#stopMs }));
    return await executeIn(child, {
      ...o,
      taskId: crypto.randomUUID(),
      way: { place: this.#place, socket: this.#socket, secret, sandbox },
    });
  }

  /** Downloads and restores go as slowly as who takes them: they leave room for what else is to be done here. */
  #takePlace({ kind }: Task): Disposable | undefined {
    if (kind !== 'read' && kind !== 'view') return undefined;
    const taken = this.#taken;
    const [most, what] =
      kind === 'read' ? [maxReadings, 'downloads and lists'] : [maxViews, 'restores through this place'];
    if (taken[kind] >= most)
      throw new HoldfastError('internal.limit', {
        message: `${taken[kind]} ${what} are under way here already, as many as there may be at once.`,
        retry: 'transient',
      });
    taken[kind] += 1;
    return { [Symbol.dispose]: () => void (taken[kind] -= 1) };
  }

  async #endLate({ signal, limit }: { signal: AbortSignal; limit: AbortController }): Promise<void> {
    if (await this.#slept(maxTaskMs, signal))
      limit.abort(
        new HoldfastError('run.timeout', { message: `The task took longer than ${maxTaskMs / 3_600_000} hours.` }),
      );
  }

  /** False when the signal came first. */
  async #slept(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#clock.sleep(ms, signal);
      return true;
    } catch {
      return false;
    }
  }
}

/** Somebody waits for the answer, and may ask for more. */
function looksAround({ kind }: Task): boolean {
  return ['snapshots', 'browse', 'find', 'stats', 'read'].includes(kind);
}
