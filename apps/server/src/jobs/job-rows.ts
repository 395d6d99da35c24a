import { HoldfastError } from '@holdfast/core';
import { type JobSettings, jobSettings } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { JobKind, JobsTable } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { maxJobs } from '../limits.ts';

export type JobRow = Selectable<JobsTable>;

export function settingsOf(row: Pick<JobRow, 'settingsJson'>): JobSettings {
  return readJson(jobSettings, row.settingsJson, 'jobs.settingsJson');
}

/** Policies too: what they do to repositories and networks is the same. */
export async function listJobs(scope: TenantScope): Promise<JobRow[]> {
  return scope.query.selectFrom('jobs').selectAll().orderBy('createdAt').limit(maxJobs).execute();
}

/** Throws `request.missing`. */
export async function loadJob(scope: TenantScope, id: string, kind: JobKind = 'job'): Promise<JobRow> {
  const row = await scope.query
    .selectFrom('jobs')
    .selectAll()
    .where('id', '=', id)
    .where('kind', '=', kind)
    .executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no ${kind} ${id}.` });
  return row;
}
