import { type Clock, toHoldfastError } from '@holdfast/core';
import { dueOccurrence, type RepositoryMaintenance } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { EventHub } from '../event-hub.ts';
import { maintenanceGraceMs, maintenanceLookMs } from '../limits.ts';
import { listRepositories, loadRepository, type RepositoryRow } from '../repositories.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import type { MaintenanceOrder } from '../runs/work-order.ts';
import { maintenanceOf, retentionOrder } from './settings.ts';

const kinds = ['forget', 'prune', 'check'] as const;
type Kind = (typeof kinds)[number];

/**
 * Queues what is due in repositories: each kind of work once for each instant of its schedule, whichever instance of the server
 * looks first, and after a backup what retention no longer keeps. What was due while no server ran is done once.
 */
export class MaintenanceScheduler {
  readonly #catalogue: Catalogue;
  readonly #queue: RunQueue;
  readonly #events: EventHub;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(o: { catalogue: Catalogue; queue: RunQueue; events: EventHub; clock: Clock; logger: Logger }) {
    this.#catalogue = o.catalogue;
    this.#queue = o.queue;
    this.#events = o.events;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Looks again and again until the signal aborts. */
  async watch(signal: AbortSignal): Promise<void> {
    using subscriptions = new DisposableStack();
    const followed = new Set<string>();
    while (!signal.aborted) {
      for (const tenant of await this.#catalogue.tenants()) {
        if (!followed.has(tenant)) subscriptions.use(this.#followBackups(tenant));
        followed.add(tenant);
        await this.#look(this.#catalogue.tenant(tenant), signal);
      }
      await this.#clock.sleep(maintenanceLookMs, signal);
    }
  }

  async #look(scope: TenantScope, signal: AbortSignal): Promise<void> {
    for (const repository of await listRepositories(scope)) {
      if (signal.aborted) return;
      if (repository.initialisedAt === null) continue;
      for (const kind of kinds) await this.#tried(repository, () => this.#queueIfDue(scope, repository, kind));
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

  async #queueIfDue(scope: TenantScope, repository: RepositoryRow, kind: Kind): Promise<void> {
    const now = this.#clock.now();
    const settings = maintenanceOf(repository);
    const state = await scope.query
      .selectFrom('maintenanceStates')
      .selectAll()
      .where('repositoryId', '=', repository.id)
      .where('kind', '=', kind)
      .executeTakeFirst();
    if (!state) {
      // What was due before the repository was there is due no more.
      await scope.query
        .insertInto('maintenanceStates')
        .values({ repositoryId: repository.id, kind, since: now.toISOString(), part: 0, lastRunId: null })
        .onConflict((conflict) => conflict.columns(['tenant', 'repositoryId', 'kind']).doNothing())
        .execute();
      return;
    }
    const due = dueOccurrence(
      { schedule: settings[kind], timeZone: settings.timeZone },
      { since: new Date(state.since), now, missed: 'run-once', graceMs: maintenanceGraceMs },
    );
    if (!due || (await isUnderWay(scope, repository.id, kind))) return;
    const part = await nextPart(scope, state, settings);
    const order = orderOf(kind, repository, { settings, part });
    // Whoever changes this row starts the work: another instance that looks at the same time finds it changed.
    const { numUpdatedRows } = await scope.query
      .updateTable('maintenanceStates')
      .set({ since: due.toISOString(), part })
      .where('repositoryId', '=', repository.id)
      .where('kind', '=', kind)
      .where('since', '=', state.since)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n || !order) return;
    const change = (set: { readonly lastRunId: string } | { readonly since: string }) =>
      scope.query
        .updateTable('maintenanceStates')
        .set(set)
        .where('repositoryId', '=', repository.id)
        .where('kind', '=', kind)
        .execute();
    try {
      const run = await this.#queue.enqueue(scope, { agentId: repository.moverId, repositoryId: repository.id, order });
      await change({ lastRunId: run.id });
      this.#logger.info({ repository: repository.id, kind, due, run: run.id }, 'maintenance is due');
    } catch (error) {
      await change({ since: state.since });
      throw error;
    }
  }

  /** After the last of a repository's backups what retention no longer keeps goes. */
  #followBackups(tenant: string): Disposable {
    return this.#events.subscribe(tenant, (event) => {
      if (event.kind !== 'run' || event.run.kind !== 'backup' || event.run.endedAt === undefined) return;
      if (event.run.result === undefined) return;
      const { repositoryId } = event.run;
      void this.#tried({ id: repositoryId }, () =>
        this.#forgetAfterBackup(this.#catalogue.tenant(tenant), repositoryId),
      );
    });
  }

  async #forgetAfterBackup(scope: TenantScope, repositoryId: string): Promise<void> {
    const repository = await loadRepository(scope, repositoryId);
    const order = retentionOrder(repository);
    if (!order) return;
    if ((await isUnderWay(scope, repositoryId, 'backup')) || (await isUnderWay(scope, repositoryId, 'forget'))) return;
    await this.#queue.enqueue(scope, { agentId: repository.moverId, repositoryId, order });
  }
}

async function isUnderWay(scope: TenantScope, repositoryId: string, kind: Kind | 'backup'): Promise<boolean> {
  const found = await scope.query
    .selectFrom('runs')
    .select('id')
    .where('repositoryId', '=', repositoryId)
    .where('kind', '=', kind)
    .where('state', 'in', ['queued', 'running'])
    .executeTakeFirst();
  return found !== undefined;
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

function orderOf(
  kind: Kind,
  repository: RepositoryRow,
  { settings, part }: { settings: RepositoryMaintenance; part: number },
): MaintenanceOrder | undefined {
  switch (kind) {
    case 'forget':
      return retentionOrder(repository);
    case 'prune':
      return { kind, maxUnusedPercent: settings.maxUnusedPercent };
    case 'check':
      return { kind, read: part === 0 ? 'nothing' : { part, of: settings.checkParts } };
  }
}
