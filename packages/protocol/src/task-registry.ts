import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { reportOf } from './error-report.ts';
import { maxKeptTasks, maxListedProblems } from './limits.ts';
import { type OutputPiece, TaskOutput } from './task-output.ts';
import type { Degradation, Task, TaskEvent, TaskOutcome, TaskResult } from './tasks.ts';

/** What a task gets from the process that runs it. */
export interface TaskContext {
  readonly signal: AbortSignal;
  /** The grant in force: renewed while the task runs. */
  grant(): string;
  /** Told of each grant that takes the place of the one before. */
  onGrant(listener: (grant: string) => void): void;
  /** Shows progress to whoever watches; it may be lost while nobody does. */
  report(event: Extract<TaskEvent, { kind: 'progress' | 'channel-offered' }>): void;
  problem(error: HoldfastError): void;
  degraded(degradation: Degradation): void;
  /** Gives bytes besides the result; waits until whoever asked for the task fetches them. */
  write(bytes: Uint8Array): Promise<void>;
}

export type TaskRunner = (task: Task, context: TaskContext) => Promise<TaskOutcome>;

type Watcher = (event: TaskEvent) => void;

/**
 * The tasks of this process, by id. A task outlives the connection that started it: asking for the same id again attaches
 * to it, also when it has ended, so a server that lost the connection loses nothing.
 */
export class TaskRegistry {
  readonly #runner: TaskRunner;
  readonly #maxRunning: number;
  /** In order of arrival: the oldest ended ones are forgotten first. */
  readonly #tasks = new Map<string, RunningTask>();

  constructor(runner: TaskRunner, o: { /** Tasks at once. */ readonly maxRunning: number }) {
    this.#runner = runner;
    this.#maxRunning = o.maxRunning;
  }

  /** Runs the task or attaches to it. Leaving (the signal) does not end the task: `cancel` does. */
  async run(
    taskId: string,
    task: Task,
    options: { readonly watch: Watcher; readonly signal: AbortSignal },
  ): Promise<TaskResult> {
    const known = this.#tasks.get(taskId);
    // Whoever asks again may bring a fresher grant.
    known?.renew(task.access.grant);
    const running = known ?? this.#start(taskId, task);
    return running.attach(options.watch, options.signal);
  }

  renew(taskId: string, grant: string): void {
    this.#find(taskId).renew(grant);
  }

  cancel(taskId: string, reason = new HoldfastError('run.cancelled')): void {
    this.#find(taskId).cancel(reason);
  }

  /** Resolves when the task has ended, however. */
  async ended(taskId: string): Promise<void> {
    await Promise.allSettled([this.#find(taskId).ended]);
  }

  /** The next bytes of a task's output. */
  async read(taskId: string, signal: AbortSignal): Promise<OutputPiece> {
    return this.#find(taskId).output.read(signal);
  }

  /** Tasks under way. */
  get running(): number {
    return [...this.#tasks.values()].filter((task) => task.isRunning).length;
  }

  /** Cancels everything and waits for the ends. */
  async stop(): Promise<void> {
    const reason = new HoldfastError('run.cancelled', { message: 'The process that runs the task is shutting down.' });
    for (const task of this.#tasks.values()) task.cancel(reason);
    await Promise.allSettled([...this.#tasks.values()].map((task) => task.ended));
  }

  #start(taskId: string, task: Task): RunningTask {
    const { running } = this;
    if (running >= this.#maxRunning) {
      throw new HoldfastError('internal.limit', {
        message: `${running} tasks run here already, as many as there may be at once.`,
        retry: 'transient',
      });
    }
    for (const [id, other] of this.#tasks) {
      if (this.#tasks.size < maxKeptTasks) break;
      if (!other.isRunning) this.#tasks.delete(id);
    }
    const started = new RunningTask(task, this.#runner);
    this.#tasks.set(taskId, started);
    return started;
  }

  #find(taskId: string): RunningTask {
    const task = this.#tasks.get(taskId);
    if (!task)
      throw new HoldfastError('request.missing', {
        message: 'That task is not known here.',
        context: { taskId },
      });
    return task;
  }
}

class RunningTask {
  readonly ended: Promise<TaskResult>;
  isRunning = true;
  readonly output = new TaskOutput();
  readonly #controller = new AbortController();
  readonly #watchers = new Set<Watcher>();
  readonly #problems: HoldfastError[] = [];
  readonly #degradations: Degradation[] = [];
  readonly #grantListeners: ((grant: string) => void)[] = [];
  #problemCount = 0;
  #grant: string;

  constructor(task: Task, runner: TaskRunner) {
    this.#grant = task.access.grant;
    this.ended = this.#run(task, runner);
    // Whoever attaches sees the failure; without anybody attached it must not end the process.
    this.ended.catch((error: unknown) => toHoldfastError(error));
  }

  async attach(watch: Watcher, signal: AbortSignal): Promise<TaskResult> {
    signal.throwIfAborted();
    this.#watchers.add(watch);
    for (const degradation of this.#degradations) watch({ kind: 'degraded', degradation });
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([this.ended, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      this.#watchers.delete(watch);
    }
  }

  renew(grant: string): void {
    if (grant === this.#grant) return;
    this.#grant = grant;
    for (const listener of this.#grantListeners) listener(grant);
  }

  cancel(reason: HoldfastError): void {
    this.#controller.abort(reason);
  }

  async #run(task: Task, runner: TaskRunner): Promise<TaskResult> {
    try {
      const result = await runner(task, {
        signal: this.#controller.signal,
        grant: () => this.#grant,
        onGrant: (listener) => void this.#grantListeners.push(listener),
        report: (event) => this.#tell(event),
        problem: (error) => {
          this.#problemCount++;
          // Beyond the bound they are only counted: a disk with a million bad files must not fill memory and network.
          if (this.#problems.length >= maxListedProblems) return;
          this.#problems.push(error);
          this.#tell({ kind: 'problem', problem: reportOf(error) });
        },
        degraded: (degradation) => {
          if (this.#degradations.some((known) => known.channel === degradation.channel)) return;
          this.#degradations.push(degradation);
          this.#tell({ kind: 'degraded', degradation });
        },
        write: (bytes) => this.output.write(bytes, this.#controller.signal),
      });
      this.output.end();
      return {
        result,
        problems: this.#problems.map(reportOf),
        problemCount: this.#problemCount,
        degradations: this.#degradations,
      };
    } catch (error) {
      this.output.end(error);
      throw error;
    } finally {
      this.isRunning = false;
    }
  }

  #tell(event: TaskEvent): void {
    for (const watch of this.#watchers) watch(event);
  }
}
