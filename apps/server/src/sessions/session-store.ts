import { HoldfastError } from '@holdfast/core';
import { errorReport, reportOf, routes, type Session } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { RunState, SessionsTable } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { maxQueryValues, maxSessionNotes } from '../limits.ts';
import type { SessionPlan } from './session-plan.ts';

export type SessionRow = Selectable<SessionsTable>;

/** Enters a session without tasks; gives its id. Within the transaction that enters its runs. */
export async function createSession(
  { query }: TenantScope,
  o: {
    readonly kind: SessionRow['kind'];
    readonly groupName: string;
    readonly job?: { readonly id: string; readonly name: string } | undefined;
    readonly trigger: SessionRow['trigger'];
    readonly plan: SessionPlan;
    readonly notes?: readonly HoldfastError[];
    readonly now: Date;
  },
): Promise<string> {
  const id = crypto.randomUUID();
  await query
    .insertInto('sessions')
    .values({
      id,
      kind: o.kind,
      groupName: o.groupName,
      jobId: o.job?.id ?? null,
      jobName: o.job?.name ?? null,
      trigger: o.trigger,
      createdAt: o.now.toISOString(),
      planJson: JSON.stringify(o.plan),
      notesJson: JSON.stringify((o.notes ?? []).slice(0, maxSessionNotes).map(reportOf)),
    })
    .execute();
  return id;
}

/** Enters a session that is over, of what an agent did by itself; gives its id. */
export async function recordEndedSession(
  scope: TenantScope,
  o: Omit<Parameters<typeof createSession>[1], 'now'> & {
    readonly startedAt: string;
    readonly endedAt: string;
    readonly state: NonNullable<SessionRow['state']>;
  },
): Promise<string> {
  const { startedAt, endedAt, state, ...session } = o;
  const id = await createSession(scope, { ...session, now: new Date(startedAt) });
  await scope.query.updateTable('sessions').set({ startedAt, endedAt, state }).where('id', '=', id).execute();
  return id;
}

