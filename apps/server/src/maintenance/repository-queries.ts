import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { type GrantIssuer, limits, type Task, type TaskOutcome } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { AgentCarriers } from '../computers/agent-carriers.ts';
import { loadUsableComputer, portOf } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { queryTimeoutMs } from '../limits.ts';
import { loadRepository } from '../repositories.ts';
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
    return withTimeLimit({
      clock: this.#clock,
      limitMs: queryTimeoutMs,
      signal: o.signal,
      expired: () =>
        new HoldfastError('run.timeout', {
          message: `The executor did not answer within ${queryTimeoutMs / 1000} s.`,
          guidance: 'Ask for less at once, or try again when fewer backups run.',
        }),
      work: (signal) => this.#ask(scope, { ...o, signal }),
    });
  }

  async #ask<Kind extends QueryKind>(
    scope: TenantScope,
    o: { repositoryId: string; query: Extract<Query, { kind: Kind }>; signal: AbortSignal },
  ): Promise<{ answer: Answer<Kind>; unreadable: number }> {
    const { query, signal } = o;
    const { tenant } = scope;
    const repository = await loadRepository(scope, o.repositoryId);
    if (repository.initialisedAt === null)
      throw new HoldfastError('repository.missing', {
        message: `No backup has been made to repository ${repository.name} yet.`,
      });
    // Whoever may see the repository need not be allowed to see the mover.
    const whole = this.#catalogue.tenant(tenant);
    const mover = await loadUsableComputer(whole, repository.moverId, 'mover');
    await using executor = await this.#carriers.reach(whole, mover, signal);
    const { fingerprint } = executor.identity;
    const sessionId = crypto.randomUUID();
    const admission = {
      tenant,
      repository: repository.name,
      subject: `executor/${mover.id}`,
      fingerprint,
      mode: query.kind === 'recovery-key' ? 'maintain' : 'read',
    } as const;
    await this.#movers.trust(tenant, mover, signal);
    await this.#movers.links.tell(mover, {
      method: 'POST',
      path: '/sessions',
      body: { sessionId, ...admission },
      signal,
    });
    const taskId = crypto.randomUUID();
    try {
      const grant = await this.#grants.issue({ ...admission, sessionId, lifetimeMs: limits.jobGrantLifetimeMs });
      const access = {
        tenant,
        repository: repository.name,
        password: this.#vault.open(repository.sealedPassword, { tenant, repositoryId: repository.id }),
        grant,
        sessionId,
        mover: { id: mover.id, host: mover.address, port: portOf(mover, 'agent-to-mover-transport'), fingerprint },
        direction: 'agent-dials' as const,
      };
      const task = { ...query, access } as Extract<Task, { kind: Kind }>;
      const { result, problemCount } = await executor.peer.call('task.run', { taskId, task }, { signal });
      if (result.kind !== query.kind)
        throw new HoldfastError('request.invalid', {
          message: `The executor answered ${query.kind} with ${result.kind}.`,
        });
      return { answer: result as Answer<Kind>, unreadable: problemCount };
    } catch (error) {
      // Nobody waits for it any more.
      if (signal.aborted && executor.peer.ending === undefined) await executor.peer.call('task.cancel', { taskId });
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
}
