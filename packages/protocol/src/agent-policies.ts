import { z } from 'zod';
import { errorReport } from './error-report.ts';
import { maxReportedLogLines, maxReportedProblems } from './limits.ts';
import { entityId, isoTime } from './names.ts';
import { logLine } from './run-log.ts';
import { missedRuns, schedule, timeWindow, timeZone } from './schedule/schedule.ts';
import { taskStatistics } from './task-statistics.ts';
import { backupResult, backupTask, degradation, progress } from './tasks.ts';

/**
 * A policy as one agent gets it: all that it needs to run backups without the server, with a standing grant. Holds secrets: it
 * travels inside the connection that the agent holds, and lies in a file that only the agent reads.
 */
export const agentPolicy = z.strictObject({
  id: entityId,
  name: z.string(),
  /** What is due counts from here on. */
  changedAt: isoTime,
  repositoryId: entityId,
  task: backupTask,
  schedule,
  timeZone,
  missed: missedRuns,
  windows: z.array(timeWindow),
  retries: z.strictObject({ count: z.number().int(), pauseMinutes: z.number().int() }),
});
export type AgentPolicy = z.infer<typeof agentPolicy>;

/** How a run of a policy ended, told when there is a server to tell. Its id makes telling it twice harmless. */
export const policyReport = z.strictObject({
  runId: entityId,
  policyId: entityId,
  policyName: z.string().max(200),
  repositoryId: entityId,
  dueAt: isoTime,
  startedAt: isoTime,
  endedAt: isoTime,
  /** How many attempts it took. */
  attempt: z.number().int().positive(),
  task: backupTask.omit({ access: true, initialise: true }),
  outcome: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('done'), result: backupResult }),
    z.strictObject({ kind: z.literal('failed'), error: errorReport }),
  ]),
  problems: z.array(errorReport).max(maxReportedProblems),
  problemCount: z.number().int().nonnegative(),
  degradations: z.array(degradation).max(100),
  /** The last state that was reported, and of its log the last lines. */
  progress: progress.optional(),
  statistics: taskStatistics.optional(),
  log: z.array(logLine).max(maxReportedLogLines).optional(),
  /** Reports before this one that the agent had no room to keep. */
  lostBefore: z.number().int().nonnegative(),
});
export type PolicyReport = z.infer<typeof policyReport>;

/** The part of the task protocol that policies are. */
export const policyMethods = {
  /** Served by the server on a connection that an agent holds: each of its policies is an event, so that each fits a frame. */
  'policies.get': {
    params: z.strictObject({}),
    result: z.object({ count: z.number().int().nonnegative() }),
    event: agentPolicy,
  },
  /** Served by the server, likewise. Answered once the run is recorded. */
  'policies.report': { params: policyReport, result: z.object({}), event: z.never() },
  /** Served by the agent: its policies may have changed, and it gets them again. */
  'policies.look': { params: z.strictObject({}), result: z.object({}), event: z.never() },
} as const;
