import { type Clock, HoldfastError, hasCode, toHoldfastError } from '@holdfast/core';
import {
  type AgentPolicy,
  type CallPeer,
  dueOccurrence,
  isOpen,
  type LogLine,
  limits,
  type PolicyReport,
  reportOf,
  type Task,
  type TaskEvent,
  type TaskMethods,
  type TaskRegistry,
} from '@holdfast/protocol';
import type { Logger } from 'pino';
import {
  maxKeptReports,
  policyAnswerMs,
  policyContactMs,
  policyGraceMs,
  policyLookMs,
  policyRetryMs,
} from '../limits.ts';
import { Pause } from './pause.ts';
import type { DueRun, PolicyStore } from './policy-store.ts';

/** What a run said of itself. */
type Told = { -readonly [Name in 'progress' | 'statistics' | 'log']?: PolicyReport[Name] };

/** The run under way. */
interface Running {
  readonly taskId: string;
  readonly policy: AgentPolicy;
  readonly ended: Promise<void>;
}

/**
 * Runs the policies that the server has handed to this agent, by their schedules and with their standing grants, whether or not
 * the server is there; gets them again at each connection and every six hours; and tells how each run ended, once, as soon as
 * there is somebody to tell. One run at a time, and none beside what the server runs on this computer.
 */
export class Policies {
  readonly #store: PolicyStore;
  readonly #registry: TaskRegistry;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #untilContact = new Pause();
  readonly #untilLook = new Pause();
  readonly #leaving = new AbortController();
  #peer: CallPeer<TaskMethods> | undefined;
  #running: Running | undefined;

  constructor(o: { store: PolicyStore; registry: TaskRegistry; clock: Clock; log: Logger }) {
    this.#store = o.store;
    this.#registry = o.registry;
    this.#clock = o.clock;
    this.#log = o.log;
  }

