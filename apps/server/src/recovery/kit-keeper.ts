import { type Clock, type HoldfastError, Semaphore, toHoldfastError } from '@holdfast/core';
import { type RecoveryKit, reportOf } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import {
  formerKeyRetryMs,
  kitKeyRetryMs,
  kitLookMs,
  maxKitProblems,
  maxParallelKitKeys,
  maxRepositoriesPerLook,
} from '../limits.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import type { RepositoryRow } from '../repositories.ts';
import { type KitRow, kitInForce } from './recovery-kits.ts';

type Due = Pick<RepositoryRow, 'id' | 'name'>;

/**
 * Sees to it that every repository has a key for the recovery kit in force, soon after its first backup, and none for former ones.
 * Two instances that do so at once leave two keys for one kit, which harms nobody.
 */
export class KitKeeper {
  readonly #catalogue: Catalogue;
  readonly #queries: RepositoryQueries;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By repository: when to try again, and why it did not come off. */
  readonly #waiting = new Map<
    string,
    { readonly untilMs: number; readonly tenant: string; readonly name: string; readonly error?: HoldfastError }
  >();
  #wake = Promise.withResolvers<void>();

  constructor(o: { catalogue: Catalogue; queries: RepositoryQueries; clock: Clock; logger: Logger }) {
    this.#catalogue = o.catalogue;
    this.#queries = o.queries;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** There is another kit: everything is looked at, at once. */
  look(): void {
    this.#waiting.clear();
    this.#wake.resolve();
  }

  problems(tenant: string): RecoveryKit['problems'] {
    return [...this.#waiting]
      .filter(([, waiting]) => waiting.tenant === tenant)
      .flatMap(([repositoryId, { name, error }]) => (error ? [{ repositoryId, name, error: reportOf(error) }] : []))
      .slice(0, maxKitProblems);
  }

  /** Looks until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers();
      try {
        for (const tenant of await this.#catalogue.tenants())
          await this.#lookAt(this.#catalogue.tenant(tenant), signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#logger.error({ error: toHoldfastError(error) }, 'recovery keys were not looked at');
      }
      const pause = new AbortController();
      await Promise.race([this.#clock.sleep(kitLookMs, AbortSignal.any([signal, pause.signal])), this.#wake.promise]);
      pause.abort();
    }
  }

  async #lookAt(scope: TenantScope, signal: AbortSignal): Promise<void> {
    const kit = await kitInForce(scope);
    if (!kit) return;
    const nowMs = this.#clock.monotonicMs();
    // Those that wait come on top: a mover that is away must not keep the repositories of others from being looked at.
    const lacking = await dueRepositories(scope, { kit, limit: maxRepositoriesPerLook + this.#waiting.size });
    const ids = new Set(lacking.map(({ id }) => id));
    // A repository that is gone has no problem any more.
    for (const [id, { tenant }] of this.#waiting) if (tenant === scope.tenant && !ids.has(id)) this.#waiting.delete(id);
    const due = lacking
      .filter(({ id }) => (this.#waiting.get(id)?.untilMs ?? nowMs) <= nowMs)
      .slice(0, maxRepositoriesPerLook);
    const slots = new Semaphore(maxParallelKitKeys);
    await Promise.all(
      due.map(async (repository) => {
        using _slot = await slots.acquire(signal);
        await this.#giveKey(scope, repository, { kit, signal });
      }),
    );
  }

  async #giveKey(scope: TenantScope, { id, name }: Due, o: { kit: KitRow; signal: AbortSignal }): Promise<void> {
    const { signal } = o;
    const kit = { id: o.kit.id, publicKey: o.kit.publicKey };
    const wait = (ms: number, error?: HoldfastError): void =>
      void this.#waiting.set(id, {
        untilMs: this.#clock.monotonicMs() + ms,
        tenant: scope.tenant,
        name,
        ...(error ? { error } : {}),
      });
    try {
      const query = { kind: 'recovery-key', kit } as const;
      const { answer } = await this.#queries.ask<'recovery-key'>(scope, { repositoryId: id, query, signal });
      await scope.query
        .updateTable('repositories')
        .set({ kitId: answer.kitId, formerKitKeys: answer.formerKeys })
        .where('id', '=', id)
        .execute();
      this.#logger.info({ repository: id, kit: kit.id }, 'the repository has a key for the recovery kit');
      if (answer.formerKeys > 0) wait(formerKeyRetryMs);
      else this.#waiting.delete(id);
    } catch (error) {
      signal.throwIfAborted();
      const failure = toHoldfastError(error);
      this.#logger.warn({ repository: id, error: failure }, 'the repository has no key for the recovery kit yet');
      wait(kitKeyRetryMs, failure);
    }
  }
}

async function dueRepositories(
  { query }: TenantScope,
  { kit, limit }: { readonly kit: KitRow; readonly limit: number },
): Promise<Due[]> {
  // In the zero-knowledge mode the server has no key with which to add one.
  return query
    .selectFrom('repositories')
    .select(['id', 'name'])
    .where('initialisedAt', 'is not', null)
    .where('zeroKnowledge', '=', 0)
    .where((row) => row.or([row('kitId', 'is', null), row('kitId', '!=', kit.id), row('formerKitKeys', '>', 0)]))
    .orderBy('id')
    .limit(limit)
    .execute();
}
