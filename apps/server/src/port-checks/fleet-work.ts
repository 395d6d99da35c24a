import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { type FleetWorkView, reportOf } from '@holdfast/protocol';
import type { Logger } from 'pino';
import { maxCheckMs, maxFleetResultBytes, maxFleetWorks, maxFleetWorksBytes, maxPageBytes } from '../limits.ts';
import { withTimeLimit } from '../time-limit.ts';

export type Outcome = 'good' | 'warning' | 'failure' | 'unchecked';

interface Kept<Result> {
  readonly outcome: Outcome;
  readonly bytes: number;
  readonly result: Result;
}

/** A check or an audit under way, or its end: kept in memory, because only its moment counts. */
export class FleetWork<Result> {
  readonly id = crypto.randomUUID();
  readonly tenant: string;
  readonly notes: string[] = [];
  total = 0;
  done = 0;
  readonly #startedAt: Date;
  readonly #results: Kept<Result>[] = [];
  #bytes = 0;
  #leftOut = 0;
  readonly #counts: Record<Outcome, number> = { good: 0, warning: 0, failure: 0, unchecked: 0 };
  readonly #cancel = new AbortController();
  #end: { readonly at: Date; readonly error: HoldfastError | undefined } | undefined;

  constructor(tenant: string, startedAt: Date) {
    this.tenant = tenant;
    this.#startedAt = startedAt;
  }

  get isRunning(): boolean {
    return this.#end === undefined;
  }

  get signal(): AbortSignal {
    return this.#cancel.signal;
  }

  /** Of the results that are kept, as JSON. */
  get bytes(): number {
    return this.#bytes;
  }

  add(outcome: Outcome, result: Result): void {
    this.#counts[outcome] += 1;
    const bytes = JSON.stringify(result).length;
    // What is good must not take the room of what is not.
    const room = outcome === 'good' ? maxFleetResultBytes / 2 : maxFleetResultBytes;
    if (this.#bytes + bytes > room) this.#leftOut += 1;
    else {
      this.#bytes += bytes;
      this.#results.push({ outcome, bytes, result });
    }
  }

  cancel(reason: HoldfastError): void {
    this.#cancel.abort(reason);
  }

  end(at: Date, error: HoldfastError | undefined): void {
    this.#end ??= { at, error };
  }

  view(): FleetWorkView {
    const { error, at } = this.#end ?? {};
    const { warning, failure, unchecked } = this.#counts;
    return {
      id: this.id,
      state: !at ? 'running' : !error ? 'finished' : this.signal.aborted ? 'cancelled' : 'failed',
      startedAt: this.#startedAt.toISOString(),
      ...(at ? { endedAt: at.toISOString() } : {}),
      total: this.total,
      done: this.done,
      failures: failure,
      warnings: warning,
      unchecked,
      ...(error ? { error: reportOf(error) } : {}),
      notes: [
        ...this.notes,
        ...(this.#leftOut > 0 ? [`${this.#leftOut} results are counted and not kept, good ones first.`] : []),
      ],
    };
  }

  /** All that are kept. */
  results(): readonly Result[] {
    return this.#results.map(({ result }) => result);
  }

  /** Results from a place on, as many as an answer holds; `next` is where to go on. */
  page(o: { readonly after: number; readonly limit: number; readonly only: 'all' | 'problems' }): {
    results: Result[];
    next?: number;
  } {
    const results: Result[] = [];
    let bytes = 0;
    for (let place = o.after; place < this.#results.length; place += 1) {
      const kept = this.#results[place];
      if (!kept || (o.only === 'problems' && kept.outcome === 'good')) continue;
      // One is always given, so that everybody gets on.
      if (results.length > 0 && (results.length >= o.limit || bytes + kept.bytes > maxPageBytes))
        return { results, next: place };
      results.push(kept.result);
      bytes += kept.bytes;
    }
    return { results };
  }
}

/** The checks, or the audits, of this server: one at a time for a tenant, the last ones remembered. */
export class FleetWorks<Result> implements AsyncDisposable {
  readonly #what: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** The oldest first. */
  readonly #works: FleetWork<Result>[] = [];
  readonly #running = new Set<Promise<void>>();
  #isOver = false;

  constructor(o: { what: 'check' | 'audit'; clock: Clock; logger: Logger }) {
    this.#what = o.what;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Throws `request.conflict` while another one runs. `run` is given what `prepare` has made; only `prepare` may refuse. */
  async start(
    tenant: string,
    prepare: (work: FleetWork<Result>) => Promise<(signal: AbortSignal) => Promise<void>>,
  ): Promise<FleetWorkView> {
    const busy = this.#works.find((one) => one.tenant === tenant && one.isRunning);
    if (busy || this.#isOver)
      throw new HoldfastError('request.conflict', {
        message: busy ? `Port ${this.#what} ${busy.id} is running.` : 'The server is stopping.',
        guidance: busy
          ? `\`holdfast ports ${this.#what} --fleet --follow\` shows it, \`… --cancel\` ends it.`
          : 'Ask again when it has started.',
      });
    const work = new FleetWork<Result>(tenant, this.#clock.now());
    this.#works.push(work);
    try {
      const run = await prepare(work);
      const running = this.#run(work, run).finally(() => this.#running.delete(running));
      this.#running.add(running);
    } catch (error) {
      this.#works.splice(this.#works.indexOf(work), 1);
      throw error;
    }
    this.#forget();
    return work.view();
  }

  /** The oldest first, never what runs. */
  #forget(): void {
    const bytes = (): number => this.#works.reduce((sum, one) => sum + one.bytes, 0);
    while (this.#works.length > maxFleetWorks || bytes() > maxFleetWorksBytes) {
      const ended = this.#works.findIndex((one) => !one.isRunning);
      if (ended < 0) return;
      this.#works.splice(ended, 1);
    }
  }

  async #run(work: FleetWork<Result>, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    let failure: HoldfastError | undefined;
    try {
      await withTimeLimit({
        clock: this.#clock,
        limitMs: maxCheckMs,
        signal: work.signal,
        expired: () =>
          new HoldfastError('run.timeout', {
            message: `The ${this.#what} took longer than ${maxCheckMs / 3_600_000} hours.`,
          }),
        work: run,
      });
    } catch (error) {
      failure = toHoldfastError(error);
    }
    work.end(this.#clock.now(), failure);
    const { id, state, failures, warnings, unchecked } = work.view();
    this.#logger.info({ id, state, failures, warnings, unchecked, error: failure }, `port ${this.#what} ended`);
  }

  /** Newest first. */
  list(tenant: string): FleetWorkView[] {
    return this.#works
      .filter((one) => one.tenant === tenant)
      .map((one) => one.view())
      .toReversed();
  }

  /** Throws `request.missing`. */
  find(tenant: string, id: string): FleetWork<Result> {
    const found = this.#works.find((one) => one.tenant === tenant && one.id === id);
    if (found) return found;
    throw new HoldfastError('request.missing', {
      message: `There is no port ${this.#what} ${id}.`,
      guidance: `The server keeps the last ${maxFleetWorks} since it started, fewer where they found very much.`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const work of this.#works)
      work.cancel(new HoldfastError('run.cancelled', { message: 'The server is stopping.' }));
    await Promise.all(this.#running);
  }
}