  /** The server is there: policies are got again, and what ended meanwhile is told. */
  connected(peer: CallPeer<TaskMethods>): void {
    this.#peer = peer;
    void peer.closed.then(() => {
      if (this.#peer === peer) this.#peer = undefined;
    });
    this.contact();
  }

  /** Policies may have changed, or there is something to tell. */
  contact(): void {
    this.#untilContact.end();
  }

  /** The policies of this agent. */
  get all(): readonly AgentPolicy[] {
    return this.#store.state.policies;
  }

  /** Throws `request.missing`. */
  require(policyId: string): AgentPolicy {
    const policy = this.all.find(({ id }) => id === policyId);
    if (policy) return policy;
    throw new HoldfastError('request.missing', { message: 'This computer has no such policy.', context: { policyId } });
  }

  /** The policy that the task is of that is about to begin or runs. */
  policyOf(task: Task): AgentPolicy | undefined {
    return this.#running?.policy.task === task ? this.#running.policy : undefined;
  }

  /** `waits`: due, and waits for its window, another run, or until `notBefore` for the next attempt. */
  stateOf(policyId: string): { readonly state: 'idle' | 'waits' | 'running'; readonly notBefore?: string } {
    if (this.#running?.policy.id === policyId) return { state: 'running' };
    const due = this.#store.state.due.find((run) => run.policyId === policyId);
    if (!due) return { state: 'idle' };
    return { state: 'waits', ...(due.notBefore === undefined ? {} : { notBefore: due.notBefore }) };
  }

  /**
   * Has a policy run as soon as it may: its windows hold, and one run at a time. One that waits for its next attempt makes that now.
   * Throws `request.missing`, `request.conflict` where it runs already.
   */
  async runNow(policyId: string): Promise<void> {
    const { id } = this.require(policyId);
    if (this.stateOf(id).state === 'running')
      throw new HoldfastError('request.conflict', { message: 'The policy runs already.', context: { policyId } });
    const { due } = this.#store.state;
    const waiting = due.find((run) => run.policyId === id);
    const { notBefore: _, ...atOnce } = waiting ?? {
      ...{ runId: crypto.randomUUID(), policyId: id, dueAt: this.#clock.now().toISOString(), attempt: 0 },
      notBefore: undefined,
    };
    await this.#store.change({ due: [...due.filter((run) => run !== waiting), atOnce] });
    this.#untilLook.end();
  }

  /** Works until the signal aborts; what is under way then has been left by `leave`. */
  async work(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#keepContact(signal), this.#keepSchedule(signal)]);
  }

  /** Before the tasks of this process are stopped: what is under way is not over, and begins again at the next start. */
  leave(): void {
    this.#leaving.abort();
  }

  async #keepContact(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pauseMs = policyContactMs;
      try {
        if (this.#peer) await this.#exchange(this.#peer, signal);
      } catch (error) {
        pauseMs = policyRetryMs;
        if (!signal.aborted) this.#log.warn({ error: toHoldfastError(error) }, 'policies were not exchanged');
      }
      await this.#untilContact.wait(this.#clock, pauseMs, signal);
    }
  }

  async #exchange(peer: CallPeer<TaskMethods>, signal: AbortSignal): Promise<void> {
    const policies: AgentPolicy[] = [];
    const { count } = await peer.call(
      'policies.get',
      {},
      {
        onEvent: (policy) => void policies.push(policy),
        signal: AbortSignal.any([signal, AbortSignal.timeout(policyAnswerMs)]),
      },
    );
    if (count !== policies.length)
      throw new HoldfastError('request.invalid', {
        message: `The server handed out ${policies.length} policies and says that there are ${count}.`,
      });
    await this.#take(policies);
    this.#log.info({ policies: count }, 'policies taken over');
    const told = new Set<string>();
    try {
      for (const report of this.#store.state.reports) {
        await this.#tell(peer, report, signal);
        told.add(report.runId);
      }
    } finally {
      // After a crash before this they are told again, which changes nothing.
      const reports = this.#store.state.reports.filter(({ runId }) => !told.has(runId));
      if (told.size > 0) await this.#store.change({ reports });
    }
  }

  async #take(policies: AgentPolicy[]): Promise<void> {
    const { looked, due } = this.#store.state;
    const now = this.#clock.now().toISOString();
    const isKept = new Set(policies.map(({ id }) => id));
    await this.#store.change({
      policies,
      looked: Object.fromEntries(
        policies.map(({ id, changedAt }) => {
          const known = looked[id];
          return [id, known?.changedAt === changedAt ? known : { until: now, changedAt }];
        }),
      ),
      // What is under way of a policy that is gone goes on to its end.
      due: due.filter(({ policyId }) => isKept.has(policyId) || policyId === this.#running?.policy.id),
    });
    const fresh = policies.find(({ id }) => id === this.#running?.policy.id);
    if (fresh && this.#running && fresh.repositoryId === this.#running.policy.repositoryId)
      this.#registry.renew(this.#running.taskId, fresh.task.access.grant);
    this.#untilLook.end();
  }

  /** Rejects when it is to be told again; what the server will never take is as good as told. */
  async #tell(peer: CallPeer<TaskMethods>, report: PolicyReport, signal: AbortSignal): Promise<void> {
    try {
      await peer.call('policies.report', report, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(policyAnswerMs)]),
      });
    } catch (error) {
      const failure = toHoldfastError(error);
      if (error === peer.ending || signal.aborted || failure.retry !== 'permanent') throw error;
      this.#log.error({ run: report.runId, error: failure }, 'the server does not take the report of a run');
    }
  }

  async #keepSchedule(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        this.#log.error({ error: toHoldfastError(error) }, 'the policies could not be looked at');
      }
      await this.#untilLook.wait(this.#clock, policyLookMs, signal);
    }
    await this.#running?.ended;
  }

  async #look(): Promise<void> {
    const now = this.#clock.now();
    for (const policy of this.#store.state.policies) await this.#lookAt(policy, now);
    if (this.#running && !isOpen(this.#running.policy.windows, this.#running.policy.timeZone, now))
      this.#registry.cancel(this.#running.taskId, windowClosed());
    if (this.#running || this.#leaving.signal.aborted || this.#registry.running > 0) return;
    for (const run of this.#store.state.due) {
      const policy = this.#store.state.policies.find(({ id }) => id === run.policyId);
      if (!policy) continue;
      if (run.attempt > policy.retries.count) {
        // It was begun as often as it may be, and the last time nobody was left to say how it ended.
        await this.#end(run, policy, { kind: 'failed', error: reportOf(cutOff()) });
        continue;
      }
      const waits = run.notBefore !== undefined && run.notBefore > now.toISOString();
      if (waits || !isOpen(policy.windows, policy.timeZone, now)) continue;
      this.#begin(run, policy);
      return;
    }
  }

  /** Enters what of a policy is due. A clock that was set back is followed; what was due last is not due again. */
  async #lookAt({ id, name, missed, schedule, timeZone }: AgentPolicy, now: Date): Promise<void> {
    const { looked, due } = this.#store.state;
    const before = looked[id];
    if (!before) return;
    const since = new Date(Math.min(Date.parse(before.until), now.getTime()));
    const found = dueOccurrence({ schedule, timeZone }, { since, now, missed, graceMs: policyGraceMs });
    const until = now.toISOString();
    if (!found || found.toISOString() === before.lastDueAt) return;
    const dueAt = found.toISOString();
    const isWaiting = due.some(({ policyId }) => policyId === id);
    if (isWaiting) this.#log.warn({ policy: id, name, dueAt }, 'a policy was due while its last run goes on: left out');
    await this.#store.change({
      looked: { ...looked, [id]: { ...before, until, lastDueAt: dueAt } },
      due: isWaiting ? due : [...due, { runId: crypto.randomUUID(), policyId: id, dueAt, attempt: 0 }],
    });
  }

  #begin(run: DueRun, policy: AgentPolicy): void {
    const taskId = crypto.randomUUID();
    const ended = this.#run(run, policy, taskId)
      .catch((error: unknown) =>
        this.#log.error({ run: run.runId, error: toHoldfastError(error) }, 'the end of a run could not be kept'),
      )
      .finally(() => {
        this.#running = undefined;
        this.#untilLook.end();
      });
    this.#running = { taskId, policy, ended };
  }

  async #run(due: DueRun, policy: AgentPolicy, taskId: string): Promise<void> {
    const startedAt = due.startedAt ?? this.#clock.now().toISOString();
    const run = { ...due, startedAt, attempt: due.attempt + 1 };
    const told: Told = {};
    const log: LogLine[] = [];
    const watch = (event: TaskEvent): void => {
      if (event.kind === 'progress') told.progress = event.progress;
      else if (event.kind === 'statistics') told.statistics = event.statistics;
      else if (event.kind === 'log') log.push(event.line);
      told.log = log.slice(-limits.maxReportedLogLines);
    };
    await this.#keep(run);
    this.#log.info({ run: run.runId, policy: policy.id, attempt: run.attempt }, 'a run of a policy begins');
    try {
      const never = new AbortController().signal;
      const { result, ...rest } = await this.#registry.run({ run: taskId }, policy.task, {
        watch,
        signal: never,
      });
      if (result.kind !== 'backup') throw new HoldfastError('internal.unexpected');
      await this.#end(run, policy, { kind: 'done', result }, { ...rest, ...told });
    } catch (error) {
      // Stopped with this process: that was no attempt.
      if (this.#leaving.signal.aborted) return await this.#keep(due);
      const failure = toHoldfastError(error);
      this.#log.warn({ run: run.runId, policy: policy.id, attempt: run.attempt, error: failure }, 'a run failed');
      if (run.attempt > policy.retries.count || hasCode(failure, 'job.window'))
        return await this.#end(run, policy, { kind: 'failed', error: reportOf(failure) }, told);
      const notBefore = new Date(this.#clock.now().getTime() + policy.retries.pauseMinutes * 60_000);
      await this.#keep({ ...run, notBefore: notBefore.toISOString() });
    }
  }

  #keep(run: DueRun): Promise<void> {
    return this.#store.change({
      due: this.#store.state.due.map((known) => (known.runId === run.runId ? run : known)),
    });
  }

  /** It is over, and waits to be told. The oldest reports make room; the next one says how many are gone. */
  async #end(
    { runId, dueAt, startedAt, attempt }: DueRun,
    { id, name, repositoryId, task }: AgentPolicy,
    outcome: PolicyReport['outcome'],
    told: Told & Partial<Pick<PolicyReport, 'problems' | 'problemCount' | 'degradations'>> = {},
  ): Promise<void> {
    const endedAt = this.#clock.now().toISOString();
    const { access: _access, initialise: _initialise, ...order } = task;
    const reports: PolicyReport[] = [
      ...this.#store.state.reports,
      {
        ...{ runId, policyId: id, policyName: name, repositoryId, dueAt, attempt, endedAt, outcome },
        startedAt: startedAt ?? endedAt,
        task: order,
        problems: (told.problems ?? []).slice(0, limits.maxReportedProblems),
        problemCount: told.problemCount ?? 0,
        degradations: told.degradations ?? [],
        ...(told.progress ? { progress: told.progress } : {}),
        ...(told.statistics ? { statistics: told.statistics } : {}),
        ...(told.log ? { log: told.log } : {}),
        lostBefore: 0,
      },
    ];
    while (reports.length > maxKeptReports) {
      const [oldest, next] = reports.splice(0, 2);
      if (oldest && next) reports.unshift({ ...next, lostBefore: next.lostBefore + oldest.lostBefore + 1 });
    }
    await this.#store.change({ due: this.#store.state.due.filter((known) => known.runId !== runId), reports });
    this.#log.info({ run: runId, policy: id, outcome: outcome.kind }, 'a run of a policy ended');
    this.contact();
  }
}

function windowClosed(): HoldfastError {
  return new HoldfastError('job.window', {
    message: 'The backup window of the policy has closed: its run was stopped.',
  });
}

function cutOff(): HoldfastError {
  return new HoldfastError('run.cancelled', {
    message: 'The agent ended in the middle of the run, and it had been begun as often as the policy allows.',
  });
}
