import { type Clock, HoldfastError, systemClock, toHoldfastError } from '@holdfast/core';
import type { Connection } from '@holdfast/wire';
import { reportOf } from './error-report.ts';
import { maxKeptTasks, maxListedProblems } from './limits.ts';
import { type LogLevel, type LogLine, TaskLog } from './run-log.ts';
import { type OutputPiece, TaskOutput } from './task-output.ts';
import { SpeedSamples, type TaskChannel, TaskChannels } from './task-statistics.ts';
import type { Degradation, Task, TaskEvent, TaskOutcome, TaskResult } from './tasks.ts';

/** Which task it is, for logs. */
export interface TaskIds {
  readonly run: string;
  /** What it is a task of. */
  readonly session?: string;
  /** The request that asked for it. */
  readonly request?: string;
}

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
  /** A line of the task's log; by the process that runs it, or by one that works for it. */
  log(level: LogLevel, message: string, by?: LogLine['process']): void;
  /** A connection that serves this task alone. */
  uses(connection: Connection, direction: TaskChannel['direction']): void;
}

export type TaskRunner = (task: Task, context: TaskContext, ids: TaskIds) => Promise<TaskOutcome>;

type Watcher = (event: TaskEvent) => void;

interface RegistryOptions {
  /** Tasks at once; views, which wait for others most of the time, are counted by themselves. */
  readonly maxRunning: number;
  /** The process that runs them. */
  readonly process: 'agent' | 'mover';
  readonly clock?: Clock;
  /** Each line of a task's log, as it is written. */
  readonly onLine?: (ids: TaskIds, line: LogLine) => void;
}

/**
 * The tasks of this process, by id. A task outlives the connection that started it: asking for the same id again attaches
 * to it, also when it has ended, so a server that lost the connection loses nothing.
 */
export class TaskRegistry {
  readonly #runner: TaskRunner;
  readonly #o: RegistryOptions;
  /** In order of arrival: the oldest ended ones are forgotten first. */
  readonly #tasks = new Map<string, RunningTask>();

  constructor(runner: TaskRunner, options: RegistryOptions) {
    this.#runner = runner;
    this.#o = options;
  }

  /** Runs the task or attaches to it. Leaving (the signal) does not end the task: `cancel` does. */
  async run(
    ids: TaskIds,
    task: Task,
    options: { readonly watch: Watcher; readonly signal: AbortSignal },
  ): Promise<TaskResult> {
    return this.#startedOrKnown(ids, task).attach(options.watch, options.signal);
  }

  /** As `run`, for whoever does not wait for the end. Throws `internal.limit` where too many run. */
  begin(ids: TaskIds, task: Task): void {
    this.#startedOrKnown(ids, task);
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

  #startedOrKnown(ids: TaskIds, task: Task): RunningTask {
    const known = this.#tasks.get(ids.run);
    // Whoever asks again may bring a fresher grant.
    known?.renew(task.access.grant);
    return known ?? this.#start(ids, task);
  }

  #start(ids: TaskIds, task: Task): RunningTask {
    const running = [...this.#tasks.values()].filter(
      (other) => other.isRunning && (other.kind === 'view') === (task.kind === 'view'),
    ).length;
    if (running >= this.#o.maxRunning) {
      throw new HoldfastError('internal.limit', {
        message: `${running} tasks run here already, as many as there may be at once.`,
        retry: 'transient',
      });
    }
    for (const [id, other] of this.#tasks) {
      if (this.#tasks.size < maxKeptTasks) break;
      if (!other.isRunning) this.#tasks.delete(id);
    }
    const started = new RunningTask(task, (own, context) => this.#runner(own, context, ids), {
      process: this.#o.process,
      clock: this.#o.clock ?? systemClock,
      onLine: (line) => this.#o.onLine?.(ids, line),
    });
    this.#tasks.set(ids.run, started);
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
  readonly kind: Task['kind'];
  readonly output = new TaskOutput();
  readonly #controller = new AbortController();
  readonly #watchers = new Set<Watcher>();
  readonly #problems: HoldfastError[] = [];
  readonly #degradations: Degradation[] = [];
  readonly #grantListeners: ((grant: string) => void)[] = [];
  readonly #o: { readonly process: LogLine['process']; readonly onLine: (line: LogLine) => void };
  readonly #log: TaskLog;
  readonly #samples: SpeedSamples;
  readonly #channels = new TaskChannels();
  #problemCount = 0;
  #phase: string | undefined;
  #grant: string;

