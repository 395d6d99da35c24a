import { type Clock, systemClock, toHoldfastError } from '@holdfast/core';
import { dueOccurrence, type RepositoryMaintenance, type ServerEvent, type Timing } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { MaintenanceStatesTable } from '../catalogue/maintenance-tables.ts';
import { loadComputer } from '../computers/computers.ts';
import type { Presence } from '../computers/presence.ts';
import type { EventHub } from '../event-hub.ts';
import { RepositoryJobs } from '../jobs/repository-jobs.ts';
import { maintenanceGraceMs, maintenanceLookMs } from '../limits.ts';
import { forgetAlerts } from '../ransomware/alerts.ts';
import { isToAnalyse, repositoriesToAnalyse, takeComparisons } from '../ransomware/comparisons.ts';
import { executorIdOf, listRepositories, loadRepository, type RepositoryRow } from '../repositories.ts';
import { enterRuns } from '../runs/enter-runs.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import type { MaintenanceOrder } from '../runs/work-order.ts';
import { drillOrders } from './drills.ts';
import { maintenanceOf, retentionOrder } from './settings.ts';
import { type MaintenanceKind, maintenanceKinds, timingsOf } from './timings.ts';

/** A repository is looked at this long after a backup, once for all that end meanwhile. */
const backupsEndedMs = 200;

type State = Selectable<MaintenanceStatesTable>;

/**
 * Queues what is due in repositories: each kind of work once for each instant of its schedule, whichever instance of the server
 * looks first, and after a backup its comparison with an earlier one, and what retention no longer keeps. What was due while no server
 * ran is done once.
 */
