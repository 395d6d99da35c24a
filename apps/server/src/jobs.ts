import { type Clock, HoldfastError } from '@holdfast/core';
import type { DataDirection, Job } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from './catalogue/catalogue.ts';
import { type PageRequest, readPage } from './catalogue/page.ts';
import type { JobsTable } from './catalogue/schema.ts';
import { readJson } from './json-column.ts';
import type { WorkOrder } from './runs/work-order.ts';

type JobRow = Selectable<JobsTable>;

const texts = z.array(z.string());

export async function createJob(scope: TenantScope, job: Omit<Job, 'id' | 'createdAt'>, clock: Clock): Promise<JobRow> {
  return scope.query
    .insertInto('jobs')
    .values({
      id: crypto.randomUUID(),
      name: job.name,
      agentId: job.agentId,
      repositoryId: job.repositoryId,
      sourcesJson: JSON.stringify(job.sources),
      excludesJson: JSON.stringify(job.excludes),
      oneFileSystem: job.oneFileSystem ? 1 : 0,
      tagsJson: JSON.stringify(job.tags),
      direction: job.direction,
      createdAt: clock.now().toISOString(),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function jobView(row: JobRow): Job {
  return {
    id: row.id,
    name: row.name,
    agentId: row.agentId,
    repositoryId: row.repositoryId,
    sources: readJson(texts, row.sourcesJson, 'jobs.sourcesJson'),
    excludes: readJson(texts, row.excludesJson, 'jobs.excludesJson'),
    oneFileSystem: row.oneFileSystem === 1,
    tags: readJson(texts, row.tagsJson, 'jobs.tagsJson'),
    direction: row.direction satisfies DataDirection,
    createdAt: row.createdAt,
  };
}

/** What a run of the job is to do. */
export function orderOf(job: Job): WorkOrder {
  const { sources, excludes, oneFileSystem, tags, direction } = job;
  return { kind: 'backup', sources, excludes, oneFileSystem, tags, direction };
}

export async function pageOfJobs(scope: TenantScope, o: PageRequest): Promise<{ jobs: Job[]; next?: string }> {
  const query = scope.query.selectFrom('jobs').selectAll();
  const { items, ...rest } = await readPage(query, { ...o, order: { createdAt: 'text', id: 'text' }, view: jobView });
  return { jobs: items, ...rest };
}

/** Throws `request.missing`. */
export async function loadJob(scope: TenantScope, id: string): Promise<JobRow> {
  const row = await scope.query.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw missing(id);
  return row;
}

/** Its runs and snapshots stay. */
export async function deleteJob(scope: TenantScope, id: string): Promise<void> {
  const { numDeletedRows } = await scope.deleteFrom('jobs').where('id', '=', id).executeTakeFirst();
  if (numDeletedRows === 0n) throw missing(id);
}

function missing(id: string): HoldfastError {
  return new HoldfastError('request.missing', { message: `There is no job ${id}.` });
}
