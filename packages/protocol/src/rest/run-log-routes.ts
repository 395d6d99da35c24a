import { z } from 'zod';
import { entityId } from '../names.ts';
import { route } from '../route.ts';
import { logLevel, logLine } from '../run-log.ts';
import { taskChannel, taskStatistics } from '../task-statistics.ts';
import { byId, pageOf, pageQuery, sortOrder } from './parts.ts';

/** A line of the log of a run. */
export const runLogLine = logLine.extend({
  runId: entityId,
  /** In the order in which the server heard of them. */
  number: z.number().int().nonnegative(),
});
export type RunLogLine = z.infer<typeof runLogLine>;

const runStatistics = taskStatistics.extend({
  channels: z.array(
    taskChannel.extend({
      /** Of the documents of ports, what the channel covers; empty for channels of our own. */
      rows: z.array(z.string()),
    }),
  ),
});

/** `level`: these lines and graver ones. */
const logQuery = pageQuery.extend({ level: logLevel.default('info') });

export const runLogRoutes = {
  runLog: route('runLog', 'GET', '/api/v1/runs/{id}/log', {
    access: 'fleet.read',
    summary: 'What happened in a run, told by all who worked on it: server, agent or executor, and mover',
    tag: 'runs',
    params: byId,
    query: logQuery,
    response: pageOf('lines', runLogLine),
  }),
  runLogEvents: route('runLogEvents', 'GET', '/api/v1/runs/{id}/log/events', {
    access: 'fleet.read',
    summary: 'The log of a run, from the line after `after` on, then each new line; ends with the run',
    tag: 'runs',
    params: byId,
    query: z.strictObject({ after: z.coerce.number().int().min(0).optional() }),
    response: runLogLine,
    stream: true,
  }),
  runStatistics: route('runStatistics', 'GET', '/api/v1/runs/{id}/statistics', {
    access: 'fleet.read',
    summary: 'How fast a run was from time to time, and which channels and ports it used',
    tag: 'runs',
    params: byId,
    response: runStatistics,
  }),
  sessionLog: route('sessionLog', 'GET', '/api/v1/sessions/{id}/log', {
    access: 'fleet.read',
    summary: 'The logs of all tasks of a session, by time',
    tag: 'sessions',
    params: byId,
    query: logQuery.extend({ order: sortOrder.default('asc') }),
    response: pageOf('lines', runLogLine),
  }),
} as const;
