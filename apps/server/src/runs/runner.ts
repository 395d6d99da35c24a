import { type Clock, HoldfastError, hasCode, toHoldfastError } from '@holdfast/core';
import { type GrantIssuer, limits, type RepositoryAccess, type TaskEvent, type TaskResult } from '@holdfast/protocol';
import { ReadTogether } from '../catalogue/read-together.ts';
import type { AgentCarriers, ReachedAgent } from '../computers/agent-carriers.ts';
import { loadComputers, portOf, requireUsable } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { Instances } from '../instances/instances.ts';
import {
  cancelGraceMs,
  controlCallTimeoutMs,
  reattachPauseMaxMs,
  reattachPauseMinMs,
  runLogFlushMs,
  sessionKeepMs,
  sessionRetryMs,
} from '../limits.ts';
import {
  loadExecutor,
  loadPlacedRepository,
  loadRepositories,
  type RepositoryRow,
  requireRepository,
} from '../repositories.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Vault } from '../vault.ts';
import type { ActiveRun } from './active-run.ts';
import { countCarrier } from './count-carrier.ts';
import { abortedBefore, notAttached, patienceMs } from './lost-agent.ts';
import { closeSession, tellSession } from './mover-session.ts';
import { type RestoreWay, restoreWay } from './restore-way.ts';
import { planOfRun, type RunPlan } from './run-plan.ts';
import { ServedView } from './served-view.ts';
import { viewOfRun } from './view-of-run.ts';
import type { WorkOrder } from './work-order.ts';

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
  readonly #instances: Pick<Instances, 'areChanging'>;
  readonly #carriers: AgentCarriers;
  readonly #movers: Movers;
  readonly #grants: GrantIssuer;
  readonly #vault: Vault;
  readonly #clock: Clock;
  /** A thousand runs that begin need the same few repositories and movers. */
  readonly #repositories = new ReadTogether(loadRepositories);
  readonly #computers = new ReadTogether(loadComputers);

  constructor(o: {
    instances: Pick<Instances, 'areChanging'>;
    carriers: AgentCarriers;
    movers: Movers;
    grants: GrantIssuer;
    vault: Vault;
    clock: Clock;
  }) {
    this.#instances = o.instances;
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
    const { scope, row } = run;
    const { repositoryId, agentId } = row;
    const repository = requireRepository(await this.#repositories.load(scope, repositoryId), repositoryId);
    const { moverId } = repository;
    const [computer, moverRow] = await Promise.all([
      this.#computers.load(scope, agentId),
      this.#computers.load(scope, moverId),
    ]);
    const agent = requireUsable(computer, agentId, agentId === moverId ? 'mover' : 'agent');
    const places = { repository, agent, mover: requireUsable(moverRow, moverId, 'mover') };
    const facts = { hostname: agent.hostname, isFirst: repository.initialisedAt === null };
    if (order.kind === 'restore' && (await this.#wayOf(run, { order, repository })) === 'executor')
      return { result: await this.#restoreThroughExecutor(run, { ...places, order, leaving }), ...facts };
    const plan = planOfRun(run, { ...places, order, vault: this.#vault });
    return { result: await this.#work(run, plan, leaving), ...facts };
  }

  /** Closes what may be open at the mover for a run that nobody has. */
  async closeLeft(run: ActiveRun): Promise<void> {
    const { id, kind, repositoryId, sessionId } = run.row;
    const repository = await this.#repositories.load(run.scope, repositoryId);
    const mover = repository && (await this.#computers.load(run.scope, repository.moverId));
    if (!mover) return;
    await closeSession(run, { mover, sessionId, isMain: true }, this.#movers);
    // The executor's, if one shows the agent what it restores.
    const view = viewOfRun(id, { vault: this.#vault, attempt: 0 });
    if (kind === 'restore') await closeSession(run, { mover, sessionId: view.sessionId, isMain: false }, this.#movers);
  }

  /** A task from its session at the mover to its end. */
  async #work(run: ActiveRun, plan: RunPlan, leaving: AbortSignal): Promise<TaskResult> {
    let isTaken = false;
    try {
      return await this.#runAttached(run, plan, leaving);
    } catch (error) {
      // Whoever has it now has its session too.
      isTaken = hasCode(error, 'run.taken');
      throw error;
    } finally {
      if (!leaving.aborted && !isTaken) await closeSession(run, { ...plan, ...plan.session }, this.#movers);
    }
  }

  /** As it was decided; anew before anything is handed over, because others may have come to the repository. */
  async #wayOf(
    { scope, row }: ActiveRun,
    o: { readonly order: Extract<WorkOrder, { kind: 'restore' }>; readonly repository: RepositoryRow },
  ): Promise<RestoreWay> {
    const { order, repository } = o;
    if (row.handedOver === 1) return order.way;
    const way = await restoreWay(scope, repository, row.agentId);
    const orderJson = JSON.stringify({ ...order, way });
    if (way !== order.way) await scope.query.updateTable('runs').set({ orderJson }).where('id', '=', row.id).execute();
    return way;
  }

  /** The agent restores from what the executor shows it, and neither gets the repository's key nor reads anything else there. */
  async #restoreThroughExecutor(
    run: ActiveRun,
    o: Pick<RunPlan, 'agent' | 'mover' | 'repository'> & {
      readonly order: Extract<WorkOrder, { kind: 'restore' }>;
      readonly leaving: AbortSignal;
    },
  ): Promise<TaskResult> {
    const { leaving, order, ...places } = o;
    const executor = await loadExecutor(run.scope, o.repository);
    await using view = new ServedView({
      ...{ run, order, leaving, vault: this.#vault, clock: this.#clock },
      places: { ...places, executor },
      work: (plan) => this.#work(run, plan, leaving),
    });
    const plan = planOfRun(run, {
      ...{ ...places, order, vault: this.#vault },
      view: viewOfRun(run.row.id, { vault: this.#vault, attempt: 0 }),
    });
    try {
      return await this.#work(
        run,
        {
          ...plan,
          cancel: AbortSignal.any([run.cancel.signal, view.failed.signal]),
          before: (signal) => view.ready(signal),
        },
        leaving,
      );
    } catch (error) {
      // The agent only sees that it was stopped, or that nobody answers.
      throw view.failed.signal.aborted && !run.cancel.signal.aborted ? view.failed.signal.reason : error;
    }
  }

  async #runAttached(run: ActiveRun, plan: RunPlan, leaving: AbortSignal): Promise<TaskResult> {
    // A run of an earlier life of this server was handed over then: the agent may have ended it already.
    let lost = plan.isMain && run.row.handedOver === 1 ? { sinceMs: this.#clock.monotonicMs(), attempt: 0 } : undefined;
    const attached = (): void => {
      lost = undefined;
    };
    for (;;) {
      const attempt = await this.#attempt(run, plan, { isFirst: lost === undefined, attached, leaving });
      if (attempt.kind === 'ended') return attempt.result;
      if (attempt.kind === 'failed') throw attempt.error;
      const { cause } = attempt;
      leaving.throwIfAborted();
      plan.cancel.throwIfAborted();
      lost ??= { sinceMs: this.#clock.monotonicMs(), attempt: 0 };
      const waitedMs = this.#clock.monotonicMs() - lost.sinceMs;
      if (waitedMs >= patienceMs(this.#instances)) throw notAttached(plan.agent, waitedMs, cause);
      run.log.note('warning', `No connection to ${plan.agent.hostname}: ${cause.message}`, {
        agent: plan.agent.id,
        error: cause,
      });
      const pauseMs = Math.min(reattachPauseMaxMs, reattachPauseMinMs * 2 ** lost.attempt);
      lost = { ...lost, attempt: lost.attempt + 1 };
      await this.#clock.sleep(pauseMs, AbortSignal.any([leaving, plan.cancel]));
    }
  }

  /** Reaches the agent, admits it at the mover, and gives it the task; or attaches to the task that it has already. */
  async #attempt(
    run: ActiveRun,
    plan: RunPlan,
    o: { isFirst: boolean; attached: () => void; leaving: AbortSignal },
  ): Promise<Attempt> {
    const signal = AbortSignal.any([o.leaving, plan.cancel]);
    let agent: ReachedAgent;
    try {
      agent = await this.#carriers.reach(run.scope, plan.agent, signal);
    } catch (error) {
      // While attaching, what may pass is waited for.
      if (o.isFirst || toHoldfastError(error).retry === 'permanent') throw error;
      return { kind: 'lost', cause: toHoldfastError(error) };
    }
    await using reached = agent;
    using _reached = plan.isMain ? run.reached() : undefined;
    if (plan.isMain) run.change({ carrier: reached.channel });
    const { address, port, direction } = reached.place;
    const way = direction === 'out' ? `to ${address}:${port}` : `from ${address} on port ${port}`;
    run.log.note('info', `${plan.agent.hostname} is reached along ${reached.channel}, ${way}`, {
      agent: plan.agent.id,
    });
    if (reached.degradation) run.degrade(reached.degradation);
    try {
      await this.#openSession(run, plan, reached, o.leaving);
    } catch (error) {
      // An agent at work may well get on with its mover while we can't reach it.
      if (o.isFirst || toHoldfastError(error).retry === 'permanent') throw error;
      const failure = toHoldfastError(error);
      run.log.note('warning', `Mover ${plan.mover.hostname} is not reached: ${failure.message}`, { error: failure });
    }
    signal.throwIfAborted();
    if (o.isFirst) await plan.before?.(signal);
    const access = await this.#access(run, plan, reached);
    if (plan.isMain) await run.recordHandover();
    // Awaited here: what was opened for the agent is closed when this function is left.
    return await this.#converse(run, plan, { ...o, agent: reached, access });
  }

  async #converse(
    run: ActiveRun,
    plan: RunPlan,
    o: { agent: ReachedAgent; access: RepositoryAccess; attached: () => void; leaving: AbortSignal },
  ): Promise<Attempt> {
    const { agent } = o;
    const done = new AbortController();
    /** The last resort: gives up the call. */
    const stop = new AbortController();
    let dialFailure: HoldfastError | undefined;
    const onEvent = (event: TaskEvent): void => {
      o.attached();
      if (event.kind !== 'channel-offered') return plan.observe(event);
      this.#dialBack(plan, agent, event, done.signal).catch((error: unknown) => {
        dialFailure = toHoldfastError(error);
        run.log.note('warning', `The mover could not dial the agent: ${dialFailure.message}`, { error: dialFailure });
      });
    };
    const counted = plan.isMain ? countCarrier(run, agent) : () => undefined;
    const companions = [
      this.#keepGranted(run, plan, agent, { done: done.signal, leaving: o.leaving }),
      ...(plan.isMain ? [this.#keepSaved(run, counted, done.signal)] : []),
      this.#cancelWhenAsked(plan, agent, { done: done.signal, stop }),
    ];
    const background = Promise.all(companions).catch((error: unknown) => {
      if (!done.signal.aborted) stop.abort(error);
    });
    try {
      const task = plan.task(o.access);
      const { taskId } = plan;
      const { jobSessionId, requestId } = run.row;
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
      return { kind: 'failed', error: dialFailure && !plan.cancel.aborted ? dialFailure : error };
    } finally {
      done.abort(over);
      await background;
      await Promise.allSettled(companions);
      counted();
    }
  }

  async #openSession(run: ActiveRun, plan: RunPlan, agent: ReachedAgent, leaving: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([leaving, plan.cancel]);
    await this.#movers.ensureTrust(run.scope.tenant, plan.mover, signal);
    if (plan.repository.location === '')
      await loadPlacedRepository(run.scope, this.#movers, { id: plan.repository.id, mover: plan.mover, signal });
    try {
      await tellSession(run, { plan, agent, leaving, unsent: plan.cancel }, this.#movers);
    } catch (error) {
      // The agent has renewed its certificate since the session was opened.
      if (!hasCode(error, 'request.conflict')) throw error;
      await closeSession(run, { ...plan, ...plan.session }, this.#movers);
      await tellSession(run, { plan, agent, leaving, unsent: plan.cancel }, this.#movers);
    }
  }

  #grant(run: ActiveRun, plan: RunPlan, agent: ReachedAgent): Promise<string> {
    const { sessionId, subject, mode } = plan.session;
    return this.#grants.issue({
      ...{ sessionId, subject, mode },
      tenant: run.scope.tenant,
      repository: plan.repository.name,
      fingerprint: agent.identity.fingerprint,
      lifetimeMs: limits.jobGrantLifetimeMs,
    });
  }

  async #access(run: ActiveRun, plan: RunPlan, agent: ReachedAgent): Promise<RepositoryAccess> {
    const { repository, mover, password, direction } = plan;
    const { tenant } = run.scope;
    return {
      tenant,
      repository: repository.name,
      ...(password === undefined ? {} : { password }),
      grant: await this.#grant(run, plan, agent),
      sessionId: plan.session.sessionId,
      mover: {
        id: mover.id,
        host: mover.address,
        port: portOf(mover, 'agent-to-mover-transport'),
        fingerprint: this.#movers.links.fingerprint(mover),
      },
      direction,
    };
  }

  /** The agent has leased a port on its computer: the mover dials it. */
  async #dialBack(
    plan: RunPlan,
    agent: ReachedAgent,
    offer: Extract<TaskEvent, { kind: 'channel-offered' }>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#movers.links.tell(plan.mover, {
      method: 'POST',
      path: `/sessions/${plan.session.sessionId}/dial`,
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
  async #keepGranted(
    run: ActiveRun,
    plan: RunPlan,
    agent: ReachedAgent,
    { done, leaving }: { done: AbortSignal; leaving: AbortSignal },
  ): Promise<void> {
    let renewedMs = this.#clock.monotonicMs();
    let pauseMs = sessionKeepMs;
    for (;;) {
      await this.#clock.sleep(pauseMs, done);
      try {
        pauseMs = sessionKeepMs;
        await tellSession(run, { plan, agent, leaving, unsent: done }, this.#movers);
        if (this.#clock.monotonicMs() - renewedMs < limits.jobGrantLifetimeMs / 2) continue;
        const grant = await this.#grant(run, plan, agent);
        await agent.peer.call('task.renew', { taskId: plan.taskId, grant }, { signal: done });
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
    { cancel, taskId }: RunPlan,
    agent: ReachedAgent,
    o: { done: AbortSignal; stop: AbortController },
  ): Promise<void> {
    await abortedBefore(o.done, cancel);
    await withTimeLimit({
      clock: this.#clock,
      limitMs: controlCallTimeoutMs,
      signal: o.done,
      expired: () => new HoldfastError('run.timeout', { message: 'The agent did not answer the cancellation.' }),
      work: (signal) => agent.peer.call('task.cancel', { taskId }, { signal }),
    });
    await this.#clock.sleep(cancelGraceMs, o.done);
    o.stop.abort(cancel.reason);
  }
}
