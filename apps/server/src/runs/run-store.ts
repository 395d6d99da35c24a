import { HoldfastError } from '@holdfast/core';
import { type BackupResult, degradation, errorReport, progress, type Run, routes } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { isUniqueViolation } from '../catalogue/database-errors.ts';
import type { RunsTable } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { noteCause } from '../notifications/causes.ts';
import { raiseAlerts } from '../ransomware/alerts.ts';
import { analysisFields, setOfOrder } from '../ransomware/comparisons.ts';
import type { ReceiptLog } from '../receipts/receipt-log.ts';
import { endSessionIfDone, markBegun } from '../sessions/session-store.ts';
import { repeatRun } from './enqueue.ts';
import { isInState, type Placed, type Slots, withinSlots } from './slots.ts';
import { isMaintenance, restoreFacts, type WorkOrder } from './work-order.ts';

export type RunRow = Selectable<RunsTable>;

const result = routes.run.response.shape.result.unwrap();

export function runView(row: RunRow): Run {
  return {
    id: row.id,
    kind: row.kind,
    agentId: row.agentId,
    repositoryId: row.repositoryId,
    state: row.state,
    ...(row.kind === 'restore' ? restoreFacts(row.orderJson) : {}),
    attempt: row.attempt,
    queuedAt: row.queuedAt,
    problems: readJson(z.array(errorReport), row.problemsJson, 'runs.problemsJson'),
    problemCount: row.problemCount,
    degradations: readJson(z.array(degradation), row.degradationsJson, 'runs.degradationsJson'),
    ...(row.jobId === null ? {} : { jobId: row.jobId }),
    ...(row.jobSessionId === null ? {} : { sessionId: row.jobSessionId }),
    ...(row.requestId === null ? {} : { requestId: row.requestId }),
    ...(row.notBefore === null ? {} : { notBefore: row.notBefore }),
    ...(row.startedAt === null ? {} : { startedAt: row.startedAt }),
    ...(row.endedAt === null ? {} : { endedAt: row.endedAt }),
    ...(row.carrier === null ? {} : { carrier: row.carrier }),
    ...(row.progressJson === null ? {} : { progress: readJson(progress, row.progressJson, 'runs.progressJson') }),
    ...(row.resultJson === null ? {} : { result: readJson(result, row.resultJson, 'runs.resultJson') }),
    ...(row.errorJson === null ? {} : { error: readJson(errorReport, row.errorJson, 'runs.errorJson') }),
  };
}

/** A database takes only so many values in one statement. */
const unlistedAtOnce = 500;

/** Snapshots that are no longer in their repository; with them go the runs that were kept for them when their session was forgotten. */
export async function unlistSnapshots(
  { query, deleteFrom }: TenantScope,
  repositoryId: string,
  ids: readonly string[],
): Promise<void> {
  const sessions = query.selectFrom('sessions').select('id');
  for (let from = 0; from < ids.length; from += unlistedAtOnce) {
    const gone = await deleteFrom('snapshots')
      .where('repositoryId', '=', repositoryId)
      .where('id', 'in', ids.slice(from, from + unlistedAtOnce))
      .returning('runId')
      .execute();
    const runs = gone.flatMap(({ runId }) => (runId === null ? [] : [runId]));
    if (runs.length > 0)
      await deleteFrom('runs').where('id', 'in', runs).where('jobSessionId', 'not in', sessions).execute();
  }
}

