import { type Clock, HoldfastError, hasCode, systemClock, toHoldfastError } from '@holdfast/core';
import type { Run, Session, TaskStatistics } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { EventHub } from '../event-hub.ts';
import type { Instances } from '../instances/instances.ts';
import { readJson } from '../json-column.ts';
import type { ReceiptLog } from '../receipts/receipt-log.ts';
import { isWithin, readPlan } from '../sessions/session-plan.ts';
import { loadSession, reopenSession, sessionView } from '../sessions/session-store.ts';
import { withTimeLimit } from '../time-limit.ts';
import { ActiveRun } from './active-run.ts';
import { giveBack, type HeldRun, heldRuns, passOn, runnable, takeOver } from './claims.ts';
import { repeatRun } from './enqueue.ts';
import { enterRuns, type SingleTask } from './enter-runs.ts';
import { Handovers } from './handovers.ts';
import { agentsLookMs, maxStartsAtOnce, queuePauseMs, sharedQueuePauseMs, startPauseMs } from './limits.ts';
import { RunEnds } from './run-ends.ts';
import { loadStatistics, RunRecords } from './run-log.ts';
import { failed, noteEnd, succeeded } from './run-outcome.ts';
import {
  beginRuns,
  cancelQueuedRuns,
  failedRuns,
  loadRun,
  type RunRow,
  recordCancelRequest,
  runningRuns,
  runView,
} from './run-store.ts';
import type { Runner } from './runner.ts';
import type { Slots } from './slots.ts';
import { workOrder } from './work-order.ts';

/**
 * Runs wait in the catalogue; one at a time for each agent, and a bounded number at once: `runnable` says which are next. Several instances of the server
 * work the same queue off: each begins what it can reach, and keeps what it has until it ends, or another has to take over.
 */
export class RunQueue implements AsyncDisposable {
  readonly #catalogue: Catalogue;
  readonly #instances: Instances;
  readonly #runner: Runner;
  readonly #receipts: ReceiptLog;
  readonly #events: EventHub;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #parallelRuns: number;
  readonly #slots: Slots;
  readonly #maxRunMs: number;
  readonly #ends = new RunEnds();
  readonly #records = new RunRecords();
  readonly #handovers = new Handovers();
  readonly #leaving = new AbortController();
  /** By run id; each agent stands in it once at most. */
  readonly #active = new Map<string, ActiveRun>();
  readonly #working = new Set<Promise<void>>();
  #pumping: Promise<void> | undefined;
  #pumpAgain = false;
  #lookingSoon = false;

  constructor(o: {
    catalogue: Catalogue;
    instances: Instances;
    runner: Runner;
    receipts: ReceiptLog;
    events: EventHub;
    clock: Clock;
    logger: Logger;
    parallelRuns: number;
    slots: Slots;
    maxRunMs: number;
  }) {
    this.#catalogue = o.catalogue;
    this.#instances = o.instances;
    this.#runner = o.runner;
    this.#receipts = o.receipts;
    this.#events = o.events;
    this.#clock = o.clock;
    this.#logger = o.logger;
    this.#parallelRuns = o.parallelRuns;
    this.#slots = o.slots;
    this.#maxRunMs = o.maxRunMs;
  }

  /** Takes up what an earlier life of this server left: attaches to tasks that were handed over, then works off the queue. */
  async resume(): Promise<void> {
    await this.lookAround();
  }

