import type { Clock } from '@holdfast/core';
import type { Degradation, LogLine, Run, TaskEvent } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { EventHub } from '../event-hub.ts';
import { maxListedDegradations, maxListedProblems, progressPersistMs } from '../limits.ts';
import type { Handovers } from './handovers.ts';
import { RunLog, type RunRecords } from './run-log.ts';
import { type RunRow, runView, saveRunning } from './run-store.ts';
import { isMaintenance } from './work-order.ts';

/** A run under way: its present view is in memory, published at each change, and written to the catalogue now and then. */
export class ActiveRun {
  readonly row: RunRow;
  readonly scope: TenantScope;
  /** Another instance, or an earlier life of this one, has begun it. */
  readonly isLeft: boolean;
  readonly cancel = new AbortController();
  /** Aborted when another instance of the server has the run, or is to have it: it is left alone here, and goes on. */
  readonly left = new AbortController();
  /** The instance that is to have it. */
  handOverTo: string | undefined;
  /** The agent may have the task, or will not get it. */
  readonly hasStarted = Promise.withResolvers<void>();
  /** Whether the agent is reached at present. */
  isReached = false;
  readonly log: RunLog;
  readonly #instance: string;
  readonly #handovers: Handovers;
  readonly #events: EventHub;
  readonly #clock: Clock;
  #view: Run;
  #savedMs: number;

  constructor(o: {
    row: RunRow;
    scope: TenantScope;
    instance: string;
    /** It has just begun, and never before. */
    isNew: boolean;
    isLeft: boolean;
    records: RunRecords;
    handovers: Handovers;
    events: EventHub;
    clock: Clock;
    logger: Logger;
  }) {
    this.#instance = o.instance;
    this.#handovers = o.handovers;
    this.row = o.row;
    this.scope = o.scope;
    this.isLeft = o.isLeft;
    this.#events = o.events;
    this.#clock = o.clock;
    this.#view = runView(o.row);
    this.#savedMs = o.clock.monotonicMs();
    const { id: runId, jobSessionId: sessionId, requestId } = o.row;
    const onWritten = (): void => o.events.publishLog(o.scope.tenant, runId);
    const { scope, isNew, records, clock, logger } = o;
    this.log = new RunLog({ scope, runId, sessionId, requestId, isNew, records, clock, logger, onWritten });
  }

  /** Throws `run.taken` when another instance has it. */
  async recordHandover(): Promise<void> {
    await this.#handovers.record(this.scope, this.#view, this.#instance);
    this.#savedMs = this.#clock.monotonicMs();
    this.hasStarted.resolve();
  }

  get view(): Run {
    return this.#view;
  }

  /** Until it is disposed. */
  reached(): Disposable {
    this.isReached = true;
    return { [Symbol.dispose]: () => void (this.isReached = false) };
  }

  change(change: Partial<Run>): void {
    this.#view = { ...this.#view, ...change };
    this.#events.publishRun(this.scope.tenant, this.#view);
  }

  degrade(degradation: Degradation): void {
    const { degradations } = this.#view;
    if (degradations.length >= maxListedDegradations) return;
    if (degradations.some((known) => known.channel === degradation.channel)) return;
    this.change({ degradations: [...degradations, degradation] });
  }

  /** What the agent tells while it works; offers of channels are not for the view. */
  observe(event: Exclude<TaskEvent, { kind: 'channel-offered' }>): void {
    switch (event.kind) {
      case 'progress':
        this.change({ progress: event.progress });
        break;
      case 'problem': {
        const { problems, problemCount } = this.#view;
        this.change({
          problemCount: problemCount + 1,
          ...(problems.length < maxListedProblems ? { problems: [...problems, event.problem] } : {}),
        });
        break;
      }
      case 'degraded':
        this.degrade(event.degradation);
        break;
      case 'log':
        this.log.take('worker', { ...event.line, process: this.#processOf(event.line) });
        break;
      case 'statistics':
        this.log.tell(event.statistics);
        break;
    }
  }

  /** An agent's lines are the agent's, whatever they say; an executor speaks through its mover. */
  #processOf({ process }: LogLine): LogLine['process'] {
    if (!isMaintenance(this.row.kind)) return 'agent';
    return process === 'executor' ? process : 'mover';
  }

  /** Writes the view if it has not been written for a while. */
  async saveIfDue(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#savedMs >= progressPersistMs) await this.save();
  }

  async save(): Promise<void> {
    this.#savedMs = this.#clock.monotonicMs();
    await Promise.all([saveRunning(this.scope, this.#view, this.#instance), this.log.save()]);
  }
}
