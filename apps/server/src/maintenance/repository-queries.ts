import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  type GrantIssuer,
  type GrantMode,
  limits,
  type Reading,
  type RepositoryAccess,
  type Task,
  type TaskOutcome,
} from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { AgentCarriers, ReachedAgent } from '../computers/agent-carriers.ts';
import { loadUsableComputer, portOf } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { queryStopMs, queryTimeoutMs } from '../limits.ts';
import { presentRequest } from '../present-request.ts';
import { loadExecutor, loadRepository, passwordOf, refuseZeroKnowledge } from '../repositories.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Vault } from '../vault.ts';

/** What is asked of a repository's executor while somebody waits: it takes moments, changes no backup, and is no run. */
type QueryKind = 'snapshots' | 'browse' | 'find' | 'stats' | 'recovery-key';
type Query = { [Kind in QueryKind]: Omit<Extract<Task, { kind: Kind }>, 'access'> }[QueryKind];
type Answer<Kind extends QueryKind> = Extract<TaskOutcome, { kind: Kind }>;

/** Questions about what is in a repository, answered by its executor. */
export class RepositoryQueries {
  readonly #catalogue: Catalogue;
  readonly #carriers: AgentCarriers;
  readonly #movers: Movers;
  readonly #grants: GrantIssuer;
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(o: {
    catalogue: Catalogue;
    carriers: AgentCarriers;
    movers: Movers;
    grants: GrantIssuer;
    vault: Vault;
    clock: Clock;
    logger: Logger;
  }) {
    this.#catalogue = o.catalogue;
    this.#carriers = o.carriers;
    this.#movers = o.movers;
    this.#grants = o.grants;
    this.#vault = o.vault;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /**
   * The answer, and how many objects could not be read. Throws what the executor reports, `repository.missing` before the first
   * backup, `run.timeout`.
   */
  ask<Kind extends QueryKind>(
    scope: TenantScope,
    o: { repositoryId: string; query: Extract<Query, { kind: Kind }>; signal: AbortSignal },
  ): Promise<{ answer: Answer<Kind>; unreadable: number }> {
    const { query } = o;
    return withTimeLimit({
      clock: this.#clock,
      limitMs: queryTimeoutMs,
      signal: o.signal,
      expired: () =>
        new HoldfastError('run.timeout', {
          message: `The executor did not answer within ${queryTimeoutMs / 1000} s.`,
          guidance: 'Ask for less at once, or try again when fewer backups run.',
        }),
      work: (signal) =>
        this.#withExecutor(
          scope,
          { ...o, kind: query.kind, mode: query.kind === 'recovery-key' ? 'maintain' : 'read', signal },
          async ({ peer, ids, access }) => {
            const task = { ...query, access } as Extract<Task, { kind: Kind }>;
            const { result, problemCount } = await peer.call('task.run', { ...ids, task }, { signal });
            if (result.kind !== query.kind)
              throw new HoldfastError('request.invalid', {
                message: `The executor answered ${query.kind} with ${result.kind}.`,
              });
            return { answer: result as Answer<Kind>, unreadable: problemCount };
          },
        ),
    });
  }

