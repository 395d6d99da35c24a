import { type Clock, toHoldfastError } from '@holdfast/core';
import { dueOccurrence } from '@holdfast/protocol';
import type { Logger } from 'pino';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { EventHub } from '../event-hub.ts';
import { type JobRow, settingsOf } from '../jobs/job-rows.ts';
import { nextDueOf } from '../jobs/jobs.ts';
import { startJob } from '../jobs/start-job.ts';
import {
  firingsKeptMs,
  historyPruneMs,
  maxJobsPerLook,
  maxPrunedSessions,
  scheduleGraceMs,
  scheduleLookMs,
} from '../limits.ts';
import { pruneApprovals } from '../people/approvals.ts';
import type { RunQueue } from '../runs/run-queue.ts';
import { pruneSessions, sessionView } from '../sessions/session-store.ts';
import type { Vault } from '../vault.ts';

/**
 * Starts jobs when they are due, each time once: what was due is entered with its moment, which is unique, in the transaction
 * that makes the session. Stops runs whose window has closed, and prunes the history.
 */
export class Scheduler {
  readonly #catalogue: Catalogue;
  readonly #queue: RunQueue;
  readonly #events: EventHub;
  readonly #vault: Vault;
  readonly #historyMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #prunedMs = Number.NEGATIVE_INFINITY;

  constructor(o: {
    catalogue: Catalogue;
    queue: RunQueue;
    events: EventHub;
    vault: Vault;
    historyMs: number;
    clock: Clock;
    logger: Logger;
  }) {
    this.#catalogue = o.catalogue;
    this.#queue = o.queue;
    this.#events = o.events;
    this.#vault = o.vault;
    this.#historyMs = o.historyMs;
    this.#clock = o.clock;
    this.#logger = o.logger;
  }

  /** Looks until told to stop. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        if (!signal.aborted) this.#logger.error({ error: toHoldfastError(error) }, 'schedules could not be looked at');
      }
      await this.#clock.sleep(scheduleLookMs, signal);
    }
  }

  async look(): Promise<void> {
    await this.#queue.closeWindows();
    for (const tenant of await this.#catalogue.tenants()) {
      const scope = this.#catalogue.tenant(tenant);
      for (const row of await this.#worthALook(scope)) {
        try {
          await this.#lookAt(scope, row);
        } catch (error) {
          // The other jobs are not to suffer from it.
          this.#logger.error({ job: row.id, error: toHoldfastError(error) }, 'a job that is due could not be started');
        }
      }
    }
    // Also for what waited for its window, or for the pause before another attempt.
    this.#queue.look();
    if (this.#clock.monotonicMs() - this.#prunedMs < historyPruneMs) return;
    this.#prunedMs = this.#clock.monotonicMs();
    for (const tenant of await this.#catalogue.tenants()) await this.#prune(this.#catalogue.tenant(tenant));
  }

  /**
   * Jobs that are due, or follow another one; and those that were looked at in a future that the clock has been set back from,
   * which might wait for years otherwise.
   */
  #worthALook({ query }: TenantScope): Promise<JobRow[]> {
    const now = this.#clock.now().toISOString();
    return query
      .selectFrom('jobs')
      .selectAll()
      .where('enabled', '=', 1)
      .where((where) =>
        where.or([
          where('nextDueAt', '<=', now),
          where('afterJobId', 'is not', null),
          where.and([where('nextDueAt', 'is not', null), where('scheduledUntil', '>', now)]),
        ]),
      )
      .orderBy('scheduledUntil')
      .limit(maxJobsPerLook)
      .execute();
  }

  async #lookAt(scope: TenantScope, row: JobRow): Promise<void> {
    const settings = settingsOf(row);
    const now = this.#clock.now();
    const since = new Date(row.scheduledUntil);
    const dueAt =
      row.afterJobId === null
        ? dueOccurrence(settings, { since, now, missed: settings.missed, graceMs: scheduleGraceMs })
        : await lastEnd(scope, row.afterJobId, since);
    const session = await scope.transaction(async (inner) => {
      const { numUpdatedRows } = await inner.query
        .updateTable('jobs')
        .set({
          scheduledUntil: (row.afterJobId === null ? now : (dueAt ?? since)).toISOString(),
          nextDueAt: nextDueOf(settings, now),
        })
        .where('id', '=', row.id)
        .where('changedAt', '=', row.changedAt)
        .executeTakeFirst();
      // Changed or deleted meanwhile: what is due now is another question, for the next look.
      if (numUpdatedRows !== 1n) return undefined;
      if (!dueAt || !(await this.#isFirst(inner, row, dueAt))) return undefined;
      if (await isUnderWay(inner, row.id)) {
        this.#logger.warn({ job: row.id, dueAt }, 'a job was due while its last session goes on: left out');
        return undefined;
      }
      const trigger = row.afterJobId === null ? 'schedule' : 'after';
      return startJob(inner, { row, trigger, vault: this.#vault, now });
    });
    if (session === undefined) return;
    this.#logger.info({ job: row.id, session, dueAt }, 'a job was due');
    this.#events.publishSession(scope.tenant, await sessionView(scope, session));
  }

  /** Whether nobody has started what was due then. */
  async #isFirst({ query }: TenantScope, row: JobRow, dueAt: Date): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await query
      .insertInto('jobFirings')
      .values({ jobId: row.id, dueAt: dueAt.toISOString(), firedAt: this.#clock.now().toISOString() })
      .onConflict((conflict) => conflict.columns(['tenant', 'jobId', 'dueAt']).doNothing())
      .executeTakeFirst();
    return numInsertedOrUpdatedRows === 1n;
  }

  async #prune(scope: TenantScope): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    const before = new Date(nowMs - this.#historyMs);
    const pruned = await pruneSessions(scope, { before, limit: maxPrunedSessions });
    if (pruned > 0) this.#logger.info({ pruned }, 'old sessions were forgotten');
    await pruneApprovals(scope, before);
    const oldest = new Date(nowMs - firingsKeptMs).toISOString();
    await scope.deleteFrom('jobFirings').where('dueAt', '<', oldest).execute();
  }
}

/** When the last session of a job ended, if that was after `since`. */
async function lastEnd({ query }: TenantScope, jobId: string, since: Date): Promise<Date | undefined> {
  const ended = await query
    .selectFrom('sessions')
    .select('endedAt')
    .where('jobId', '=', jobId)
    .where('endedAt', '>', since.toISOString())
    .orderBy('endedAt', 'desc')
    .limit(1)
    .executeTakeFirst();
  return ended?.endedAt ? new Date(ended.endedAt) : undefined;
}

async function isUnderWay({ query }: TenantScope, jobId: string): Promise<boolean> {
  const open = await query
    .selectFrom('sessions')
    .select('id')
    .where('jobId', '=', jobId)
    .where('endedAt', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return open !== undefined;
}