  /**
   * Looks in the catalogue for what other instances have done: takes over what nobody has any more and what was handed over to this
   * one, lets go of what others have, stops what was asked to be stopped elsewhere, and works off the queue.
   */
  async lookAround(): Promise<void> {
    const { id: instance, others } = this.#instances;
    for (const tenant of await this.#catalogue.tenants()) {
      const scope = this.#catalogue.tenant(tenant);
      await takeOver(scope, { instance, living: [instance, ...others], limit: this.#parallelRuns - this.#active.size });
      // What is begun while the catalogue is asked is no news.
      const before = new Map([...this.#active].filter(([, run]) => run.scope.tenant === tenant));
      const held = new Map((await heldRuns(scope, instance)).map((run) => [run.id, run]));
      for (const [id, run] of before) this.#lookAt(run, held.get(id));
      // And what has ended since is nobody's.
      for (const id of held.keys()) if (!before.has(id) && !this.#active.has(id)) await this.#takeUp(scope, id);
    }
    this.look();
  }

  async #takeUp(scope: TenantScope, id: string): Promise<void> {
    const row = await loadRun(scope, id);
    const isHeld = row.state === 'running' && row.heldBy === this.#instances.id;
    if (isHeld && !this.#leaving.signal.aborted) void this.#start(scope, row, { isNew: false, isLeft: true });
  }

  /** Something may have changed: what may begin now is begun. */
  look(): void {
    this.#pump();
  }

  /** An agent may be one whose runs were left in the queue until it is there. */
  agentConnected(): void {
    if (this.#lookingSoon || !this.#instances.areChanging) return;
    this.#lookingSoon = true;
    void this.#pause(agentsLookMs).then(() => {
      this.#lookingSoon = false;
      if (!this.#leaving.signal.aborted) this.look();
    });
  }

  #lookAt(run: ActiveRun, held: HeldRun | undefined): void {
    if (!held) return run.left.abort(new HoldfastError('run.taken'));
    if (held.agentRevokedAt !== null) {
      run.cancel.abort(new HoldfastError('channel.revoked', { message: "The agent's certificate was revoked." }));
    } else if (held.cancelRequested === 1) {
      run.cancel.abort(cancelledOnRequest());
    } else if (!run.isReached && held.agentHeldBy !== null && this.#instances.others.includes(held.agentHeldBy)) {
      run.handOverTo = held.agentHeldBy;
      run.left.abort(new HoldfastError('run.taken'));
    }
  }

  /** A session of one task that a person asks for. */
  async enqueue(scope: TenantScope, task: SingleTask): Promise<Run> {
    const now = this.#clock.now();
    const [row] = await scope.transaction((inner) => enterRuns(inner, { tasks: [task], trigger: 'person', now }));
    if (!row) throw new HoldfastError('internal.unexpected');
    return this.announce(scope, row);
  }

  /** Tells of a run that was entered, and begins it if it may begin. */
  announce(scope: TenantScope, row: RunRow): Run {
    const view = runView(row);
    this.#events.publishRun(scope.tenant, view);
    this.look();
    return view;
  }

  /** The run as it is now: newer than the catalogue while it is under way. */
  async view(scope: TenantScope, id: string): Promise<Run> {
    // Loaded in any case: the scope may be confined to groups that the run is not of.
    return this.viewOf(scope, await loadRun(scope, id));
  }

  /** Of a list that was read from the catalogue. */
  viewOf(scope: TenantScope, row: RunRow): Run {
    return this.#activeOf(scope, row.id)?.view ?? runView(row);
  }

  /** Writes what is not written yet of the log of a run. Throws `request.missing`. */
  async writeLog(scope: TenantScope, id: string): Promise<void> {
    await loadRun(scope, id);
    await this.#activeOf(scope, id)?.log.flush();
  }

  /** What a run used and how fast it was, as far as is known by now. Throws `request.missing`. */
  async statistics(scope: TenantScope, id: string): Promise<TaskStatistics> {
    await loadRun(scope, id);
    return this.#activeOf(scope, id)?.log.statistics ?? (await loadStatistics(scope, id));
  }

  /** Asks for the end of a run; of one that waits, it is the end. Throws `request.conflict` for an ended one. */
  async cancel(scope: TenantScope, id: string): Promise<Run> {
    await loadRun(scope, id);
    const { ids, endedSessions } = await cancelQueuedRuns(scope, { id, now: this.#clock.now() });
    if (ids.length > 0) {
      const view = runView(await loadRun(scope, id));
      this.#events.publishRun(scope.tenant, view);
      for (const session of endedSessions) await this.#tellSession(scope, session);
      return view;
    }
    await this.#stop(scope, id);
    return this.view(scope, id);
  }

  /** Ends what of a session waits, and at once also what is under way. Throws `request.conflict` for an ended one. */
  async stopSession(scope: TenantScope, id: string, how: 'gracefully' | 'at-once'): Promise<Session> {
    const { endedAt } = await loadSession(scope, id);
    if (endedAt !== null) throw new HoldfastError('request.conflict', { message: `Session ${id} has ended already.` });
    const { ids, endedSessions } = await cancelQueuedRuns(scope, { session: id, now: this.#clock.now() });
    for (const run of ids) this.#events.publishRun(scope.tenant, runView(await loadRun(scope, run)));
    for (const session of endedSessions) await this.#tellSession(scope, session);
    if (how === 'at-once') for (const run of await runningRuns(scope, id)) await this.#stop(scope, run);
    return sessionView(scope, id);
  }

  /** Queues what of an ended session failed or was cancelled again. Throws `request.conflict` when there is nothing. */
  async retrySession(scope: TenantScope, id: string): Promise<Session> {
    const now = this.#clock.now();
    await scope.transaction(async (inner) => {
      const { endedAt } = await loadSession(inner, id);
      const rows = endedAt === null ? [] : await failedRuns(inner, id);
      if (rows.length === 0)
        throw new HoldfastError('request.conflict', {
          message:
            endedAt === null ? `Session ${id} has not ended yet.` : `Nothing of session ${id} failed or was cancelled.`,
        });
      for (const row of rows) await repeatRun(inner, row, { now, attempt: 1 });
      await reopenSession(inner, id);
    });
    this.look();
    return sessionView(scope, id);
  }

  /** Stops what goes on outside of the windows of its job. */
  async closeWindows(): Promise<void> {
    const now = this.#clock.now();
    /** By session: of a whole fleet's runs it is the same. */
    const open = new Map<string, boolean>();
    for (const run of [...this.#active.values()]) {
      const { jobSessionId } = run.row;
      if (jobSessionId === null || run.cancel.signal.aborted) continue;
      const isOpen = open.get(jobSessionId) ?? isWithin(await loadSession(run.scope, jobSessionId), now);
      open.set(jobSessionId, isOpen);
      if (isOpen) continue;
      run.cancel.abort(
        new HoldfastError('job.window', { message: 'The backup window of the job has closed: its run was stopped.' }),
      );
    }
  }

  /** Of a run that has begun. Throws `request.conflict` for an ended one. */
  async #stop(scope: TenantScope, id: string): Promise<void> {
    const active = this.#activeOf(scope, id);
    // One whose end is recorded and told stays known for a moment.
    const isOver = active ? active.view.endedAt !== undefined : (await loadRun(scope, id)).state !== 'running';
    if (isOver) throw new HoldfastError('request.conflict', { message: `Run ${id} has ended already.` });
    await recordCancelRequest(scope, id);
    active?.cancel.abort(cancelledOnRequest());
    // Another instance has it: it is told that something happened, and looks what.
    if (!active) this.#events.publishRun(scope.tenant, runView(await loadRun(scope, id)));
  }

  async #tellSession(scope: TenantScope, id: string): Promise<void> {
    this.#events.publishSession(scope.tenant, await sessionView(scope, id));
  }

  /** Fails the runs of a computer whose certificate has been revoked. */
  abandon(computerId: string, reason: HoldfastError): void {
    for (const run of this.#active.values()) if (run.row.agentId === computerId) run.cancel.abort(reason);
  }

  /** Leaves running tasks to the next start of the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort(new HoldfastError('run.cancelled', { message: 'The server is stopping.' }));
    await this.#pumping;
    await Promise.all(this.#working);
  }

  #activeOf(scope: TenantScope, id: string): ActiveRun | undefined {
    const run = this.#active.get(id);
    return run?.scope.tenant === scope.tenant ? run : undefined;
  }

  /** Starts what may be started. Calls while it works make it look once more. */
  #pump(): void {
    if (this.#pumping) {
      this.#pumpAgain = true;
      return;
    }
    this.#pumping = this.#startQueued()
      .catch((error: unknown) => this.#logger.error({ error: toHoldfastError(error) }, 'the queue could not be read'))
      .then(() => this.#pause(this.#instances.others.length > 0 ? sharedQueuePauseMs : queuePauseMs))
      .finally(() => {
        this.#pumping = undefined;
        if (!this.#pumpAgain) return;
        this.#pumpAgain = false;
        this.#pump();
      });
  }

  async #startQueued(): Promise<void> {
    const { id: instance, others } = this.#instances;
    for (const tenant of await this.#catalogue.tenants()) {
      const scope = this.#catalogue.tenant(tenant);
      const now = this.#clock.now();
      const free = Math.min(maxStartsAtOnce, this.#parallelRuns - this.#active.size);
      const reach = { instance, others, awaitsAgents: this.#instances.areChanging };
      const next = await runnable(scope, { now, free, slots: this.#slots, reach });
      if (this.#leaving.signal.aborted) return;
      const begunBefore = new Set(next.filter(({ heldBy }) => heldBy !== null).map(({ id }) => id));
      const started = (await beginRuns(scope, next, { instance, now, slots: this.#slots })).map((row) =>
        this.#start(scope, row, { isNew: !begunBefore.has(row.id), isLeft: false }),
      );
      if (next.length < maxStartsAtOnce) continue;
      // There may be more. Those of computers that don't answer are not waited for.
      this.#pumpAgain = true;
      await Promise.race([Promise.all(started), this.#pause(startPauseMs)]);
    }
  }

  /** In real time, whatever clock decides what is due: it only spreads the work. */
  async #pause(durationMs: number): Promise<void> {
    try {
      await systemClock.sleep(durationMs, this.#leaving.signal);
    } catch (error) {
      if (!this.#leaving.signal.aborted) throw error;
    }
  }

  /** Resolves when the agent may have the task, or will not get it. */
  #start(scope: TenantScope, row: RunRow, o: { isNew: boolean; isLeft: boolean }): Promise<void> {
    // The look around and the queue may have found the same.
    const known = this.#active.get(row.id);
    if (known) return known.hasStarted.promise;
    const instance = this.#instances.id;
    const [records, events, clock, logger] = [this.#records, this.#events, this.#clock, this.#logger];
    const handovers = this.#handovers;
    const run = new ActiveRun({ row, scope, instance, ...o, records, handovers, events, clock, logger });
    this.#active.set(row.id, run);
    const work = this.#work(run)
      .catch((error: unknown) =>
        this.#logger.error({ run: row.id, error: toHoldfastError(error) }, 'the end of a run could not be recorded'),
      )
      .finally(() => {
        this.#working.delete(work);
        this.#active.delete(row.id);
        run.hasStarted.resolve();
        this.#pump();
      });
    this.#working.add(work);
    return run.hasStarted.promise;
  }

  async #work(run: ActiveRun): Promise<void> {
    run.change({});
    const order = readJson(workOrder, run.row.orderJson, 'runs.orderJson');
    if (run.row.cancelRequested === 1) run.cancel.abort(new HoldfastError('run.cancelled'));
    if (await this.#isGivenBack(run)) return;
    let end: Partial<Run>;
    let [hostname, isFirst] = ['', false];
    try {
      const leaving = AbortSignal.any([this.#leaving.signal, run.left.signal]);
      const outcome = await this.#withinLimit(run, () => this.#runner.run(run, order, leaving));
      ({ hostname, isFirst } = outcome);
      end = succeeded(run.view, outcome.result);
    } catch (error) {
      if (this.#leaving.signal.aborted) {
        run.log.note('info', 'The server stops; the run goes on when it has started');
        await run.log.flush();
        return await run.save();
      }
      if (run.left.signal.aborted || isOurs(error)) return await this.#letGo(run, error);
      end = failed(run.cancel.signal.aborted ? run.cancel.signal.reason : error);
    }
    const now = this.#clock.now();
    const ended: Run = { ...run.view, ...end, endedAt: now.toISOString() };
    const retryAt = await this.#retryAt(run, ended, now);
    await run.log.noteLeftOut();
    noteEnd(run, ended, retryAt);
    await run.log.save();
    const instance = this.#instances.id;
    const { recorded, sessionEnded } = await this.#ends.record(run.scope, {
      ...{ view: ended, order, hostname, isFirst, instance, now, retryAt, receipts: this.#receipts },
    });
    if (!recorded) return await this.#letGo(run, new HoldfastError('run.taken'));
    // Published after it is durable, so that nobody hears of an end that a crash takes back.
    run.change(ended);
    if (sessionEnded && run.row.jobSessionId !== null) await this.#tellSession(run.scope, run.row.jobSessionId);
  }

  /**
   * What another instance, or an earlier life of this one, began and gave to nobody goes back into the queue: its agent may be anywhere by
   * now, and whoever it comes to begins the run. Not what is to be cancelled, nor a restore, for which an executor may be at work.
   */
  async #isGivenBack(run: ActiveRun): Promise<boolean> {
    const { scope, row } = run;
    if (!run.isLeft || row.handedOver === 1 || row.cancelRequested === 1 || row.kind === 'restore') return false;
    await this.#runner.closeLeft(run);
    await run.log.flush();
    if (await giveBack(scope, { id: row.id, from: this.#instances.id }))
      this.#events.publishRun(scope.tenant, runView(await loadRun(scope, row.id)));
    return true;
  }

  /** When a run that failed is tried again, by the plan of its session; what was stopped is not. */
  async #retryAt({ row, scope }: ActiveRun, ended: Run, now: Date): Promise<Date | undefined> {
    if (ended.state !== 'failed' || row.jobSessionId === null || ended.error?.code === 'job.window') return undefined;
    const { retries } = readPlan(await loadSession(scope, row.jobSessionId));
    return row.attempt > retries.count ? undefined : new Date(now.getTime() + retries.pauseMinutes * 60_000);
  }

  /** The run goes on without us: somewhere else, or here when the catalogue answers again. */
  async #letGo(run: ActiveRun, error: unknown): Promise<void> {
    const { id } = run.row;
    const to = run.handOverTo;
    run.log.logger.info({ to, error: toHoldfastError(error) }, 'run let go');
    if (to !== undefined) await passOn(run.scope, { id, from: this.#instances.id, to });
    const row = await loadRun(run.scope, id);
    // Nobody has it who would close its session.
    if (row.endedAt !== null) await this.#runner.closeLeft(run);
    this.#events.publishRun(run.scope.tenant, runView(row));
  }

  /** Cancels the run when it takes too long, so that the agent is told to stop. */
  #withinLimit<T>(run: ActiveRun, work: () => Promise<T>): Promise<T> {
    const elapsedMs = this.#clock.now().getTime() - Date.parse(run.row.startedAt ?? run.row.queuedAt);
    return withTimeLimit({
      clock: this.#clock,
      limitMs: Math.max(0, this.#maxRunMs - elapsedMs),
      expired: () =>
        new HoldfastError('run.timeout', {
          message: `The run took longer than ${this.#maxRunMs / 3_600_000} hours.`,
          guidance: 'Split the job, or raise maxRunHours in the configuration of the server.',
        }),
      work: (limited) => {
        limited.addEventListener('abort', () => run.cancel.abort(limited.reason), { once: true });
        return work();
      },
    });
  }
}

function cancelledOnRequest(): HoldfastError {
  return new HoldfastError('run.cancelled', { message: 'The run was cancelled on request.' });
}

/** No failure of the run: the catalogue did not answer, or another instance has it. */
function isOurs(error: unknown): boolean {
  return hasCode(error, 'database.unavailable') || hasCode(error, 'database.timeout') || hasCode(error, 'run.taken');
}
