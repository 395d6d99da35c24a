import { type Clock, HoldfastError } from '@holdfast/core';
import { type Job, type JobSettings, nextOccurrence, type Routes } from '@holdfast/protocol';
import type { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { holds, readPage, totalOf } from '../catalogue/page.ts';
import type { JobKind } from '../catalogue/schema.ts';
import { maxJobs } from '../limits.ts';
import { loadRepositories } from '../repositories.ts';
import { lastSessions } from '../sessions/session-store.ts';
import { checkNoCircle, checkReferences } from './check-settings.ts';
import { setMembers } from './job-computers.ts';
import { type JobRow, loadJob, settingsOf } from './job-rows.ts';
import { checkOtherKind } from './other-kind.ts';
import { RepositoryJobs } from './repository-jobs.ts';

/** What is defined or changed: a job, or a policy. */
interface Definition {
  readonly kind: JobKind;
  readonly settings: JobSettings;
  /** The declaration that it is of from now on; null: nobody's; undefined: as before. */
  readonly managedBy: string | null | undefined;
}

/** Refuses with `request.changed` what is no longer as whoever changes it has seen it. In the transaction that changes it. */
export type RequireUnchanged = (scope: TenantScope, row: JobRow) => Promise<void>;

/**
 * Throws `request.conflict`, `request.missing` and the like for what can't be: see `checkReferences`; also for a name that is
 * taken, where a declaration makes it, which knows it by the name.
 */
export async function createJob(
  scope: TenantScope,
  { kind, settings, managedBy }: Definition,
  clock: Clock,
): Promise<JobRow> {
  await checkReferences(scope, { kind, settings });
  return scope.transaction(async (inner) => {
    if (managedBy) await checkNameIsFree(inner.wholeTenant, { kind, name: settings.name });
    await checkOtherKind(inner, { kind, settings });
    const { known } = await inner.query
      .selectFrom('jobs')
      .select(inner.query.fn.countAll<number>().as('known'))
      .executeTakeFirstOrThrow();
    if (Number(known) >= maxJobs)
      throw new HoldfastError('internal.limit', { message: `There are ${maxJobs} jobs and policies already.` });
    const id = crypto.randomUUID();
    await checkNoCircle(inner, id, settings);
    const groupName = await setMembers(inner, { id, kind }, settings);
    const now = clock.now();
    return inner.query
      .insertInto('jobs')
      .values({
        ...{ id, kind, groupName, createdAt: now.toISOString(), managedBy: managedBy ?? '' },
        ...changing({ kind, settings }, now),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

interface Changing {
  readonly id: string;
  readonly requireUnchanged: RequireUnchanged;
  /** What else has to be done in the transaction, when what it is about is changed. */
  readonly onChanged?: (scope: TenantScope) => Promise<void>;
}

/** As `createJob`; `request.missing` when there is no such job. Settings that are the same change nothing of what is due. */
export async function changeJob(scope: TenantScope, o: Definition & Changing, clock: Clock): Promise<JobRow> {
  const { id, kind, settings, managedBy } = o;
  const isTheSame = (row: JobRow): boolean => row.settingsJson === JSON.stringify(settings);
  if (!isTheSame(await loadJob(scope, id, kind))) await checkReferences(scope, { kind, settings });
  return scope.transaction(async (inner) => {
    const before = await loadJob(inner, id, kind);
    await o.requireUnchanged(inner, before);
    const owner = managedBy === undefined ? before.managedBy : (managedBy ?? '');
    const change = { managedBy: owner };
    if (!isTheSame(before)) {
      await checkOtherKind(inner, { kind, settings });
      await checkNoCircle(inner, id, settings);
      const groupName = await setMembers(inner, { id, kind }, settings);
      Object.assign(change, { groupName, ...changing({ kind, settings }, clock.now()) });
    }
    const query = inner.query.updateTable('jobs').set(change).where('id', '=', id);
    const row = await query.returningAll().executeTakeFirstOrThrow();
    if (!isTheSame(before)) await o.onChanged?.(inner);
    return row;
  });
}

async function checkNameIsFree(scope: TenantScope, { kind, name }: { kind: JobKind; name: string }): Promise<void> {
  const row = await scope.query
    .selectFrom('jobs')
    .select('id')
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst();
  if (!row) return;
  throw new HoldfastError('request.conflict', { message: `There is a ${kind} ${name} already.` });
}

/** What is due counts from the change on. */
function changing({ kind, settings }: Pick<Definition, 'kind' | 'settings'>, now: Date) {
  const { schedule } = settings;
  return {
    name: settings.name,
    enabled: settings.enabled ? 1 : 0,
    settingsJson: JSON.stringify(settings),
    afterJobId: schedule.kind === 'after' ? schedule.jobId : null,
    changedAt: now.toISOString(),
    scheduledUntil: now.toISOString(),
    // When a policy is due is for its agents to see.
    nextDueAt: kind === 'policy' ? null : nextDueOf(settings, now),
  };
}

export function nextDueOf(settings: JobSettings, after: Date): string | null {
  return settings.enabled ? (nextOccurrence(settings, after)?.toISOString() ?? null) : null;
}

export async function jobViews(scope: TenantScope, rows: readonly JobRow[]): Promise<Job[]> {
  const last = await lastSessions(
    scope,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const session = last.get(row.id);
    return {
      ...settingsOf(row),
      id: row.id,
      ...(row.managedBy === '' ? {} : { managedBy: row.managedBy }),
      createdAt: row.createdAt,
      changedAt: row.changedAt,
      ...(row.nextDueAt === null ? {} : { nextRunAt: row.nextDueAt }),
      ...(session ? { lastSession: session } : {}),
    };
  });
}

export async function jobView(scope: TenantScope, row: JobRow): Promise<Job> {
  const [view] = await jobViews(scope, [row]);
  if (!view) throw new HoldfastError('internal.unexpected');
  return view;
}

type ListQuery = z.output<Routes['jobs']['query']>;

/** A page of the list. */
export async function pageOfJobs(
  scope: TenantScope,
  o: ListQuery,
): Promise<{ jobs: Job[]; next?: string; total?: number }> {
  const { items, ...rest } = await pageOfRows(scope, 'job', o);
  return { jobs: await jobViews(scope, items), ...rest };
}

/** Columns that each order has; the last one makes it a total one. */
const orders = { created: { createdAt: 'text', id: 'text' }, name: { name: 'text', id: 'text' } } as const;

/** Rows of a page of jobs or of policies. */
export async function pageOfRows(
  scope: TenantScope,
  kind: JobKind,
  o: ListQuery,
): Promise<{ items: JobRow[]; next?: string; total?: number }> {
  let query = scope.query.selectFrom('jobs').selectAll().where('kind', '=', kind);
  const { agentId, repositoryId, text } = o;
  if (text !== undefined) query = query.where((row) => holds(row.ref('name'), text));
  if (o.enabled !== undefined) query = query.where('enabled', '=', Number(o.enabled));
  if (repositoryId !== undefined) {
    const jobs = await RepositoryJobs.load(scope, repositoryId);
    const [repository] = await loadRepositories(scope, [repositoryId]);
    // At most as many as there may be jobs, which both databases take as values.
    query = query.where('id', 'in', ['', ...(repository ? jobs.idsOf(repository) : [])]);
  }
  if (agentId !== undefined)
    query = query.where('id', 'in', (row) =>
      row
        .selectFrom('jobMembers')
        .select('jobMembers.jobId')
        .where((member) =>
          member.or([
            member('jobMembers.agentId', '=', agentId),
            member.and([
              member('jobMembers.agentId', '=', ''),
              member(
                'jobMembers.groupName',
                'in',
                member.selectFrom('computers').select('computers.groupName').where('computers.id', '=', agentId),
              ),
            ]),
          ]),
        ),
    );
  const page = await readPage(query, {
    ...o,
    order: orders[o.sort],
    newestFirst: o.order === 'desc',
    view: (row) => row,
  });
  return { ...page, ...(await totalOf(query, o.total)) };
}

/** Its sessions and snapshots stay. Throws `request.conflict` while another job runs after it. */
export async function deleteJob(
  scope: TenantScope,
  { id, kind, requireUnchanged, onChanged }: Changing & { readonly kind: JobKind },
): Promise<void> {
  await scope.transaction(async (inner) => {
    const { query, deleteFrom } = inner;
    await requireUnchanged(inner, await loadJob(inner, id, kind));
    const follower = await query.selectFrom('jobs').selectAll().where('afterJobId', '=', id).executeTakeFirst();
    if (follower)
      throw new HoldfastError('request.conflict', {
        message: `Job ${settingsOf(follower).name} (${follower.id}) runs after this one.`,
        guidance: 'Give that one another schedule first.',
      });
    await deleteFrom('jobs').where('id', '=', id).execute();
    await deleteFrom('jobMembers').where('jobId', '=', id).execute();
    await onChanged?.(inner);
  });
}
