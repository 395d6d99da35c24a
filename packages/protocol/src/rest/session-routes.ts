import { z } from 'zod';
import { errorReport } from '../error-report.ts';
import { entityId, isoTime } from '../names.ts';
import { route } from '../route.ts';
import { byId, countedPageOf, pageQuery, sortOrder, totalQuery } from './parts.ts';
import { runKind, runState } from './run-routes.ts';

const count = z.number().int().nonnegative();

/** One execution of a job, or of something that a person asked for: its tasks are runs, one of each computer. */
export const session = z.object({
  id: entityId,
  kind: runKind,
  /** The job, or the policy; it may be deleted since. */
  jobId: entityId.optional(),
  jobName: z.string().optional(),
  /** `policy`: an agent ran it by itself, and reported it afterwards. */
  trigger: z.enum(['schedule', 'after', 'person', 'policy']),
  /**
   * Of an ended one: `failed` when a task failed, else `cancelled` when one was, else `warning`, else `succeeded`. A task that
   * was tried again counts as it went the last time.
   */
  state: runState,
  createdAt: isoTime,
  startedAt: isoTime.optional(),
  endedAt: isoTime.optional(),
  tasks: z.object({
    queued: count,
    running: count,
    succeeded: count,
    warning: count,
    failed: count,
    cancelled: count,
  }),
  /** Over all tasks: bytes of the files seen, and what was sent to the repositories. */
  processedBytes: z.number(),
  storedBytes: z.number(),
  problemCount: count,
  /** Some contracted connection could not be made and another stood in for it. */
  degraded: z.boolean(),
  /** What is to be said of the session as a whole: computers that were left out, for example. */
  notes: z.array(errorReport),
});
export type Session = z.infer<typeof session>;

export const sessionRoutes = {
  sessions: route('sessions', 'GET', '/api/v1/sessions', {
    access: 'fleet.read',
    summary: 'Sessions, newest first unless asked otherwise',
    tag: 'sessions',
    query: pageQuery.extend({
      jobId: entityId.optional(),
      kind: runKind.optional(),
      state: runState.optional(),
      trigger: session.shape.trigger.optional(),
      createdFrom: isoTime.optional(),
      createdTo: isoTime.optional(),
      order: sortOrder.default('desc'),
      ...totalQuery,
    }),
    response: countedPageOf('sessions', session),
  }),
  session: route('session', 'GET', '/api/v1/sessions/{id}', {
    access: 'fleet.read',
    summary: 'One session; its tasks are the runs with its id',
    tag: 'sessions',
    params: byId,
    response: session,
  }),
  sessionEvents: route('sessionEvents', 'GET', '/api/v1/sessions/{id}/events', {
    access: 'fleet.read',
    summary: 'The session as it is now, then as it changes, at most once a second; ends with the session',
    tag: 'sessions',
    params: byId,
    response: session,
    stream: true,
  }),
  stopSession: route('stopSession', 'POST', '/api/v1/sessions/{id}/stop', {
    access: 'runs.cancel',
    summary: 'Stop a session: gracefully, once the tasks under way have ended, or at once',
    tag: 'sessions',
    params: byId,
    body: z.strictObject({ how: z.enum(['gracefully', 'at-once']).default('at-once') }),
    response: session,
  }),
  retrySession: route('retrySession', 'POST', '/api/v1/sessions/{id}/retry', {
    access: 'jobs.run',
    summary: 'Run the tasks of an ended session again that failed or were cancelled',
    tag: 'sessions',
    params: byId,
    response: session,
  }),
} as const;
