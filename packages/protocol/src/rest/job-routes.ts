import { z } from 'zod';
import { entityId, isoTime } from '../names.ts';
import { dataDirection } from '../repository-access.ts';
import { route } from '../route.ts';
import { byId, pageOf, pageQuery, paths, text } from './parts.ts';
import { run } from './run-routes.ts';

export const job = z.object({
  id: entityId,
  name: text,
  agentId: entityId,
  repositoryId: entityId,
  sources: paths,
  excludes: paths,
  oneFileSystem: z.boolean(),
  tags: z.array(text).max(100),
  /** Who dials the data channels. */
  direction: dataDirection,
  createdAt: isoTime,
});
export type Job = z.infer<typeof job>;

export const jobRoutes = {
  createJob: route('createJob', 'POST', '/api/v1/jobs', {
    access: 'jobs.manage',
    summary: 'Define a backup job',
    tag: 'jobs',
    audited: ['name', 'agentId', 'repositoryId'],
    body: z.strictObject({
      name: text,
      agentId: entityId,
      repositoryId: entityId,
      sources: paths.min(1),
      excludes: paths.default([]),
      oneFileSystem: z.boolean().default(false),
      tags: z.array(text).max(100).default([]),
      direction: dataDirection.default('agent-dials'),
    }),
    response: job,
  }),
  jobs: route('jobs', 'GET', '/api/v1/jobs', {
    access: 'fleet.read',
    summary: 'Backup jobs',
    tag: 'jobs',
    query: pageQuery,
    response: pageOf('jobs', job),
  }),
  deleteJob: route('deleteJob', 'DELETE', '/api/v1/jobs/{id}', {
    access: 'jobs.manage',
    summary: 'Delete a job; its runs and snapshots stay',
    tag: 'jobs',
    params: byId,
    response: z.object({}),
  }),
  runJob: route('runJob', 'POST', '/api/v1/jobs/{id}/run', {
    access: 'jobs.run',
    summary: 'Run a job now',
    tag: 'jobs',
    params: byId,
    response: run,
  }),
} as const;
