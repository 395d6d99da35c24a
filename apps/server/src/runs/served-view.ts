import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { type TaskEvent, type TaskResult, viewServed } from '@holdfast/protocol';
import type { ComputerRow } from '../computers/computers.ts';
import type { Vault } from '../vault.ts';
import type { ActiveRun } from './active-run.ts';
import { viewRetryMaxMs, viewRetryMinMs } from './limits.ts';
import { planOfView, type RunPlan } from './run-plan.ts';
import { viewOfRun } from './view-of-run.ts';
import type { WorkOrder } from './work-order.ts';

/**
 * The view of a snapshot that an executor serves while a run restores from it: begun before the run's own task, begun again when it
 * could not be had, or ended because nobody read for a while, and ended with the run.
 */
export class ServedView implements AsyncDisposable {
  /** Aborted, with the reason, when there will be no view any more. */
  readonly failed = new AbortController();
  readonly #run: ActiveRun;
  readonly #executor: ComputerRow;
  readonly #clock: Clock;
  readonly #leaving: AbortSignal;
  readonly #over = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #serving: Promise<void>;
  #isReady = false;

  constructor(o: {
    readonly run: ActiveRun;
    readonly order: Extract<WorkOrder, { kind: 'restore' }>;
    readonly places: Pick<RunPlan, 'mover' | 'repository'> & { readonly executor: ComputerRow };
    readonly vault: Vault;
    readonly clock: Clock;
    /** Takes the plan to its end. */
    readonly work: (plan: RunPlan) => Promise<TaskResult>;
    readonly leaving: AbortSignal;
  }) {
    const { run, order, places, vault, work, leaving } = o;
    const { executor: agent, mover, repository } = places;
    this.#run = run;
    this.#executor = agent;
    this.#clock = o.clock;
    this.#leaving = leaving;
    const cancel = AbortSignal.any([run.cancel.signal, this.#over.signal]);
    const attempt = (number: number): Promise<TaskResult> =>
      work(
        planOfView(run, {
          ...{ agent, mover, repository, order, vault, cancel },
          view: viewOfRun(run.row.id, { vault, attempt: number }),
          observe: (event) => this.#observe(event),
        }),
      );
    this.#serving = this.#serve(attempt, { stop: AbortSignal.any([cancel, leaving]) });
  }

  /** Resolves when it can be read. Rejects with what keeps it from that. */
  async ready(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      await Promise.race([this.#ready.promise, promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Ends it, and waits until the executor has given back its lock. A server that stops leaves it to its next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#leaving.aborted)
      this.#over.abort(new HoldfastError('run.cancelled', { message: 'The restore is over.' }));
    await this.#serving;
  }

  /** Never rejects. */
  async #serve(
    attempt: (number: number) => Promise<TaskResult>,
    { stop }: { readonly stop: AbortSignal },
  ): Promise<void> {
    this.#ready.promise.catch(() => {
      // Whoever waits for it hears of it.
    });
    for (let number = 0; ; number += 1) {
      try {
        await attempt(number);
      } catch (error) {
        const failure = toHoldfastError(error);
        if (stop.aborted || failure.retry === 'permanent') return this.#fail(failure);
        this.#note('warning', `it can't show the snapshot at present: ${failure.message}`);
      }
      try {
        await this.#clock.sleep(Math.min(viewRetryMaxMs, viewRetryMinMs * 2 ** Math.min(number, 10)), stop);
      } catch (error) {
        return this.#fail(toHoldfastError(error));
      }
    }
  }

  #fail(failure: HoldfastError): void {
    this.#ready.reject(failure);
    this.failed.abort(failure);
  }

  #observe(event: Exclude<TaskEvent, { kind: 'channel-offered' }>): void {
    switch (event.kind) {
      case 'progress':
        if (event.progress.phase === viewServed) this.#beReady();
        // Until then it is all that there is to see.
        else if (!this.#isReady) this.#run.observe(event);
        break;
      case 'problem':
        // The restore tells which files it costs.
        this.#note('warning', event.problem.message);
        break;
      case 'log':
        this.#note(event.line.level, event.line.message);
        break;
      case 'degraded':
        this.#run.observe(event);
        break;
      case 'statistics':
        break;
    }
  }

  #beReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#note('info', 'it shows the snapshot, and nothing else, to the computer that restores');
    this.#ready.resolve();
  }

  #note(level: Parameters<ActiveRun['log']['note']>[0], text: string): void {
    this.#run.log.note(level, `Executor ${this.#executor.hostname}: ${text}`);
  }
}
