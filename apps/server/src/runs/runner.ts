import { type Clock, HoldfastError, hasCode, toHoldfastError } from '@holdfast/core';
import {
  type GrantIssuer,
  type GrantMode,
  limits,
  type RepositoryAccess,
  sessionStatus,
  type TaskEvent,
  type TaskResult,
} from '@holdfast/protocol';
import type { Logger } from 'pino';
import { ReadTogether } from '../catalogue/read-together.ts';
import type { AgentCarriers, ReachedAgent } from '../computers/agent-carriers.ts';
import { type ComputerRow, loadComputers, portOf, requireUsable } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import {
  cancelGraceMs,
  controlCallTimeoutMs,
  reattachMs,
  reattachPauseMaxMs,
  reattachPauseMinMs,
  runLogFlushMs,
  sessionKeepMs,
  sessionRetryMs,
} from '../limits.ts';
import {
  loadPlacedRepository,
  loadRepositories,
  passwordOf,
  type RepositoryRow,
  requireRepository,
} from '../repositories.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Vault } from '../vault.ts';
import type { ActiveRun } from './active-run.ts';
import { isMaintenance, taskOf, type WorkOrder } from './work-order.ts';

interface Plan {
  /** Who does the work: an agent, or the mover, where that is the repository's executor. */
  readonly agent: ComputerRow;
  readonly mover: ComputerRow;
  readonly repository: RepositoryRow;
  readonly order: WorkOrder;
}

export interface RunOutcome {
  readonly result: TaskResult;
  /** Of the computer that did the work. */
  readonly hostname: string;
  /** Nothing was in the repository when it began. */
  readonly isFirst: boolean;
}

/** `failed` is the agent's word; `lost`: it may still be at work, only the connection to it is gone. */
type Attempt =
  | { readonly kind: 'ended'; readonly result: TaskResult }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'lost'; readonly cause: HoldfastError };

/** Only tells what goes on beside a conversation that it has ended: one for all, because errors take long to make. */
const over = new Error('the conversation about the task has ended');

/** Takes one run from the session at the mover to the agent's last word. Writes nothing about how it ended. */
export class Runner {
  readonly #carriers: AgentCarriers;
  readonly #movers: Movers;
  readonly #grants: GrantIssuer;
  readonly #vault: Vault;
  readonly #clock: Clock;
  /** A thousand runs that begin need the same few repositories and movers. */
  readonly #repositories = new ReadTogether(loadRepositories);
  readonly #computers = new ReadTogether(loadComputers);

  constructor(o: {
    carriers: AgentCarriers;
    movers: Movers;
    grants: GrantIssuer;
    vault: Vault;
    clock: Clock;
    logger: Logger;
  }) {
    this.#carriers = o.carriers;
    this.#movers = o.movers;
    this.#grants = o.grants;
    this.#vault = o.vault;
    this.#clock = o.clock;
  }

  /**
   * Runs to the end, attaching again after lost connections. Rejects with what failed. `leaving` aborts when the server
   * stops: then everything is left as it is, for the next start. The run's own `cancel` stops the task at the agent first.
   */
  async run(run: ActiveRun, order: WorkOrder, leaving: AbortSignal): Promise<RunOutcome> {
    const plan = await this.#plan(run, order);
    try {
      const result = await this.#runAttached(run, plan, leaving);
      return { result, hostname: plan.agent.hostname, isFirst: plan.repository.initialisedAt === null };
    } finally {
      if (!leaving.aborted) await this.#closeSession(run, plan.mover);
    }
  }

  async #plan(run: ActiveRun, order: WorkOrder): Promise<Plan> {
    const { scope, row } = run;
    const { repositoryId, agentId } = row;
    const repository = requireRepository(await this.#repositories.load(scope, repositoryId), repositoryId);
    const { moverId } = repository;
    const [agent, mover] = await Promise.all([
      this.#computers.load(scope, agentId),
      this.#computers.load(scope, moverId),
    ]);
    return {
      order,
      repository,
      agent: requireUsable(agent, agentId, agentId === moverId ? 'mover' : 'agent'),
      mover: requireUsable(mover, moverId, 'mover'),
    };
  }

