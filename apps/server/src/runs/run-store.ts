import { HoldfastError } from '@holdfast/core';
import { degradation, errorReport, progress, type Run, routes, type TaskResult } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { isUniqueViolation } from '../catalogue/database-errors.ts';
import type { RunsTable } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { maxQueuedRuns } from '../limits.ts';
import { isMaintenance, type WorkOrder } from './work-order.ts';

export type RunRow = Selectable<RunsTable>;

const result = routes.run.response.shape.result.unwrap();

export function runView(row: RunRow): Run {
  return {
    id: row.id,
    kind: row.kind,
    agentId: row.agentId,
    repositoryId: row.repositoryId,
    state: row.state,
    queuedAt: row.queuedAt,
    problems: readJson(z.array(errorReport), row.problemsJson, 'runs.problemsJson'),
    problemCount: row.problemCount,
    degradations: readJson(z.array(degradation), row.degradationsJson, 'runs.degradationsJson'),
    ...(row.jobId === null ? {} : { jobId: row.jobId }),
    ...(row.startedAt === null ? {} : { startedAt: row.startedAt }),
    ...(row.endedAt === null ? {} : { endedAt: row.endedAt }),
    ...(row.carrier === null ? {} : { carrier: row.carrier }),
    ...(row.progressJson === null ? {} : { progress: readJson(progress, row.progressJson, 'runs.progressJson') }),
    ...(row.resultJson === null ? {} : { result: readJson(result, row.resultJson, 'runs.resultJson') }),
    ...(row.errorJson === null ? {} : { error: readJson(errorReport, row.errorJson, 'runs.errorJson') }),
  };
}

