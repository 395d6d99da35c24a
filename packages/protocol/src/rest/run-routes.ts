import { z } from 'zod';
import { errorReport } from '../error-report.ts';
import { entityId, isoTime, snapshotId } from '../names.ts';
import { dataDirection } from '../repository-access.ts';
import { route } from '../route.ts';
import { degradation, overwritePolicy, progress, restoreChoices, taskOutcome } from '../tasks.ts';
import { byId, countedPageOf, pageQuery, paths, sortOrder, totalQuery } from './parts.ts';

export const runState = z.enum(['queued', 'running', 'succeeded', 'warning', 'failed', 'cancelled']);

/** What is recorded as a run. */
export const runKind = z.enum(['backup', 'restore', 'forget', 'prune', 'check', 'drill', 'analysis']);

/** One task of one computer. */
export const run = z.object({
  id: entityId,
  kind: runKind,
  /** What it is a task of. */
  sessionId: entityId.optional(),
  jobId: entityId.optional(),
  /** The computer that did the work: an agent, or for maintenance the repository's executor. */
  agentId: entityId,
  repositoryId: entityId,
  state: runState,
  /**
   * How a restore gets at the snapshot. `key`: the computer gets the key of the repository, where all backups are its own. `executor`: the
   * repository's executor shows it what it is to restore, and nothing else.
   */
  way: z.enum(['key', 'executor']).optional(),
  /** What a restore brings back, and where to. */
  restore: z
    .object({
      snapshotId,
      target: z.string(),
      subfolder: z.string().optional(),
      /** The parts that were chosen, and the first of them; none where it is everything. */
      parts: z.object({ count: z.number().int(), first: z.array(z.string()) }),
      dryRun: z.boolean(),
    })
    .optional(),
  queuedAt: isoTime,
  /** The request that asked for it: in its `X-Request-Id`, in the audit, and in the log of every process that works on it. */
  requestId: entityId.optional(),
  /** 1 for the first; a task that failed is tried again as another run of its session. */
  attempt: z.number().int().positive(),
  /** A run that waits does so until then at least: the pause before another attempt. */
  notBefore: isoTime.optional(),
  startedAt: isoTime.optional(),
  endedAt: isoTime.optional(),
  /** The last progress that was reported. */
  progress: progress.optional(),
  result: taskOutcome.optional(),
  error: errorReport.optional(),
  /** The first thousand; `problemCount` has them all. */
  problems: z.array(errorReport),
  problemCount: z.number().int(),
  /** Contracted connections that something else stood in for: the run is degraded. */
  degradations: z.array(degradation),
  /** How the server reached the agent: the channel's id. */
  carrier: z.string().optional(),
});
export type Run = z.infer<typeof run>;

export const runRoutes = {
  createRestore: route('createRestore', 'POST', '/api/v1/restores', {
    access: 'restores.run',
    summary: 'Restore a snapshot, or parts of it, to a folder of an agent',
    tag: 'runs',
    audited: ['repositoryId', 'snapshotId', 'agentId', 'target', 'subfolder', 'overwrite', 'deletes', 'dryRun'],
    body: z.strictObject({
      repositoryId: entityId,
      snapshotId,
      agentId: entityId,
      target: z.string().min(1).max(65_536),
      /** A folder of the snapshot, whose content is restored into the target. */
      subfolder: z.string().min(1).max(65_536).optional(),
      include: paths.default([]),
      ...restoreChoices,
      overwrite: z.union([z.boolean(), overwritePolicy]).default('refuse'),
      /** Who dials the data channels. */
      direction: dataDirection.default('agent-dials'),
    }),
    response: run,
  }),
  runs: route('runs', 'GET', '/api/v1/runs', {
    access: 'fleet.read',
    summary: 'Runs, newest first unless asked otherwise',
    tag: 'runs',
    query: pageQuery.extend({
      jobId: entityId.optional(),
      sessionId: entityId.optional(),
      kind: runKind.optional(),
      state: runState.optional(),
      agentId: entityId.optional(),
      repositoryId: entityId.optional(),
      /** Of what made it fail, as `docs/errors.md` has them. */
      errorCode: z.string().min(1).max(100).optional(),
      /** Ended within these. */
      endedFrom: isoTime.optional(),
      endedTo: isoTime.optional(),
      /** False: without those in whose place another attempt was made. */
      superseded: z.stringbool().optional(),
      /** By their end, or by the bytes that were read or stored: only those that have ended. */
      sort: z.enum(['queued', 'state', 'ended', 'processedBytes', 'storedBytes']).default('queued'),
      order: sortOrder.default('desc'),
      ...totalQuery,
    }),
    response: countedPageOf('runs', run),
  }),
  run: route('run', 'GET', '/api/v1/runs/{id}', {
    access: 'fleet.read',
    summary: 'One run',
    tag: 'runs',
    params: byId,
    response: run,
  }),
  runEvents: route('runEvents', 'GET', '/api/v1/runs/{id}/events', {
    access: 'fleet.read',
    summary: 'The run as it is now, then each change of it; ends with the run',
    tag: 'runs',
    params: byId,
    response: run,
    stream: true,
  }),
  cancelRun: route('cancelRun', 'POST', '/api/v1/runs/{id}/cancel', {
    access: 'runs.cancel',
    summary: 'Cancel a run',
    tag: 'runs',
    params: byId,
    response: run,
  }),
} as const;
