import type { Transferable, Worker } from 'node:worker_threads';
import { type ErrorReport, HoldfastError } from '@holdfast/core';
import { endThread, startThread } from '@holdfast/native';
import { limits } from '../limits.ts';

/** What goes to a thread. */
export interface Assignment<Job> {
  readonly number: number;
  readonly job: Job;
}

/** What comes back: the answer to an assignment, or something on the way there. */
export type Reply<Result, Event> =
  | { readonly number: number; readonly result: Result }
  | { readonly number: number; readonly error: ErrorReport }
  | { readonly event: Event };

interface Thread {
  readonly worker: Worker;
  readonly pending: Set<number>;
}

interface Waiting<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
  readonly isSetUp: boolean;
}

/** Whoever works with the threads of a pool. */
export interface PoolListener<Event, Result = unknown> {
  readonly onEvent: (event: Event) => void;
  /** Told once. */
  readonly onFailure: (error: HoldfastError) => void;
  /** Told of each answer, and whether threads have something to do then. */
  readonly onAnswer?: (result: Result, busy: boolean) => void;
  /** Told when a job was given to a thread. */
  readonly onJob?: () => void;
}

/**
 * Threads that all run one entry file. One starts at once, so attach a listener before the first job; the others, because each
 * costs 0.1 s of processor time and 13 MiB, when it has worked for as long and there is more to do, or by `startAll`. A thread
 * that fails, or ends by itself, fails the whole pool: every answer that is due rejects. Disposing ends the threads when they have
 * done what they were given, or after a few seconds, whatever they do.
 */
export class ThreadPool<Job, Result, Event> implements AsyncDisposable {
  /** Of all threads, started or not. */
  readonly size: number;
  readonly #entry: URL;
  readonly #patienceMs: number;
  readonly #threads: Thread[] = [];
  readonly #waiting = new Map<number, Waiting<Result>>();
  #listener: PoolListener<Event, Result> | undefined;
  #setup: Job | undefined;
  /** When the first thread had done its first job. */
  #answeredAtMs = Number.POSITIVE_INFINITY;
  #number = 0;
  #failure: HoldfastError | undefined;
  #closing = false;

  /** @param options.patienceMs how long one thread works alone */
  constructor(options: { readonly entry: URL; readonly size: number; readonly patienceMs?: number }) {
    this.#entry = options.entry;
    this.size = options.size;
    this.#patienceMs = options.patienceMs ?? limits.oneThreadMs;
    this.#start();
  }

  /** Starts all of them: there is much to do. */
  startAll(): void {
    while (this.#threads.length < this.size && !this.#closing) this.#start();
  }

  #start(): void {
    // Descriptors are opened in one thread and closed in another, so Node must not count them per thread.
    const worker = startThread(this.#entry, {
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: limits.workerYoungGenerationMb },
    });
    const thread: Thread = { worker, pending: new Set() };
    this.#threads.push(thread);
    worker.on('message', (reply: Reply<Result, Event>) => {
      if ('event' in reply) this.#listener?.onEvent(reply.event);
      else this.#answer(thread, reply);
    });
    worker.on('messageerror', (cause) => this.#fail('A message of a worker thread could not be read', cause));
    worker.on('error', (cause) => this.#fail('A worker thread failed', cause));
    worker.on('exit', (code) => this.#fail(`A worker thread ended by itself (exit code ${code})`));
    this.#setUp(thread);
  }

  /** Who hears of events and of the failure of the pool, also of one that has happened. */
  attach(listener: PoolListener<Event, Result>): void {
    this.#listener = listener;
    if (this.#failure !== undefined) listener.onFailure(this.#failure);
  }

  /** It was disposed. */
  get ended(): boolean {
    return this.#closing;
  }

  /** True when some thread can take another job. */
  get room(): boolean {
    return this.#threads.some((thread) => thread.pending.size < limits.jobsPerWorker);
  }

  /** True when no thread has anything to do. */
  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  /** Gives the job to the thread with the least to do. The caller bounds the number of jobs by asking for `room`. */
  run(job: Job, transfer: readonly Transferable[] = []): Promise<Result> {
    const isMore = this.#threads.every((thread) => thread.pending.size > 0);
    if (isMore && performance.now() - this.#answeredAtMs >= this.#patienceMs) this.startAll();
    const thread = this.#threads.reduce((a, b) => (b.pending.size < a.pending.size ? b : a));
    this.#listener?.onJob?.();
    return this.#assign(thread, job, transfer);
  }

  /** Gives each thread this job before any other, also those that start later; a thread that refuses it fails the pool. */
  setUp(job: Job): void {
    this.#setup = job;
    for (const thread of this.#threads) this.#setUp(thread);
  }

  #setUp(thread: Thread): void {
    if (this.#setup === undefined) return;
    this.#assign(thread, this.#setup, [], true).catch((cause: unknown) =>
      this.#fail('A worker thread did not begin', cause),
    );
  }

  /** Gives one job to every thread that has started. */
  runOnAll(job: Job): Promise<Result[]> {
    return Promise.all(this.#threads.map((thread) => this.#assign(thread, job, [])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#threads.map(({ worker }) => endThread(worker)));
    this.#rejectAll(new HoldfastError('run.cancelled'));
  }

  /** Some thread has a job that is not the first one of all. */
  get #busy(): boolean {
    return this.#waiting.values().some(({ isSetUp }) => !isSetUp);
  }

  #assign(thread: Thread, job: Job, transfer: readonly Transferable[], isSetUp = false): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // A thread that ends takes nothing more: whoever goes on after the end of the pool would wait for ever.
    if (this.#closing) return Promise.reject(new HoldfastError('run.cancelled'));
    this.#number += 1;
    const assignment: Assignment<Job> = { number: this.#number, job };
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.set(assignment.number, { resolve, reject, isSetUp });
      thread.pending.add(assignment.number);
      thread.worker.postMessage(assignment, transfer);
    });
  }

  #answer(thread: Thread, reply: Exclude<Reply<Result, Event>, { event: Event }>): void {
    const waiting = this.#waiting.get(reply.number);
    this.#waiting.delete(reply.number);
    thread.pending.delete(reply.number);
    this.#answeredAtMs = Math.min(this.#answeredAtMs, performance.now());
    if ('error' in reply) waiting?.reject(HoldfastError.fromReport(reply.error));
    else {
      if (waiting?.isSetUp !== true) this.#listener?.onAnswer?.(reply.result, this.#busy);
      waiting?.resolve(reply.result);
    }
  }

  #fail(what: string, cause?: unknown): void {
    if (this.#closing || this.#failure !== undefined) return;
    const detail = cause instanceof Error ? `: ${cause.message}` : '';
    this.#failure = new HoldfastError('internal.unexpected', { message: `${what}${detail}.`, cause });
    this.#rejectAll(this.#failure);
    this.#listener?.onFailure(this.#failure);
  }

  #rejectAll(error: HoldfastError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** How many threads work when nothing else was asked for. */
export function workerCount(asked: number | undefined, available: number): number {
  const count = asked ?? Math.min(available, limits.maxWorkers);
  if (!Number.isInteger(count) || count < 1 || count > 64)
    throw new HoldfastError('usage.option', { message: `There can be 1 to 64 worker threads, not ${count}.` });
  return count;
}
