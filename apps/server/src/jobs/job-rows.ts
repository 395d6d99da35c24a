import { HoldfastError } from '@holdfast/core';
import { type JobSettings, jobSettings } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { JobsTable } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { maxJobs } from '../limits.ts';

export type JobRow = Selectable<JobsTable>;

export function settingsOf(row: Pick<JobRow, 'settingsJson'>): JobSettings {
  return readJson(jobSettings, row.settingsJson, 'jobs.settingsJson');
}

export async function listJobs(scope: TenantScope): Promise<JobRow[]> {
  return scope.query.selectFrom('jobs').selectAll().orderBy('createdAt').limit(maxJobs).execute();
}

/** Throws `request.missing`. */
export async function loadJob(scope: TenantScope, id: string): Promise<JobRow> {
  const row = await scope.query.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw noSuchJob(id);
  return row;
}

export function noSuchJob(id: string): HoldfastError {
  return new HoldfastError('request.missing', { message: `There is no job ${id}.` });
}