  /**
   * Has the executor read, and gives what it finds to `sink` as it comes, no faster than that takes it. Throws what the executor
   * reports, also in the middle.
   */
  read(
    scope: TenantScope,
    o: {
      repositoryId: string;
      reading: Reading;
      /** The signal aborts when nobody needs the bytes any more: the task has failed. */
      sink: (bytes: Buffer, signal: AbortSignal) => Promise<void>;
      signal: AbortSignal;
    },
  ): Promise<void> {
    return this.#withExecutor(scope, { ...o, kind: 'read', mode: 'read' }, async ({ peer, ids, access, renew }) => {
      const { taskId } = ids;
      const failed = new AbortController();
      const ended = new AbortController();
      const signal = AbortSignal.any([o.signal, failed.signal]);
      const running = peer.call('task.run', { ...ids, task: { kind: 'read', access, reading: o.reading } }, { signal });
      // Said by whoever reads the output, or below.
      running.catch((error: unknown) => failed.abort(error));
      const renewing = this.#keepRenewed(renew, ended.signal);
      try {
        for (let next = peer.call('task.read', { taskId }, { signal }); ; ) {
          const { bytes, ended: last } = await next;
          if (!last) {
            next = peer.call('task.read', { taskId }, { signal });
            void Promise.allSettled([next]);
          }
          await o.sink(Buffer.from(bytes, 'base64'), signal);
          if (last) break;
        }
        await running;
      } finally {
        ended.abort();
        await renewing;
      }
    });
  }

  /** What is read slowly takes longer than a grant lives. One that can't be renewed ends the task, which says why. */
  async #keepRenewed(renew: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#clock.sleep(limits.jobGrantLifetimeMs / 2, signal);
        await renew();
      }
    } catch (error) {
      if (!signal.aborted) this.#logger.info({ error: toHoldfastError(error) }, 'grant not renewed');
    }
  }

  async #withExecutor<Result>(
    scope: TenantScope,
    o: { repositoryId: string; kind: QueryKind | 'read'; mode: GrantMode; signal: AbortSignal },
    work: (executor: {
      peer: ReachedAgent['peer'];
      ids: { readonly taskId: string; readonly requestId?: string };
      access: RepositoryAccess;
      renew: () => Promise<void>;
    }) => Promise<Result>,
  ): Promise<Result> {
    const { signal } = o;
    const { tenant } = scope;
    const repository = await loadRepository(scope, o.repositoryId);
    if (repository.initialisedAt === null)
      throw new HoldfastError('repository.missing', {
        message: `No backup has been made to repository ${repository.name} yet.`,
      });
    // What shows names, or gives others a key: not without the server's key, whatever the executor would answer.
    if (!['snapshots', 'stats'].includes(o.kind)) refuseZeroKnowledge(repository, 'look into it');
    // Whoever may see the repository need not be allowed to see the mover.
    const whole = this.#catalogue.tenant(tenant);
    const mover = await loadUsableComputer(whole, repository.moverId, 'mover');
    const worker = await loadExecutor(whole, repository);
    await using executor = await this.#carriers.reach(whole, worker, signal);
    const { peer } = executor;
    const { fingerprint } = executor.identity;
    const sessionId = crypto.randomUUID();
    const requestId = presentRequest();
    const admission = {
      tenant,
      repository: repository.name,
      subject: `executor/${worker.id}`,
      fingerprint,
      mode: o.mode,
    } as const;
    await this.#movers.ensureTrust(tenant, mover, signal);
    await this.#movers.links.tell(mover, {
      method: 'POST',
      path: '/sessions',
      body: { sessionId, ...admission, ...(requestId === undefined ? {} : { request: requestId }) },
      // Once it is sent, it is closed below.
      unsentSignal: signal,
    });
    const taskId = crypto.randomUUID();
    const ids = { taskId, ...(requestId === undefined ? {} : { requestId }) };
    const newGrant = (): Promise<string> =>
      this.#grants.issue({ ...admission, sessionId, lifetimeMs: limits.jobGrantLifetimeMs });
    const password = passwordOf(repository, this.#vault);
    try {
      return await work({
        peer,
        ids,
        access: {
          tenant,
          repository: repository.name,
          ...(password === undefined ? {} : { password }),
          grant: await newGrant(),
          sessionId,
          mover: {
            id: mover.id,
            host: mover.address,
            port: portOf(mover, 'agent-to-mover-transport'),
            fingerprint: this.#movers.links.fingerprint(mover),
          },
          direction: 'agent-dials',
        },
        renew: async () => void (await peer.call('task.renew', { taskId, grant: await newGrant() })),
      });
    } catch (error) {
      // Nobody waits for it any more; but it has a lock to give back, for which it needs the grant.
      if (peer.ending === undefined) await this.#stop(peer, taskId);
      throw error;
    } finally {
      try {
        await this.#movers.links.tell(mover, { method: 'DELETE', path: `/sessions/${sessionId}` });
      } catch (error) {
        // It ends by itself when it is idle.
        this.#logger.debug({ error: toHoldfastError(error) }, 'session not closed');
      }
    }
  }

  /** Cancels a task, if it runs, and waits a moment for its end. */
  async #stop(peer: ReachedAgent['peer'], taskId: string): Promise<void> {
    try {
      await withTimeLimit({
        clock: this.#clock,
        limitMs: queryStopMs,
        expired: () => new HoldfastError('run.timeout', { message: 'A question that was given up goes on.' }),
        work: async (signal) => void (await peer.call('task.cancel', { taskId, wait: true }, { signal })),
      });
    } catch (error) {
      this.#logger.debug({ error: toHoldfastError(error) }, 'question not stopped');
    }
  }
}