  async #runAttached(run: ActiveRun, plan: Plan, leaving: AbortSignal): Promise<TaskResult> {
    // A run of an earlier life of this server was handed over then: the agent may have ended it already.
    let lost = run.row.handedOver === 1 ? { sinceMs: this.#clock.monotonicMs(), attempt: 0 } : undefined;
    const attached = (): void => {
      lost = undefined;
    };
    for (;;) {
      const attempt = await this.#attempt(run, plan, { isFirst: lost === undefined, attached, leaving });
      if (attempt.kind === 'ended') return attempt.result;
      if (attempt.kind === 'failed') throw attempt.error;
      const { cause } = attempt;
      leaving.throwIfAborted();
      run.cancel.signal.throwIfAborted();
      lost ??= { sinceMs: this.#clock.monotonicMs(), attempt: 0 };
      if (this.#clock.monotonicMs() - lost.sinceMs >= reattachMs) throw notAttached(plan.agent, cause);
      run.log.note('warning', `No connection to ${plan.agent.hostname}: ${cause.message}`, {
        agent: plan.agent.id,
        error: cause,
      });
      const pauseMs = Math.min(reattachPauseMaxMs, reattachPauseMinMs * 2 ** lost.attempt);
      lost = { ...lost, attempt: lost.attempt + 1 };
      await this.#clock.sleep(pauseMs, AbortSignal.any([leaving, run.cancel.signal]));
    }
  }

  /** Reaches the agent, admits it at the mover, and gives it the task; or attaches to the task that it has already. */
  async #attempt(
    run: ActiveRun,
    plan: Plan,
    o: { isFirst: boolean; attached: () => void; leaving: AbortSignal },
  ): Promise<Attempt> {
    const signal = AbortSignal.any([o.leaving, run.cancel.signal]);
    let agent: ReachedAgent;
    try {
      agent = await this.#carriers.reach(run.scope, plan.agent, signal);
    } catch (error) {
      // While attaching, what may pass is waited for.
      if (o.isFirst || toHoldfastError(error).retry === 'permanent') throw error;
      return { kind: 'lost', cause: toHoldfastError(error) };
    }
    await using reached = agent;
    run.isReached = true;
    using _reached = { [Symbol.dispose]: () => void (run.isReached = false) };
    run.change({ carrier: reached.channel });
    const { address, port, direction } = reached.place;
    const way = direction === 'out' ? `to ${address}:${port}` : `from ${address} on port ${port}`;
    run.log.note('info', `${plan.agent.hostname} is reached along ${reached.channel}, ${way}`, {
      agent: plan.agent.id,
    });
    if (reached.degradation) run.degrade(reached.degradation);
    try {
      await this.#openSession(run, plan, reached, signal);
    } catch (error) {
      // An agent at work may well get on with its mover while we can't reach it.
      if (o.isFirst || toHoldfastError(error).retry === 'permanent') throw error;
      const failure = toHoldfastError(error);
      run.log.note('warning', `Mover ${plan.mover.hostname} is not reached: ${failure.message}`, { error: failure });
    }
    const access = await this.#access(run, plan, reached);
    await run.recordHandover();
    // Awaited here: what was opened for the agent is closed when this function is left.
    return await this.#converse(run, plan, { ...o, agent: reached, access });
  }

  async #converse(
    run: ActiveRun,
    plan: Plan,
    o: { agent: ReachedAgent; access: RepositoryAccess; attached: () => void; leaving: AbortSignal },
  ): Promise<Attempt> {
    const { agent } = o;
    const done = new AbortController();
    /** The last resort: gives up the call. */
    const stop = new AbortController();
    let dialFailure: HoldfastError | undefined;
    const onEvent = (event: TaskEvent): void => {
      o.attached();
      if (event.kind !== 'channel-offered') return run.observe(event);
      this.#dialBack(run, plan, agent, event, done.signal).catch((error: unknown) => {
        dialFailure = toHoldfastError(error);
        run.log.note('warning', `The mover could not dial the agent: ${dialFailure.message}`, { error: dialFailure });
      });
    };
    const counted = countCarrier(run, agent);
    const companions = [
      this.#keepGranted(run, plan, agent, done.signal),
      this.#keepSaved(run, counted, done.signal),
      this.#cancelWhenAsked(run, agent, { done: done.signal, stop }),
    ];
    const background = Promise.all(companions).catch((error: unknown) => {
      if (!done.signal.aborted) stop.abort(error);
    });
    try {
      const task = taskOf(plan.order, o.access, plan.repository.initialisedAt === null);
      const { id: taskId, jobSessionId, requestId } = run.row;
      const ids = {
        ...(jobSessionId === null ? {} : { sessionId: jobSessionId }),
        ...(requestId === null ? {} : { requestId }),
      };
      const result = await agent.peer.call(
        'task.run',
        { taskId, task, ...ids },
        // Aborting gives up the call and not the task: the agent goes on, and the next start of this server attaches to it.
        { onEvent, signal: AbortSignal.any([stop.signal, o.leaving]) },
      );
      return { kind: 'ended', result };
    } catch (error) {
      const { ending } = agent.peer;
      if (ending !== undefined && error === ending) return { kind: 'lost', cause: ending };
      // The agent only sees that nobody came; the mover knows why.
      return { kind: 'failed', error: dialFailure && !run.cancel.signal.aborted ? dialFailure : error };
    } finally {
      done.abort(over);
      await background;
      counted();
    }
  }

  async #openSession(run: ActiveRun, plan: Plan, agent: ReachedAgent, signal: AbortSignal): Promise<void> {
    await this.#movers.ensureTrust(run.scope.tenant, plan.mover, signal);
    if (plan.repository.location === '')
      await loadPlacedRepository(run.scope, this.#movers, { id: plan.repository.id, mover: plan.mover, signal });
    try {
      await this.#tellSession(run, plan, agent, signal);
    } catch (error) {
      // The agent has renewed its certificate since the session was opened.
      if (!hasCode(error, 'request.conflict')) throw error;
      await this.#closeSession(run, plan.mover);
      await this.#tellSession(run, plan, agent, signal);
    }
  }

  async #tellSession(run: ActiveRun, plan: Plan, agent: ReachedAgent, signal: AbortSignal): Promise<void> {
    const { jobSessionId, requestId } = run.row;
    const { log } = await this.#movers.links.request(plan.mover, {
      method: 'POST',
      path: `/sessions${logAfter(run)}`,
      repeatable: true,
      answer: sessionStatus,
      body: {
        run: run.row.id,
        ...(jobSessionId === null ? {} : { session: jobSessionId }),
        ...(requestId === null ? {} : { request: requestId }),
        sessionId: run.row.sessionId,
        tenant: run.scope.tenant,
        repository: plan.repository.name,
        subject: subjectOf(plan),
        fingerprint: agent.identity.fingerprint,
        mode: modeOf(plan),
      },
      signal,
    });
    for (const line of log) run.log.take('mover', line);
  }

  async #closeSession(run: ActiveRun, mover: ComputerRow): Promise<void> {
    try {
      const path = `/sessions/${run.row.sessionId}${logAfter(run)}`;
      const { log, ...status } = await this.#movers.links.request(mover, {
        ...{ method: 'DELETE', path, answer: sessionStatus },
      });
      for (const line of log) run.log.take('mover', line);
      run.log.logger.info({ moverSession: status }, 'session closed');
    } catch (error) {
      // It may never have been opened. One that stays open admits one agent to its own repository, until it is idle.
      run.log.logger.debug({ error: toHoldfastError(error) }, 'session not closed');
    }
  }

  #grant(run: ActiveRun, plan: Plan, agent: ReachedAgent): Promise<string> {
    return this.#grants.issue({
      subject: subjectOf(plan),
      tenant: run.scope.tenant,
      repository: plan.repository.name,
      mode: modeOf(plan),
      sessionId: run.row.sessionId,
      fingerprint: agent.identity.fingerprint,
      lifetimeMs: limits.jobGrantLifetimeMs,
    });
  }

  async #access(run: ActiveRun, plan: Plan, agent: ReachedAgent): Promise<RepositoryAccess> {
    const { repository, mover, order } = plan;
    const { tenant } = run.scope;
    const password = passwordOf(repository, this.#vault);
    return {
      tenant,
      repository: repository.name,
      ...(password === undefined ? {} : { password }),
      grant: await this.#grant(run, plan, agent),
      sessionId: run.row.sessionId,
      mover: {
        id: mover.id,
        host: mover.address,
        port: portOf(mover, 'agent-to-mover-transport'),
        fingerprint: this.#movers.links.fingerprint(mover),
      },
      direction: 'direction' in order ? order.direction : 'agent-dials',
    };
  }

  /** The agent has leased a port on its computer: the mover dials it. */
  async #dialBack(
    run: ActiveRun,
    plan: Plan,
    agent: ReachedAgent,
    offer: Extract<TaskEvent, { kind: 'channel-offered' }>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#movers.links.tell(plan.mover, {
      method: 'POST',
      path: `/sessions/${run.row.sessionId}/dial`,
      body: {
        host: plan.agent.address,
        port: offer.port,
        nonce: offer.nonce,
        fingerprint: agent.identity.fingerprint,
        channel: offer.channel,
      },
      signal,
    });
  }

  /** Renews the grant at half its lifetime, and opens the session again where the mover has restarted meanwhile. */
  async #keepGranted(run: ActiveRun, plan: Plan, agent: ReachedAgent, done: AbortSignal): Promise<void> {
    let renewedMs = this.#clock.monotonicMs();
    let pauseMs = sessionKeepMs;
    for (;;) {
      await this.#clock.sleep(pauseMs, done);
      try {
        pauseMs = sessionKeepMs;
        await this.#tellSession(run, plan, agent, done);
        if (this.#clock.monotonicMs() - renewedMs < limits.jobGrantLifetimeMs / 2) continue;
        const grant = await this.#grant(run, plan, agent);
        await agent.peer.call('task.renew', { taskId: run.row.id, grant }, { signal: done });
        renewedMs = this.#clock.monotonicMs();
      } catch (error) {
        done.throwIfAborted();
        pauseMs = sessionRetryMs;
        // Tried again soon; if it never works the agent fails with a clear error of its own.
        const failure = toHoldfastError(error);
        run.log.note('warning', `Session or grant not renewed: ${failure.message}`, { error: failure });
      }
    }
  }

  async #keepSaved(run: ActiveRun, count: () => void, done: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(runLogFlushMs, done);
      count();
      await run.log.flush();
      await run.saveIfDue();
    }
  }

  /** Asks the agent to stop; gives up the call when it does not. */
  async #cancelWhenAsked(
    run: ActiveRun,
    agent: ReachedAgent,
    o: { done: AbortSignal; stop: AbortController },
  ): Promise<void> {
    await aborted(run.cancel.signal, o.done);
    await withTimeLimit({
      clock: this.#clock,
      limitMs: controlCallTimeoutMs,
      signal: o.done,
      expired: () => new HoldfastError('run.timeout', { message: 'The agent did not answer the cancellation.' }),
      work: (signal) => agent.peer.call('task.cancel', { taskId: run.row.id }, { signal }),
    });
    await this.#clock.sleep(cancelGraceMs, o.done);
    o.stop.abort(run.cancel.signal.reason);
  }
}

