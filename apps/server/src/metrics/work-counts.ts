import type { Clock } from '@holdfast/core';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { JobKind, RunState, RunsTable } from '../catalogue/schema.ts';
import { maxMeasuredRepositories, repositoryCountsMs } from '../health/limits.ts';

interface QueueCounts {
  readonly runs: readonly { readonly state: RunState; readonly kind: RunsTable['kind']; readonly count: number }[];
  /** Of the one that waits longest and may begin. */
  readonly oldestWaitMs: number;
}

interface NotificationCounts {
  readonly waiting: number;
  readonly givenUp: number;
  readonly oldestWaitMs: number;
}

interface RepositoryCounts {
  readonly total: number;
  readonly listed: readonly {
    readonly tenant: string;
    readonly name: string;
    readonly snapshots: number;
    /** What the backups that are listed have added. */
    readonly storedBytes: number;
    readonly lastSuccess: readonly { readonly kind: RunsTable['kind']; readonly at: string }[];
  }[];
}

/** What the catalogue knows of the work of the server, over all tenants; each by an index, or over what is small. */
export class WorkCounts {
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  #repositories: { readonly ms: number; readonly counts: Promise<RepositoryCounts> } | undefined;

  constructor(o: { catalogue: Catalogue; clock: Clock }) {
    this.#catalogue = o.catalogue;
    this.#clock = o.clock;
  }

  /** How long the catalogue takes for the smallest question. */
  async databaseMs(): Promise<number> {
    const begunMs = this.#clock.monotonicMs();
    await this.#catalogue.system.selectFrom('instances').select('id').limit(1).execute();
    return this.#clock.monotonicMs() - begunMs;
  }

  async jobs(): Promise<readonly { readonly kind: JobKind; readonly enabled: boolean; readonly count: number }[]> {
    const rows = await this.#everywhere(({ query }) =>
      query
        .selectFrom('jobs')
        .groupBy(['kind', 'enabled'])
        .select(['kind', 'enabled', query.fn.countAll().as('count')])
        .execute(),
    );
    return rows.map(({ kind, enabled, count }) => ({ kind, enabled: enabled === 1, count: Number(count) }));
  }

  async queue(): Promise<QueueCounts> {
    const now = this.#clock.now();
    const runs = await this.#everywhere(({ query }) =>
      query
        .selectFrom('runs')
        .where('state', 'in', ['queued', 'running'])
        .groupBy(['state', 'kind'])
        .select(['state', 'kind', query.fn.countAll().as('count')])
        .execute(),
    );
    const oldest = await this.#everywhere(({ query }) =>
      query
        .selectFrom('runs')
        .select('queuedAt')
        .where('state', '=', 'queued')
        .where((run) => run.or([run('notBefore', 'is', null), run('notBefore', '<=', now.toISOString())]))
        .orderBy('sequence')
        .limit(1)
        .execute(),
    );
    return {
      runs: runs.map(({ state, kind, count }) => ({ state, kind, count: Number(count) })),
      oldestWaitMs: longest(
        oldest.map(({ queuedAt }) => queuedAt),
        now,
      ),
    };
  }

  async notifications(): Promise<NotificationCounts> {
    const rows = await this.#everywhere(({ query }) =>
      query
        .selectFrom('notifications')
        .where('state', 'in', ['waiting', 'given-up'])
        .groupBy('state')
        .select(['state', query.fn.countAll().as('count'), query.fn.min('createdAt').as('oldestAt')])
        .execute(),
    );
    const of = (wanted: string) => rows.filter(({ state }) => state === wanted);
    const sum = (some: typeof rows): number => some.reduce((all, { count }) => all + Number(count), 0);
    return {
      waiting: sum(of('waiting')),
      givenUp: sum(of('given-up')),
      oldestWaitMs: longest(
        of('waiting').map(({ oldestAt }) => oldestAt),
        this.#clock.now(),
      ),
    };
  }

  /** Of the first ones by name: how many repositories there are must not decide how much monitoring has to keep. */
  async repositories(): Promise<RepositoryCounts> {
    const nowMs = this.#clock.monotonicMs();
    // All snapshots are gone through: that is for once in a while.
    if (!this.#repositories || nowMs - this.#repositories.ms >= repositoryCountsMs)
      this.#repositories = { ms: nowMs, counts: this.#countRepositories() };
    try {
      return await this.#repositories.counts;
    } catch (error) {
      this.#repositories = undefined;
      throw error;
    }
  }

  async #countRepositories(): Promise<RepositoryCounts> {
    let total = 0;
    const listed: RepositoryCounts['listed'][number][] = [];
    for (const tenant of await this.#catalogue.tenants()) {
      const { query } = this.#catalogue.tenant(tenant);
      const rows = await query.selectFrom('repositories').select(['id', 'name']).orderBy('name').execute();
      total += rows.length;
      for (const { id, name } of rows.slice(0, maxMeasuredRepositories - listed.length)) {
        const backups = await query
          .selectFrom('snapshots')
          .where('repositoryId', '=', id)
          .select([
            query.fn.countAll().as('count'),
            query.fn.sum('storedBytes').as('storedBytes'),
            query.fn.max('takenAt').as('lastAt'),
          ])
          .executeTakeFirst();
        const maintained = await query
          .selectFrom('maintenanceStates')
          .innerJoin('runs', 'runs.id', 'maintenanceStates.lastRunId')
          .where('maintenanceStates.repositoryId', '=', id)
          .where('runs.state', 'in', ['succeeded', 'warning'])
          .select(['maintenanceStates.kind as kind', 'runs.endedAt as endedAt'])
          .execute();
        listed.push({
          ...{ tenant, name },
          snapshots: Number(backups?.count ?? 0),
          storedBytes: Number(backups?.storedBytes ?? 0),
          lastSuccess: [
            { kind: 'backup' as const, at: backups?.lastAt ?? null },
            ...maintained.map(({ kind, endedAt }) => ({ kind, at: endedAt })),
          ].flatMap(({ kind, at }) => (at === null ? [] : [{ kind, at }])),
        });
      }
    }
    return { total, listed };
  }

  async #everywhere<Item>(work: (scope: TenantScope) => Promise<readonly Item[]>): Promise<Item[]> {
    const all: Item[] = [];
    for (const tenant of await this.#catalogue.tenants()) all.push(...(await work(this.#catalogue.tenant(tenant))));
    return all;
  }
}

function longest(times: readonly string[], now: Date): number {
  return Math.max(0, ...times.map((time) => now.getTime() - Date.parse(time)));
}
