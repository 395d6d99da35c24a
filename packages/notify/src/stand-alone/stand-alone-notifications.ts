import { randomUUID } from 'node:crypto';
import type { Clock } from '@holdfast/core';
import type { NotifyConfig } from '../configuration.ts';
import { eventSchema, type NotificationEvent, type Outcome, type Run } from '../event.ts';
import { maxSummaryRuns } from '../limits.ts';
import { type Attempt, Notifier } from '../notifier.ts';
import { FolderStore } from '../queue/folder-store.ts';
import type { SenderContext } from '../senders/sender.ts';
import { lastTimeOfDay, nextTimeOfDay } from '../time-of-day.ts';
import { RunHistory } from './run-history.ts';

/** Notifications of a computer that has no server: queue and history are in a folder of its own. */
export class StandAloneNotifications {
  readonly config: NotifyConfig;
  readonly store: FolderStore;
  readonly #from: string;
  readonly #notifier: Notifier;
  readonly #history: RunHistory;
  readonly #clock: Clock;
  readonly #timeZone: string;

  private constructor(o: OpenOptions, store: FolderStore) {
    this.config = o.config;
    this.store = store;
    this.#from = o.computer;
    this.#clock = o.context.clock;
    this.#timeZone = o.context.timeZone;
    this.#notifier = new Notifier({ config: o.config, store, context: o.context });
    this.#history = new RunHistory(o.folder);
  }

  /** The folder is made if it is not there. */
  static async open(o: OpenOptions): Promise<StandAloneNotifications> {
    return new StandAloneNotifications(o, await FolderStore.open(o.folder));
  }

  /** Puts the run into the history and, by the rules, into the queue. Nothing is sent yet. */
  async runEnded(run: Run): Promise<void> {
    const history = await this.#history.add(run);
    await this.#notifier.report(this.#event({ kind: 'run-ended', run, history }));
  }

  /** Sends what is due, a summary included whose time has come. */
  async deliver(o: { readonly signal: AbortSignal; readonly onAttempt?: (attempt: Attempt) => void }): Promise<void> {
    await this.#summarise();
    await this.#notifier.deliver(o);
  }

  /** A trial to one recipient, at once and around the queue. Throws why it did not get there. */
  async sendTrial(o: {
    readonly destination: string;
    readonly recipient: string | undefined;
    readonly signal: AbortSignal;
  }): Promise<void> {
    const { signal, ...to } = o;
    await this.#notifier.send({ ...to, id: randomUUID(), event: this.#event({ kind: 'trial' }) }, signal);
  }

  /** When there may be something to do again. */
  async nextWorkAt(): Promise<Date | undefined> {
    const [first] = await this.store.waiting();
    const { dailySummary } = this.config;
    const summaryAt = dailySummary && nextTimeOfDay(dailySummary.at, this.#timeZone, this.#clock.now());
    const times = [first?.dueAt, summaryAt].filter((time) => time !== undefined);
    return times.length === 0 ? undefined : new Date(Math.min(...times.map((time) => time.getTime())));
  }

  /** A computer that was off at the time sends it later. */
  async #summarise(): Promise<void> {
    const { dailySummary } = this.config;
    if (!dailySummary) return;
    const now = this.#clock.now();
    const dueAt = lastTimeOfDay(dailySummary.at, this.#timeZone, now);
    if (Date.parse((await this.#history.read(now)).summarisedUntil) >= dueAt.getTime()) return;
    const { since, runs } = await this.#history.takeForSummary(now);
    const count = (outcome: Outcome): number => runs.filter((run) => run.outcome === outcome).length;
    const counts = { succeeded: count('succeeded'), warning: count('warning'), failed: count('failed') };
    const troubleFirst = [...runs].sort((a, b) => rank[a.outcome] - rank[b.outcome]).slice(0, maxSummaryRuns);
    await this.#notifier.report(
      this.#event({ kind: 'daily-summary', since, counts, runs: troubleFirst, offline: [], history: [] }),
    );
  }

  #event(about: { readonly kind: NotificationEvent['kind'] } & Readonly<Record<string, unknown>>): NotificationEvent {
    return eventSchema.parse({ id: randomUUID(), at: this.#clock.now().toISOString(), from: this.#from, ...about });
  }
}

interface OpenOptions {
  readonly config: NotifyConfig;
  readonly folder: string;
  /** What this computer is called in messages. */
  readonly computer: string;
  readonly context: SenderContext;
}

const rank = { failed: 0, warning: 1, succeeded: 2 } as const satisfies Record<Outcome, number>;