/** Of the mover's log of the session, what is not known yet. */
function logAfter(run: ActiveRun): string {
  return `?logAfter=${encodeURIComponent(run.log.lastOfMover)}`;
}

/** Counts what carries the conversation about the task from now on, each time that it is called. */
function countCarrier(run: ActiveRun, { peer, channel, place }: ReachedAgent): () => void {
  const before = peer.transferred;
  const count = (): void => {
    const now = peer.transferred;
    run.log.carriedBy({
      ...{ channel, ...place, connections: 1 },
      sentBytes: now.sentBytes - before.sentBytes,
      receivedBytes: now.receivedBytes - before.receivedBytes,
    });
  };
  count();
  return count;
}

function subjectOf(plan: Plan): string {
  return `${isMaintenance(plan.order.kind) ? 'executor' : 'agent'}/${plan.agent.id}`;
}

function modeOf(plan: Plan): GrantMode {
  switch (plan.order.kind) {
    case 'backup':
      return 'append';
    case 'prune':
      return plan.order.dryRun ? 'read' : 'maintain';
    case 'forget':
      return 'maintain';
    default:
      return 'read';
  }
}

/** Resolves when `signal` aborts; rejects when `done` does first. */
function aborted(signal: AbortSignal, done: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve();
    if (done.aborted) return reject(done.reason);
    const either = AbortSignal.any([signal, done]);
    either.addEventListener('abort', () => (signal.aborted ? resolve() : reject(done.reason)), { once: true });
  });
}

function notAttached(agent: ComputerRow, cause: HoldfastError): HoldfastError {
  return new HoldfastError('channel.closed', {
    message: `The connection to agent ${agent.hostname} was lost, and for ${reportedMinutes} minutes it could not be attached to again: ${cause.message}`,
    guidance: `${cause.guidance} If the agent was only unreachable its work may have been completed: the next run continues from there.`,
    context: { agent: agent.id, ...cause.context },
    cause,
  });
}

const reportedMinutes = reattachMs / 60_000;