/** Adds a run to the queue. Throws `internal.limit` when too many wait. */
export async function enqueueRun(
  scope: TenantScope,
  o: { jobId?: string; agentId: string; repositoryId: string; order: WorkOrder; now: Date },
): Promise<RunRow> {
  const { waiting } = await scope.query
    .selectFrom('runs')
    .select(scope.query.fn.countAll<number>().as('waiting'))
    .where('state', '=', 'queued')
    .executeTakeFirstOrThrow();
  if (waiting >= maxQueuedRuns) {
    throw new HoldfastError('internal.limit', { message: `More than ${maxQueuedRuns} runs wait already.` });
  }
  return scope.query
    .insertInto('runs')
    .values({
      id: crypto.randomUUID(),
      kind: o.order.kind,
      jobId: o.jobId ?? null,
      agentId: o.agentId,
      repositoryId: o.repositoryId,
      orderJson: JSON.stringify(o.order),
      state: 'queued',
      sessionId: crypto.randomUUID(),
      handedOver: 0,
      cancelRequested: 0,
      queuedAt: o.now.toISOString(),
      problemsJson: '[]',
      problemCount: 0,
      degradationsJson: '[]',
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** A database takes only so many values in one statement. */
const unlistedAtOnce = 500;

/** Snapshots that are no longer in their repository. */
export async function unlistSnapshots(
  { deleteFrom }: Pick<TenantScope, 'deleteFrom'>,
  repositoryId: string,
  ids: readonly string[],
): Promise<void> {
  for (let from = 0; from < ids.length; from += unlistedAtOnce)
    await deleteFrom('snapshots')
      .where('repositoryId', '=', repositoryId)
      .where('id', 'in', ids.slice(from, from + unlistedAtOnce))
      .execute();
}

/** Throws `request.missing`. */
export async function loadRun(scope: TenantScope, id: string): Promise<RunRow> {
  const row = await scope.query.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no run ${id}.` });
  return row;
}

/**
 * Sets a queued run running, in the hands of an instance. False when it is no longer queued, or another run of the same turn is
 * under way: the database sees to that, however many instances try at once.
 */
export async function beginRun(scope: TenantScope, o: { run: RunRow; instance: string; now: Date }): Promise<boolean> {
  try {
    const { numUpdatedRows } = await scope.query
      .updateTable('runs')
      .set({ state: 'running', startedAt: o.now.toISOString(), heldBy: o.instance, turn: turnOf(o.run) })
      .where('id', '=', o.run.id)
      .where('state', '=', 'queued')
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  } catch (error) {
    if (isUniqueViolation(error)) return false;
    throw error;
  }
}

/** What has one run at a time: an agent, or for maintenance a repository, whose executor has many. */
function turnOf({ kind, agentId, repositoryId }: RunRow): string {
  return isMaintenance(kind) ? repositoryId : agentId;
}

/**
 * From here on the agent may have the task. Written before it is sent. Throws `run.taken` when another instance has the run by
 * now: then it must not be sent from here.
 */
export async function recordHandover(scope: TenantScope, o: { id: string; instance: string }): Promise<void> {
  const { numUpdatedRows } = await scope.query
    .updateTable('runs')
    .set({ handedOver: 1 })
    .where('id', '=', o.id)
    .where('state', '=', 'running')
    .where('heldBy', '=', o.instance)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new HoldfastError('run.taken');
}

export async function recordCancelRequest(scope: TenantScope, id: string): Promise<void> {
  await scope.query.updateTable('runs').set({ cancelRequested: 1 }).where('id', '=', id).execute();
}

/** Cancels a run that has not begun. False when it has. */
export async function cancelQueuedRun(scope: TenantScope, id: string, now: Date): Promise<boolean> {
  const { numUpdatedRows } = await scope.query
    .updateTable('runs')
    .set({ state: 'cancelled', cancelRequested: 1, endedAt: now.toISOString() })
    .where('id', '=', id)
    .where('state', '=', 'queued')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

function changing(view: Run) {
  return {
    carrier: view.carrier ?? null,
    progressJson: view.progress === undefined ? null : JSON.stringify(view.progress),
    problemsJson: JSON.stringify(view.problems),
    problemCount: view.problemCount,
    degradationsJson: JSON.stringify(view.degradations),
  };
}

/** Writes what changes while a run is under way. One that has ended, or that another instance has, is left alone. */
export async function saveRunning(scope: TenantScope, view: Run, instance: string): Promise<void> {
  await scope.query
    .updateTable('runs')
    .set(changing(view))
    .where('id', '=', view.id)
    .where('state', '=', 'running')
    .where('heldBy', '=', instance)
    .execute();
}

/**
 * Ends a run. A snapshot is listed in the same transaction in which its run is marked as done, after the agent has reported
 * it as durable: invariant 3. Not recorded is what another instance has taken, or recorded before.
 */
export async function endRun(
  scope: TenantScope,
  view: Run,
  o: { order: WorkOrder; hostname: string; instance: string },
): Promise<{ readonly recorded: boolean }> {
  const { order, hostname } = o;
  return scope.transaction(async ({ query, deleteFrom }) => {
    const { numUpdatedRows } = await query
      .updateTable('runs')
      .set({
        ...changing(view),
        state: view.state,
        endedAt: view.endedAt ?? null,
        resultJson: view.result === undefined ? null : JSON.stringify(view.result),
        errorJson: view.error === undefined ? null : JSON.stringify(view.error),
      })
      .where('id', '=', view.id)
      .where('state', '=', 'running')
      .where('heldBy', '=', o.instance)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) return { recorded: false };
    if (view.result?.kind === 'forget') await unlistSnapshots({ deleteFrom }, view.repositoryId, view.result.removed);
    if (view.result?.kind !== 'backup' || order.kind !== 'backup') return { recorded: true };
    const made: Extract<TaskResult['result'], { kind: 'backup' }> = view.result;
    await query
      .insertInto('snapshots')
      .values({
        id: made.snapshotId,
        repositoryId: view.repositoryId,
        agentId: view.agentId,
        runId: view.id,
        hostname,
        sourcesJson: JSON.stringify(order.sources),
        tagsJson: JSON.stringify(order.tags),
        takenAt: new Date(made.startedAt).toISOString(),
        totalFiles: made.totalFiles,
        totalBytes: made.totalBytes,
        storedBytes: made.storedBytes,
      })
      // A run that was attached to again may report the snapshot that it reported before.
      .onConflict((conflict) => conflict.columns(['tenant', 'repositoryId', 'id']).doNothing())
      .execute();
    await query
      .updateTable('repositories')
      .set({ initialisedAt: view.endedAt ?? view.queuedAt })
      .where('id', '=', view.repositoryId)
      .where('initialisedAt', 'is', null)
      .execute();
    return { recorded: true };
  });
}
