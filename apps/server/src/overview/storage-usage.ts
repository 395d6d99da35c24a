import { type Clock, Semaphore, toHoldfastError } from '@holdfast/core';
import { measuredRepository } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { loadUsableComputer } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import type { Presence } from '../computers/presence.ts';
import { usageKeptDays, usageLookMs, usageMeasuredAtOnce, usageMeasuredInOneLook } from './limits.ts';

/** Has movers measure their repositories, each once a day (UTC), and keeps what they say: for the overview's trend. */
export class StorageUsage {
  readonly #catalogue: Catalogue;
  readonly #movers: Movers;
  readonly #presence: Pick<Presence, 'isMoverOnline'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #places = new Semaphore(usageMeasuredAtOnce);

  constructor(o: {
    catalogue: Catalogue;
    movers: Movers;
    presence: Pick<Presence, 'isMoverOnline'>;
    clock: Clock;
    logger: Logger;
  }) {
    this.#catalogue = o.catalogue;
    this.#movers = o.movers;
    this.#presence = o.presence;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Looks for what was not measured today, again and again, until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Movers call in after a start, and what they keep is of no hurry.
      await this.#clock.sleep(usageLookMs, signal);
      try {
        for (const tenant of await this.#catalogue.tenants())
          await this.measure(this.#catalogue.tenant(tenant), signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#logger.warn({ error: toHoldfastError(error) }, 'repositories were not measured');
      }
    }
  }

  /** One look. What can't be measured now is looked at again the next time. */
  async measure(scope: TenantScope, signal: AbortSignal): Promise<void> {
    const day = this.#clock.now().toISOString().slice(0, 10);
    const due = await scope.query
      .selectFrom('repositories')
      .select(['id', 'name', 'moverId', 'groupName'])
      .where('initialisedAt', 'is not', null)
      .where((row) => row.or([row('measuredAt', 'is', null), row('measuredAt', '<', day)]))
      .orderBy('id')
      .limit(usageMeasuredInOneLook)
      .execute();
    const there = due.filter(({ moverId }) => this.#presence.isMoverOnline(moverId));
    const measured = await Promise.all(
      there.map((repository) => this.#measureOne(scope, { ...repository, day, signal })),
    );
    if (measured.includes(true)) await this.#sumUp(scope, day);
  }

  async #measureOne(
    scope: TenantScope,
    o: { id: string; name: string; moverId: string; day: string; signal: AbortSignal },
  ): Promise<boolean> {
    using _place = await this.#places.acquire(o.signal);
    try {
      const mover = await loadUsableComputer(scope, o.moverId, 'mover');
      const query = new URLSearchParams({ tenant: scope.tenant, repository: o.name });
      const { usedBytes } = await this.#movers.links.request(mover, {
        method: 'GET',
        path: `/repositories/usage?${query.toString()}`,
        answer: measuredRepository,
        signal: o.signal,
      });
      await scope.transaction(async ({ query: inner }) => {
        const measuredAt = this.#clock.now().toISOString();
        await inner.updateTable('repositories').set({ usedBytes, measuredAt }).where('id', '=', o.id).execute();
        await inner
          .insertInto('repositoryUsage')
          .values({ repositoryId: o.id, day: o.day, usedBytes })
          .onConflict((conflict) => conflict.columns(['tenant', 'repositoryId', 'day']).doUpdateSet({ usedBytes }))
          .execute();
      });
      return true;
    } catch (error) {
      o.signal.throwIfAborted();
      this.#logger.debug({ repository: o.id, error: toHoldfastError(error) }, 'a repository was not measured');
      return false;
    }
  }

  /** What each group's repositories take by what is known of them today. Of long ago nothing is kept. */
  async #sumUp(scope: TenantScope, day: string): Promise<void> {
    const oldest = new Date(this.#clock.now().getTime() - usageKeptDays * 86_400_000).toISOString().slice(0, 10);
    await scope.transaction(async ({ query, deleteFrom }) => {
      const groups = await query
        .selectFrom('repositories')
        .groupBy('groupName')
        .select(['groupName', query.fn.sum('usedBytes').as('usedBytes')])
        .execute();
      for (const { groupName, usedBytes } of groups)
        await query
          .insertInto('groupUsage')
          .values({ groupName, day, usedBytes: Number(usedBytes ?? 0) })
          .onConflict((conflict) =>
            conflict.columns(['tenant', 'groupName', 'day']).doUpdateSet({ usedBytes: Number(usedBytes ?? 0) }),
          )
          .execute();
      for (const table of ['repositoryUsage', 'groupUsage'] as const)
        await deleteFrom(table).where('day', '<', oldest).execute();
    });
  }
}