export class MaintenanceScheduler {
  readonly #catalogue: Catalogue;
  readonly #queue: RunQueue;
  readonly #presence: Pick<Presence, 'isOnline'>;
  readonly #events: EventHub;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(o: {
    catalogue: Catalogue;
    queue: RunQueue;
    presence: Pick<Presence, 'isOnline'>;
    events: EventHub;
    clock: Clock;
    logger: Logger;
  }) {
    this.#catalogue = o.catalogue;
    this.#queue = o.queue;
    this.#presence = o.presence;
    this.#events = o.events;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Looks again and again until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    using subscriptions = new DisposableStack();
    const followed = new Set<string>();
    while (!signal.aborted) {
      try {
        for (const tenant of await this.#catalogue.tenants()) {
          if (!followed.has(tenant)) subscriptions.use(this.#followBackups(tenant, signal));
          followed.add(tenant);
          await this.#look(this.#catalogue.tenant(tenant), signal);
        }
      } catch (error) {
        // The database may be away: the next look finds everything due that is due now.
        if (!signal.aborted) this.#logger.error({ error: toHoldfastError(error) }, 'maintenance was not looked at');
      }
      await this.#clock.sleep(maintenanceLookMs, signal);
    }
  }

  async #look(scope: TenantScope, signal: AbortSignal): Promise<void> {
    await forgetAlerts(scope, this.#clock.now());
    const jobs = await RepositoryJobs.load(scope);
    const states = new Map(
      (await scope.query.selectFrom('maintenanceStates').selectAll().execute()).map((row) => [
        `${row.kind} ${row.repositoryId}`,
        row,
      ]),
    );
    for (const repository of await listRepositories(scope)) {
      if (signal.aborted) return;
      if (repository.initialisedAt === null) continue;
      for (const kind of maintenanceKinds) {
        const state = states.get(`${kind} ${repository.id}`);
        await this.#tried(repository, () => this.#queueIfDue(scope, repository, { kind, state, jobs }));
      }
    }
    // Usually done when the backup had ended: of one that came while the last comparison was under way, or before a crash.
    for (const id of await repositoriesToAnalyse(scope)) {
      if (signal.aborted) return;
      await this.#tried({ id }, () => this.#analyse(scope, id));
    }
  }

  async #tried(repository: Pick<RepositoryRow, 'id'>, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // The next look finds it due again; other repositories are not kept waiting.
      this.#logger.error({ repository: repository.id, error: toHoldfastError(error) }, 'maintenance was not queued');
    }
  }

  async #queueIfDue(
    scope: TenantScope,
    repository: RepositoryRow,
    o: { readonly kind: MaintenanceKind; readonly state: State | undefined; readonly jobs: RepositoryJobs },
  ): Promise<void> {
    const { kind, state } = o;
    const now = this.#clock.now();
    const settings = maintenanceOf(repository);
    if (!state) {
      // What was due before the repository was there is due no more.
      await scope.query
        .insertInto('maintenanceStates')
        .values({ repositoryId: repository.id, kind, since: now.toISOString(), part: 0, lastRunId: null })
        .onConflict((conflict) => conflict.columns(['tenant', 'repositoryId', 'kind']).doNothing())
        .execute();
      return;
    }
    const due = lastDue(timingsOf(kind, settings, o.jobs.of(repository)), new Date(state.since), now);
    if (!due) return;
    // It stays due: begun now it would only fail. A mover is tried, because nothing tells that it is not there.
    if (!(await this.#canExecute(scope, repository))) {
      if (state.delayedSince === null) await noteDelay(scope, state, due);
      return;
    }
    const part = await nextPart(scope, state, settings);
    const orders = await ordersOf(scope, repository, { kind, settings, part });
    const rows = await scope.transaction(async (inner) => {
      if (await isUnderWay(inner, repository.id, kind)) return [];
      // Whoever changes this row starts the work: another instance that looks at the same time finds it changed.
      const ofState = inner.query
        .updateTable('maintenanceStates')
        .where('repositoryId', '=', repository.id)
        .where('kind', '=', kind);
      const { numUpdatedRows } = await ofState
        .set({ since: due.toISOString(), part, delayedSince: null })
        .where('since', '=', state.since)
        .executeTakeFirst();
      if (numUpdatedRows !== 1n || orders.length === 0) return [];
      const tasks = orders.map((order) => ({ agentId: executorIdOf(repository), repositoryId: repository.id, order }));
      const entered = await enterRuns(inner, { tasks, trigger: 'schedule', now });
      await ofState.set({ lastRunId: entered.at(-1)?.id ?? null }).execute();
      return entered;
    });
    for (const row of rows) {
      this.#logger.info({ repository: repository.id, kind, due, run: row.id }, 'maintenance is due');
      this.#queue.announce(scope, row);
    }
  }

  /** After backups: they are compared with earlier ones, and after the last of them what retention no longer keeps goes. */
  #followBackups(tenant: string, signal: AbortSignal): Disposable {
    /** Repositories that are looked at soon: once for all backups that end at the same time. */
    const ended = new Set<string>();
    const onEvent = (event: ServerEvent): void => {
      if (event.kind !== 'run' || event.run.kind !== 'backup' || event.run.endedAt === undefined) return;
      const { repositoryId, result } = event.run;
      if (result === undefined || ended.has(repositoryId)) return;
      ended.add(repositoryId);
      void this.#tried({ id: repositoryId }, async () => {
        // In real time, whatever clock decides what is due: it only spares work.
        await systemClock.sleep(backupsEndedMs);
        ended.delete(repositoryId);
        if (signal.aborted) return;
        const scope = this.#catalogue.tenant(tenant);
        // First, because the earlier backup may be one that is forgotten.
        await this.#analyse(scope, repositoryId);
        await this.#forgetAfterBackup(scope, repositoryId);
      });
    };
    return this.#events.subscribe(tenant, { onEvent, onlyOwnRuns: true });
  }

  /** Whether the agent is there that has the key in the server's place; a mover is taken to be. */
  async #canExecute(scope: TenantScope, { executorId }: RepositoryRow): Promise<boolean> {
    return executorId === null || this.#presence.isOnline(await loadComputer(scope, executorId));
  }

  /** Compares the backups of a repository that were not compared yet: one run for all of them, one at a time. */
  async #analyse(scope: TenantScope, repositoryId: string): Promise<void> {
    // Looked at first, because the end of each backup comes here.
    if (!(await isToAnalyse(scope, repositoryId)) || (await isUnderWay(scope, repositoryId, 'analysis'))) return;
    const repository = await loadRepository(scope, repositoryId);
    // It stays due, as what the schedule brings.
    if (!(await this.#canExecute(scope, repository))) return;
    const rows = await scope.transaction(async (inner) => {
      if (await isUnderWay(inner, repositoryId, 'analysis')) return [];
      const order = await takeComparisons(inner, repository);
      if (!order) return [];
      const task = { agentId: executorIdOf(repository), repositoryId, order };
      return enterRuns(inner, { tasks: [task], trigger: 'after', now: this.#clock.now() });
    });
    for (const row of rows) this.#queue.announce(scope, row);
  }

  async #forgetAfterBackup(scope: TenantScope, repositoryId: string): Promise<void> {
    // Looked at first, because the end of each backup comes here.
    if (await isBusy(scope, repositoryId)) return;
    const repository = await loadRepository(scope, repositoryId);
    const order = await retentionOrder(scope, repository);
    if (!order) return;
    const task = { agentId: executorIdOf(repository), repositoryId, order };
    const rows = await scope.transaction(async (inner) =>
      (await isBusy(inner, repositoryId))
        ? []
        : enterRuns(inner, { tasks: [task], trigger: 'after', now: this.#clock.now() }),
    );
    for (const row of rows) this.#queue.announce(scope, row);
  }
}

async function noteDelay({ query }: TenantScope, { repositoryId, kind }: State, due: Date): Promise<void> {
  await query
    .updateTable('maintenanceStates')
    .set({ delayedSince: due.toISOString() })
    .where('repositoryId', '=', repositoryId)
    .where('kind', '=', kind)
    .execute();
}

/** Whether backups go on, after which it is time, or what is kept is seen to already. */
async function isBusy(scope: TenantScope, repositoryId: string): Promise<boolean> {
  return (await isUnderWay(scope, repositoryId, 'backup')) || (await isUnderWay(scope, repositoryId, 'forget'));
}

async function isUnderWay(
  scope: TenantScope,
  repositoryId: string,
  kind: MaintenanceKind | 'backup' | 'analysis',
): Promise<boolean> {
  const found = await scope.query
    .selectFrom('runs')
    .select('id')
    .where('repositoryId', '=', repositoryId)
    .where('kind', '=', kind)
    .where('state', 'in', ['queued', 'running'])
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** The last time at which something of it was due and nobody saw to it; what was missed is done once. */
function lastDue(timings: readonly Timing[], since: Date, now: Date): Date | undefined {
  return timings
    .flatMap((timing) => dueOccurrence(timing, { since, now, missed: 'run-once', graceMs: maintenanceGraceMs }) ?? [])
    .sort((a, b) => a.getTime() - b.getTime())
    .at(-1);
}

/** The part of the contents that the next check reads: the same again when the last one did not come to its end. */
async function nextPart(
  scope: TenantScope,
  state: { readonly part: number; readonly lastRunId: string | null },
  { checkParts }: RepositoryMaintenance,
): Promise<number> {
  const last =
    state.lastRunId === null
      ? undefined
      : await scope.query.selectFrom('runs').select('state').where('id', '=', state.lastRunId).executeTakeFirst();
  const again = last?.state === 'failed' || last?.state === 'cancelled';
  const part = again ? state.part : state.part + 1;
  return part > checkParts ? Math.min(1, checkParts) : part;
}

async function ordersOf(
  scope: TenantScope,
  repository: RepositoryRow,
  { kind, settings, part }: { kind: MaintenanceKind; settings: RepositoryMaintenance; part: number },
): Promise<readonly MaintenanceOrder[]> {
  switch (kind) {
    case 'forget': {
      const order = await retentionOrder(scope, repository);
      return order ? [order] : [];
    }
    case 'prune':
      return [{ kind, maxUnusedPercent: settings.maxUnusedPercent }];
    case 'check':
      return [{ kind, read: part === 0 ? 'nothing' : { part, of: settings.checkParts } }];
    case 'drill':
      return drillOrders(scope, repository.id, settings.drillOptions);
  }
}