/** Throws `request.missing`. */
export async function loadRun(scope: TenantScope, id: string): Promise<RunRow> {
  const row = await scope.query.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no run ${id}.` });
  return row;
}

/**
 * Sets queued runs running, in the hands of an instance, and gives those that were still queued. One is left out while another of
 * the same turn is under way, or when its slot is gone: the database sees to that, however many instances try at once.
 */
export async function beginRuns(
  scope: TenantScope,
  candidates: readonly (RunRow & Placed)[],
  o: { readonly instance: string; readonly now: Date; readonly slots: Slots },
): Promise<RunRow[]> {
  if (candidates.length === 0) return [];
  try {
    // One transaction is one wait for the disk.
    return await scope.transaction(async (inner) => {
      const runs = await withinSlots(inner, candidates, o.slots);
      const begun = [
        ...(await beginThose(inner, { ...o, turn: 'agentId', runs: runs.filter(({ kind }) => !isMaintenance(kind)) })),
        ...(await beginThose(inner, {
          ...o,
          turn: 'repositoryId',
          runs: runs.filter(({ kind }) => isMaintenance(kind)),
        })),
      ];
      for (const id of sessionsOf(begun)) await markBegun(inner, id, o.now);
      return begun;
    }, 'read committed');
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    // One of them was in another's way, and took the others with it.
    const begun: RunRow[] = [];
    if (candidates.length > 1) for (const run of candidates) begun.push(...(await beginRuns(scope, [run], o)));
    return begun;
  }
}

async function beginThose(
  { query }: TenantScope,
  o: {
    readonly runs: readonly RunRow[];
    /** What these have one run at a time of. */
    readonly turn: 'agentId' | 'repositoryId';
    readonly instance: string;
    readonly now: Date;
  },
): Promise<RunRow[]> {
  if (o.runs.length === 0) return [];
  const ids = o.runs.map(({ id }) => id);
  const begun = await query
    .updateTable('runs')
    .set((run) => ({ state: 'running', startedAt: o.now.toISOString(), heldBy: o.instance, turn: run.ref(o.turn) }))
    .where('id', 'in', ids)
    .where(isInState('queued'))
    .returningAll()
    .execute();
  return begun.toSorted((one, other) => one.sequence - other.sequence);
}

/** What has one run at a time: an agent, or for maintenance a repository, whose executor has many. */
export function turnOf({ kind, agentId, repositoryId }: RunRow): string {
  return isMaintenance(kind) ? repositoryId : agentId;
}

/** A run whose agent may have the task from here on, and the instance that sends it. */
export interface Handover {
  readonly view: Run;
  readonly instance: string;
}

/** Written before tasks are sent, with the runs as they are: nearly all of them alike. False for those that another instance has by now. */
export async function recordHandovers(scope: TenantScope, handovers: readonly Handover[]): Promise<boolean[]> {
  const alike = [
    ...Map.groupBy(handovers, ({ view, instance }) => JSON.stringify([instance, changing(view)])).values(),
  ];
  const recordAll = async (inner: TenantScope): Promise<string[]> => {
    const recorded: string[] = [];
    for (const those of alike) recorded.push(...(await recordAlike(inner, those)));
    return recorded;
  };
  const recorded = new Set(
    await (alike.length === 1 ? recordAll(scope) : scope.transaction(recordAll, 'read committed')),
  );
  return handovers.map(({ view }) => recorded.has(view.id));
}

async function recordAlike({ query }: TenantScope, handovers: readonly Handover[]): Promise<string[]> {
  const [first] = handovers;
  if (!first) return [];
  const ids = handovers.map(({ view }) => view.id);
  const rows = await query
    .updateTable('runs')
    .set({ ...changing(first.view), handedOver: 1 })
    .where('id', 'in', ids)
    .where(isInState('running'))
    .where('heldBy', '=', first.instance)
    .returning('id')
    .execute();
  return rows.map(({ id }) => id);
}

export async function recordCancelRequest(scope: TenantScope, id: string): Promise<void> {
  await scope.query.updateTable('runs').set({ cancelRequested: 1 }).where('id', '=', id).execute();
}

/** Cancels runs that have not begun, of a session or one of them. Gives the ids; the session may have ended with them. */
export async function cancelQueuedRuns(
  scope: TenantScope,
  o: { readonly now: Date } & ({ readonly id: string } | { readonly session: string }),
): Promise<{ readonly ids: readonly string[]; readonly endedSessions: readonly string[] }> {
  const now = o.now.toISOString();
  return scope.transaction(async (inner) => {
    const cancelled = await inner.query
      .updateTable('runs')
      .set({ state: 'cancelled', cancelRequested: 1, endedAt: now })
      .where('id' in o ? 'id' : 'jobSessionId', '=', 'id' in o ? o.id : o.session)
      .where('state', '=', 'queued')
      .returning(['id', 'jobSessionId'])
      .execute();
    const endedSessions: string[] = [];
    for (const session of sessionsOf(cancelled))
      if (await endSessionIfDone(inner, session, o.now)) endedSessions.push(session);
    return { ids: cancelled.map(({ id }) => id), endedSessions };
  }, 'read committed');
}

/** In one order for everybody, so that no two who change several wait for each other. */
export function sessionsOf(runs: readonly Pick<RunRow, 'jobSessionId'>[]): string[] {
  const ids = new Set(runs.map(({ jobSessionId }) => jobSessionId));
  return [...ids].filter((id) => id !== null).toSorted();
}

function changing(view: Run) {
  return {
    carrier: view.carrier ?? null,
    progressJson: view.progress === undefined ? null : JSON.stringify(view.progress),
    problemsJson: JSON.stringify(view.problems),
    problemCount: view.problemCount,
    degradationsJson: JSON.stringify(view.degradations),
    ...bytesOf(view),
  };
}

function bytesOf({ result, progress: done }: Run): { processedBytes: number; storedBytes: number } {
  if (result?.kind === 'backup') return { processedBytes: result.totalBytes, storedBytes: result.storedBytes };
  const isRestore = result?.kind === 'restore' || result?.kind === 'drill';
  return { processedBytes: isRestore ? result.bytes : (done?.bytesDone ?? 0), storedBytes: 0 };
}

/** Writes what changes while a run is under way. One that has ended, or that another instance has, is left alone. */
export async function saveRunning(scope: TenantScope, view: Run, instance: string): Promise<void> {
  await ofRunning(scope, view, instance).set(changing(view)).execute();
}

function ofRunning({ query }: TenantScope, { id }: Run, instance: string) {
  return query.updateTable('runs').where('id', '=', id).where(isInState('running')).where('heldBy', '=', instance);
}

/** The ids of what of a session is under way. */
export async function runningRuns({ query }: TenantScope, session: string): Promise<string[]> {
  const rows = await query
    .selectFrom('runs')
    .select('id')
    .where('jobSessionId', '=', session)
    .where('state', '=', 'running')
    .execute();
  return rows.map(({ id }) => id);
}

/** What of a session did not come off, as it went the last time. */
export async function failedRuns(scope: TenantScope, session: string): Promise<RunRow[]> {
  return scope.query
    .selectFrom('runs')
    .selectAll()
    .where('jobSessionId', '=', session)
    .where('state', 'in', ['failed', 'cancelled'])
    .where('superseded', '=', 0)
    .orderBy('sequence')
    .execute();
}

/** How a run has ended. */
export interface RunEnd {
  readonly view: Run;
  readonly order: WorkOrder;
  readonly hostname: string;
  /** Nothing was in the repository when it began. */
  readonly isFirst: boolean;
  readonly instance: string;
  readonly now: Date;
  readonly receipts: ReceiptLog;
  /** When to try again. */
  readonly retryAt?: Date | undefined;
}

/**
 * Ends a run, and queues another attempt where it is to be tried again. A snapshot is listed in the same transaction in which its run
 * is marked as done, after the agent has reported it as durable: invariant 3. Gives nothing where another instance has taken it, or
 * it was recorded before.
 */
export async function endRun(inner: TenantScope, o: RunEnd): Promise<RunRow | undefined> {
  const { view } = o;
  const row = await ofRunning(inner, view, o.instance)
    .set({
      ...changing(view),
      state: view.state,
      endedAt: view.endedAt ?? null,
      resultJson: view.result === undefined ? null : JSON.stringify(view.result),
      errorJson: view.error === undefined ? null : JSON.stringify(view.error),
      errorCode: view.error?.code ?? null,
    })
    .returningAll()
    .executeTakeFirst();
  if (!row) return undefined;
  if (view.result?.kind === 'forget') await unlistSnapshots(inner, view.repositoryId, view.result.removed);
  if (view.result?.kind === 'backup' && o.order.kind === 'backup')
    await listSnapshot(inner, view, { ...o, made: view.result, order: o.order });
  if (view.result?.kind === 'analysis' && o.order.kind === 'analysis')
    await raiseAlerts(inner, { run: view, found: view.result, order: o.order, now: o.now });
  if (o.order.kind === 'drill' && view.state !== 'cancelled') await o.receipts.append(inner, view, o.order);
  if (o.retryAt) await repeatRun(inner, row, { now: o.now, notBefore: o.retryAt, attempt: row.attempt + 1 });
  return row;
}

/** Enters a run that an agent did by itself, ended as it is, with its snapshot. Its id must be new. */
export async function recordOwnRun(
  scope: TenantScope,
  view: Run & { readonly sessionId: string },
  o: { readonly order: Extract<WorkOrder, { kind: 'backup' }>; readonly hostname: string; readonly now: Date },
): Promise<void> {
  await scope.query
    .insertInto('runs')
    .values({
      ...changing(view),
      id: view.id,
      kind: view.kind,
      jobId: view.jobId ?? null,
      agentId: view.agentId,
      repositoryId: view.repositoryId,
      orderJson: JSON.stringify(o.order),
      state: view.state,
      // No session of the server's at the mover: nobody looks it up.
      sessionId: view.id,
      jobSessionId: view.sessionId,
      attempt: view.attempt,
      handedOver: 1,
      cancelRequested: 0,
      queuedAt: view.queuedAt,
      startedAt: view.startedAt ?? null,
      endedAt: view.endedAt ?? null,
      resultJson: view.result === undefined ? null : JSON.stringify(view.result),
      errorJson: view.error === undefined ? null : JSON.stringify(view.error),
      errorCode: view.error?.code ?? null,
    })
    .execute();
  if (view.result?.kind === 'backup') await listSnapshot(scope, view, { made: view.result, isFirst: true, ...o });
  await noteCause(scope, { kind: 'run-ended', runId: view.id }, new Date(view.endedAt ?? view.queuedAt));
}

/** Lists the snapshot of a backup that has ended; its repository is there from now on. */
async function listSnapshot(
  scope: TenantScope,
  view: Run,
  o: {
    made: BackupResult;
    order: Extract<WorkOrder, { kind: 'backup' }>;
    hostname: string;
    isFirst: boolean;
    now: Date;
  },
): Promise<void> {
  const { made, order, hostname } = o;
  const { query } = scope;
  const { repositoryId, agentId } = view;
  const { snapshotId: id, totalFiles } = made;
  const listedAt = o.now.toISOString();
  const backup = { id, repositoryId, agentId, backupSet: setOfOrder(order), listedAt, totalFiles };
  await query
    .insertInto('snapshots')
    .values({
      ...backup,
      ...(await analysisFields(scope, { ...backup, newFiles: made.files.new })),
      runId: view.id,
      hostname,
      sourcesJson: JSON.stringify(made.wholeComputer?.sources ?? order.sources),
      tagsJson: JSON.stringify(order.tags),
      takenAt: new Date(made.startedAt).toISOString(),
      totalBytes: made.totalBytes,
      storedBytes: made.storedBytes,
    })
    // A run that was attached to again may report the snapshot that it reported before.
    .onConflict((conflict) => conflict.columns(['tenant', 'repositoryId', 'id']).doNothing())
    .execute();
  if (!o.isFirst) return;
  await query
    .updateTable('repositories')
    .set({ initialisedAt: view.endedAt ?? view.queuedAt })
    .where('id', '=', view.repositoryId)
    .where('initialisedAt', 'is', null)
    .execute();
}
