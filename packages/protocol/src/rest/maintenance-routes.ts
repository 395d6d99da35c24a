import { z } from 'zod';
import { checkTask, snapshotEntry, statsMode, statsResult } from '../maintenance-tasks.ts';
import { entityId, isoTime, snapshotId } from '../names.ts';
import { repositoryMaintenance } from '../repository-maintenance.ts';
import { route } from '../route.ts';
import { byId } from './parts.ts';
import { run, runKind } from './run-routes.ts';

const bySnapshot = z.strictObject({ id: entityId, snapshotId });
const page = {
  skip: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
};
const path = z.string().min(1).max(65_536);
const entries = z.object({
  entries: z.array(snapshotEntry),
  /** Others follow: ask again with `skip` raised by the number of these. */
  more: z.boolean(),
});

/** What is done in a repository, by its executor: the server never opens one. */
export const maintenanceRoutes = {
  repositoryMaintenance: route('repositoryMaintenance', 'GET', '/api/v1/repositories/{id}/maintenance', {
    access: 'fleet.read',
    summary: 'What is done in a repository by itself, and when',
    tag: 'maintenance',
    params: byId,
    response: repositoryMaintenance,
  }),
  setRepositoryMaintenance: route('setRepositoryMaintenance', 'PUT', '/api/v1/repositories/{id}/maintenance', {
    access: 'repositories.manage',
    guarded: true,
    // When less is kept than before.
    approval: 'conditional',
    audited: [
      'retention',
      'forget',
      'prune',
      'check',
      'checkParts',
      'maxUnusedPercent',
      'drill',
      'drillOptions',
      'ransomwareAnalysis',
      'timeZone',
    ],
    summary: 'Set what is done in a repository by itself, and when; what is left out is as it is by default',
    tag: 'maintenance',
    params: byId,
    body: repositoryMaintenance,
    response: repositoryMaintenance,
  }),
  maintenanceTimes: route('maintenanceTimes', 'GET', '/api/v1/repositories/{id}/maintenance/times', {
    access: 'fleet.read',
    summary: 'When each kind of work was done last in a repository, how it went, and when it is due next',
    tag: 'maintenance',
    params: byId,
    response: z.object({
      work: z.array(
        z.object({
          kind: runKind.extract(['forget', 'prune', 'check', 'drill']),
          /** The last one that was queued, by whatever. */
          last: run
            .pick({
              id: true,
              sessionId: true,
              state: true,
              queuedAt: true,
              startedAt: true,
              endedAt: true,
              error: true,
            })
            .optional(),
          /** By the repository's settings, and of checks also by its jobs; left out: no clock starts it, or there is nothing yet. */
          nextAt: isoTime.optional(),
        }),
      ),
    }),
  }),
  maintain: route('maintain', 'POST', '/api/v1/repositories/{id}/maintenance-runs', {
    access: 'repositories.maintain',
    summary: 'Apply retention to a repository, free space in it, or check it, now',
    tag: 'maintenance',
    audited: ['kind', 'read', 'maxUnusedPercent', 'dryRun'],
    params: byId,
    body: z.discriminatedUnion('kind', [
      /** By the retention that is set. */
      z.strictObject({ kind: z.literal('forget') }),
      z.strictObject({
        kind: z.literal('prune'),
        maxUnusedPercent: z.number().min(0).max(100).default(5),
        dryRun: z.boolean().optional(),
      }),
      z.strictObject({ kind: z.literal('check'), read: checkTask.shape.read.default('nothing') }),
    ]),
    response: run,
  }),
  forgetSnapshots: route('forgetSnapshots', 'POST', '/api/v1/repositories/{id}/forget', {
    access: 'repositories.manage',
    approval: 'conditional',
    audited: ['snapshotIds'],
    summary: 'Delete backups. Their space is freed by the next prune',
    tag: 'maintenance',
    params: byId,
    body: z.strictObject({ snapshotIds: z.array(snapshotId).min(1).max(1_000) }),
    response: run,
  }),
  refreshSnapshots: route('refreshSnapshots', 'POST', '/api/v1/repositories/{id}/refresh', {
    access: 'repositories.maintain',
    summary: 'List again what is in a repository: another program may have added or removed snapshots',
    tag: 'maintenance',
    params: byId,
    response: z.object({ added: z.number().int(), removed: z.number().int(), unreadable: z.number().int() }),
  }),
  snapshotEntries: route('snapshotEntries', 'GET', '/api/v1/repositories/{id}/snapshots/{snapshotId}/entries', {
    access: 'restores.run',
    summary: 'What a folder of a snapshot holds',
    tag: 'maintenance',
    params: bySnapshot,
    // Shorter than in a body: it has to stand in a URL.
    query: z.strictObject({ path: z.string().min(1).max(4096).default('/'), ...page }),
    response: entries,
  }),
  findEntries: route('findEntries', 'POST', '/api/v1/repositories/{id}/snapshots/{snapshotId}/find', {
    access: 'restores.run',
    summary: 'Entries of a snapshot that patterns match',
    tag: 'maintenance',
    params: bySnapshot,
    body: z.strictObject({ patterns: z.array(path).min(1).max(100), ignoreCase: z.boolean().default(false), ...page }),
    response: entries,
  }),
  repositoryStats: route('repositoryStats', 'POST', '/api/v1/repositories/{id}/stats', {
    access: 'fleet.read',
    summary: 'What snapshots take',
    tag: 'maintenance',
    params: byId,
    body: z.strictObject({
      mode: statsMode.default('restore-size'),
      /** All if empty. */
      snapshotIds: z.array(snapshotId).max(1_000).default([]),
    }),
    response: statsResult,
  }),
} as const;