/** Throws `request.missing`. */
export async function loadSession({ query }: TenantScope, id: string): Promise<SessionRow> {
  const row = await query.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no session ${id}.` });
  return row;
}

/** A task of it begins. */
export async function markBegun({ query }: TenantScope, id: string, now: Date): Promise<void> {
  const at = now.toISOString();
  await query
    .updateTable('sessions')
    .set((column) => ({ startedAt: column.fn.coalesce('startedAt', column.val(at)), lastBegunAt: at }))
    .where('id', '=', id)
    .execute();
}

/**
 * Ends a session whose last task has ended; true if that was now. In the transaction in which the task ended, so that one of
 * two that end at the same time finds it done.
 */
export async function endSessionIfDone(scope: TenantScope, id: string, now: Date): Promise<boolean> {
  // Changes nothing: whoever ends another task of it at the same time waits here, and then sees that this one has ended.
  await scope.query
    .updateTable('sessions')
    .set((row) => ({ endedAt: row.ref('endedAt') }))
    .where('id', '=', id)
    .execute();
  // Of all groups, whoever asks. Looked at first: counting all tasks at the end of each would take the square of the fleet.
  const { wholeTenant } = scope;
  const other = await wholeTenant.query
    .selectFrom('runs')
    .select('id')
    .where('jobSessionId', '=', id)
    .where('state', 'in', ['queued', 'running'])
    .limit(1)
    .executeTakeFirst();
  if (other) return false;
  const totals = (await totalsOf(wholeTenant, [id])).get(id) ?? noTotals;
  const { numUpdatedRows } = await scope.query
    .updateTable('sessions')
    .set({ state: endOf(totals.tasks), endedAt: now.toISOString(), totalsJson: JSON.stringify(totals) })
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** It goes on: tasks of it were queued again. */
export async function reopenSession({ query }: TenantScope, id: string): Promise<void> {
  await query
    .updateTable('sessions')
    .set({ state: null, endedAt: null, totalsJson: null })
    .where('id', '=', id)
    .execute();
}

function endOf(tasks: Session['tasks']): NonNullable<SessionRow['state']> {
  if (tasks.failed > 0) return 'failed';
  if (tasks.cancelled > 0) return 'cancelled';
  return tasks.warning > 0 ? 'warning' : 'succeeded';
}

const totalsSchema = routes.session.response.pick({
  ...{ tasks: true, processedBytes: true, storedBytes: true, problemCount: true, degraded: true },
});
type Totals = z.infer<typeof totalsSchema>;

const noTotals: Totals = {
  tasks: { queued: 0, running: 0, succeeded: 0, warning: 0, failed: 0, cancelled: 0 },
  processedBytes: 0,
  storedBytes: 0,
  problemCount: 0,
  degraded: false,
};

/** Of the tasks that count: one that was tried again counts as it went the last time. */
async function totalsOf({ query }: TenantScope, ids: readonly string[]): Promise<Map<string, Totals>> {
  const totals = new Map<string, Totals>();
  for (let first = 0; first < ids.length; first += maxQueryValues) {
    const some = ids.slice(first, first + maxQueryValues);
    const { count, sum, countAll } = query.fn;
    const rows = await query
      .selectFrom('runs')
      .where('jobSessionId', 'in', some)
      .where('superseded', '=', 0)
      .groupBy(['jobSessionId', 'state'])
      .select([
        'jobSessionId',
        'state',
        countAll().as('runs'),
        sum('processedBytes').as('processedBytes'),
        sum('storedBytes').as('storedBytes'),
        sum('problemCount').as('problemCount'),
        count('jobSessionId').filterWhere('degradationsJson', '!=', '[]').as('degraded'),
      ])
      .execute();
    for (const row of rows) {
      const id = row.jobSessionId ?? '';
      const known = totals.get(id) ?? noTotals;
      totals.set(id, {
        tasks: { ...known.tasks, [row.state]: Number(row.runs) },
        processedBytes: known.processedBytes + Number(row.processedBytes),
        storedBytes: known.storedBytes + Number(row.storedBytes),
        problemCount: known.problemCount + Number(row.problemCount),
        degraded: known.degraded || Number(row.degraded) > 0,
      });
    }
  }
  return totals;
}

export async function sessionViews(scope: TenantScope, rows: readonly SessionRow[]): Promise<Session[]> {
  const ended = new Map<string, Totals>();
  // Who is confined to groups sees the sums of what he sees.
  for (const { id, totalsJson } of scope.groups ? [] : rows)
    if (totalsJson !== null) ended.set(id, readJson(totalsSchema, totalsJson, 'sessions.totalsJson'));
  const others = await totalsOf(
    scope,
    rows.map(({ id }) => id).filter((id) => !ended.has(id)),
  );
  return rows.map((row) => {
    const { tasks, ...sums } = ended.get(row.id) ?? others.get(row.id) ?? noTotals;
    return {
      id: row.id,
      kind: row.kind,
      trigger: row.trigger,
      state: stateOf(row),
      createdAt: row.createdAt,
      tasks,
      ...sums,
      notes: readJson(z.array(errorReport), row.notesJson, 'sessions.notesJson'),
      ...(row.jobId === null ? {} : { jobId: row.jobId }),
      ...(row.jobName === null ? {} : { jobName: row.jobName }),
      ...(row.startedAt === null ? {} : { startedAt: row.startedAt }),
      ...(row.endedAt === null ? {} : { endedAt: row.endedAt }),
    };
  });
}

export async function sessionView(scope: TenantScope, id: string): Promise<Session> {
  const [view] = await sessionViews(scope, [await loadSession(scope, id)]);
  if (!view) throw new HoldfastError('internal.unexpected');
  return view;
}

function stateOf({ state, startedAt }: SessionRow): RunState {
  return state ?? (startedAt === null ? 'queued' : 'running');
}

/** Of each job its last session, as far as a list of jobs tells. */
export async function lastSessions(
  { query }: TenantScope,
  jobIds: readonly string[],
): Promise<Map<string, Pick<Session, 'id' | 'state' | 'createdAt' | 'endedAt'>>> {
  const found = new Map<string, Pick<Session, 'id' | 'state' | 'createdAt' | 'endedAt'>>();
  for (let first = 0; first < jobIds.length; first += maxQueryValues) {
    const latest = query
      .selectFrom('sessions')
      .where('jobId', 'in', jobIds.slice(first, first + maxQueryValues))
      .groupBy('jobId')
      .select(['jobId as ofJob', query.fn.max('createdAt').as('latestAt')])
      .as('latest');
    const rows = await query
      .selectFrom('sessions')
      .innerJoin(latest, (join) =>
        join.onRef('latest.ofJob', '=', 'sessions.jobId').onRef('latest.latestAt', '=', 'sessions.createdAt'),
      )
      .selectAll('sessions')
      .execute();
    for (const row of rows)
      found.set(row.jobId ?? '', {
        id: row.id,
        state: stateOf(row),
        createdAt: row.createdAt,
        ...(row.endedAt === null ? {} : { endedAt: row.endedAt }),
      });
  }
  return found;
}

/** Forgets sessions that ended before, with their runs, at most `limit`; snapshots stay, with the runs that made them. */
export async function pruneSessions(scope: TenantScope, o: { before: Date; limit: number }): Promise<number> {
  return scope.transaction(async ({ query, deleteFrom }) => {
    const rows = await query
      .selectFrom('sessions')
      .select('id')
      .where('endedAt', '<', o.before.toISOString())
      .orderBy('createdAt')
      .limit(Math.min(o.limit, maxQueryValues))
      .execute();
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return 0;
    const ended = query.selectFrom('runs').select('id').where('jobSessionId', 'in', ids);
    await deleteFrom('runLog').where('runId', 'in', ended).execute();
    await deleteFrom('runStatistics').where('runId', 'in', ended).execute();
    const kept = query.selectFrom('snapshots').select('runId').where('runId', 'is not', null);
    await deleteFrom('runs').where('jobSessionId', 'in', ids).where('id', 'not in', kept).execute();
    await deleteFrom('sessions').where('id', 'in', ids).execute();
    return ids.length;
  });
}