  constructor(
    task: Task,
    runner: (task: Task, context: TaskContext) => Promise<TaskOutcome>,
    o: { readonly process: LogLine['process']; readonly clock: Clock; readonly onLine: (line: LogLine) => void },
  ) {
    this.#o = o;
    this.kind = task.kind;
    this.#log = new TaskLog(o.clock);
    this.#samples = new SpeedSamples(o.clock);
    this.#grant = task.access.grant;
    this.ended = this.#run(task, runner);
    // Whoever attaches sees the failure; without anybody attached it must not end the process.
    this.ended.catch((error: unknown) => toHoldfastError(error));
  }

  async attach(watch: Watcher, signal: AbortSignal): Promise<TaskResult> {
    signal.throwIfAborted();
    this.#watchers.add(watch);
    for (const degradation of this.#degradations) watch({ kind: 'degraded', degradation });
    for (const line of this.#log.lines()) watch({ kind: 'log', line });
    // Of one that goes on it comes again, at the latest with the end.
    if (!this.isRunning) watch(this.#statistics());
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

  async #run(task: Task, runner: (task: Task, context: TaskContext) => Promise<TaskOutcome>): Promise<TaskResult> {
    try {
      this.#write('info', `The ${task.kind} begins`, this.#o.process);
      const result = await runner(task, {
        signal: this.#controller.signal,
        grant: () => this.#grant,
        onGrant: (listener) => void this.#grantListeners.push(listener),
        report: (event) => {
          this.#tell(event);
          if (event.kind !== 'progress') return;
          const { phase } = event.progress;
          if (phase !== this.#phase) this.#write('info', `Phase: ${phase}`, this.#o.process);
          this.#phase = phase;
          if (this.#samples.add(event.progress)) this.#tell(this.#statistics());
        },
        problem: (error) => {
          this.#problemCount++;
          // Beyond the bound they are only counted: a disk with a million bad files must not fill memory and network.
          if (this.#problems.length >= maxListedProblems) return;
          this.#problems.push(error);
          this.#write('warning', error.message, this.#o.process);
          this.#tell({ kind: 'problem', problem: reportOf(error) });
        },
        degraded: (degradation) => {
          if (this.#degradations.some((known) => known.channel === degradation.channel)) return;
          this.#degradations.push(degradation);
          const { channel, usedInstead, reason } = degradation;
          this.#write('warning', `${usedInstead} stands in for ${channel}: ${reason.message}`, this.#o.process);
          this.#tell({ kind: 'degraded', degradation });
        },
        write: (bytes) => this.output.write(bytes, this.#controller.signal),
        log: (level, message, by) => this.#write(level, message, by ?? this.#o.process),
        uses: (connection, direction) => this.#channels.follow(connection, direction),
      });
      this.output.end();
      this.#write('info', `The ${task.kind} has ended`, this.#o.process);
      return {
        result,
        problems: this.#problems.map(reportOf),
        problemCount: this.#problemCount,
        degradations: this.#degradations,
      };
    } catch (error) {
      this.output.end(error);
      this.#write('error', toHoldfastError(error).message, this.#o.process);
      throw error;
    } finally {
      this.isRunning = false;
      this.#tell(this.#statistics());
    }
  }

  #write(level: LogLevel, message: string, by: LogLine['process']): void {
    const line = this.#log.add({ level, message, process: by });
    this.#o.onLine(line);
    this.#tell({ kind: 'log', line });
  }

  #statistics(): TaskEvent {
    const statistics = { samples: [...this.#samples.all()], channels: [...this.#channels.all()] };
    return { kind: 'statistics', statistics };
  }

  #tell(event: TaskEvent): void {
    for (const watch of this.#watchers) watch(event);
  }
}
