import { z } from 'zod';
import { maxBandwidthRules } from '../limits.ts';
import { entityId, isoTime, slug } from '../names.ts';
import { dataDirection } from '../repository-access.ts';
import { retention } from '../retention.ts';
import { route } from '../route.ts';
import { missedRuns, schedule, timeWindow, timeZone } from '../schedule/schedule.ts';
import { bandwidthRule, compressionLevel, scriptSettings } from '../tasks.ts';
import {
  byId,
  countedPageOf,
  givenManagedBy,
  managedBy,
  pageQuery,
  paths,
  sortOrder,
  text,
  totalQuery,
} from './parts.ts';
import { session } from './session-routes.ts';

/** More computers than one server has; they are named one by one, or by their groups. */
export const maxNamedComputers = 10_000;

/** Where backups go. */
const target = z.discriminatedUnion('kind', [
  /**
   * Each computer to a repository of its own at the mover, made when it is needed, so that no computer can read another's
   * data. The name may hold `{computer}`, `{group}` and `{id}`.
   */
  z.strictObject({
    kind: z.literal('own'),
    moverId: entityId,
    name: z
      .string()
      .regex(/^([a-z0-9-]|\{(computer|group|id)\})+$/, 'use a-z, 0-9, -, {computer}, {group} and {id}')
      .max(63)
      .default('{computer}'),
    /** Only the computer itself has the key of its repository, and works in it. */
    zeroKnowledge: z.boolean().default(false),
  }),
  /** All to one: data that computers have in common is stored once, and each of them holds the key to all of it. */
  z.strictObject({ kind: z.literal('shared'), repositoryId: entityId }),
]);

/** What is backed up of each computer: folders and files, or all of its own file systems. */
const scope = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('folders'), paths: paths.min(1) }),
  z.strictObject({ kind: z.literal('computer') }),
]);

const healthCheck = z.strictObject({
  enabled: z.boolean().default(true),
  schedule: schedule.default({ kind: 'monthly', on: { nth: 'last', weekday: 'friday' }, at: '05:00' }),
});

/** All that somebody decides about a job: the server runs it, a task for each computer. */
export const jobSettings = z.strictObject({
  name: text,
  /** A disabled one runs only when somebody asks for it. */
  enabled: z.boolean().default(true),
  computers: z.array(entityId).max(maxNamedComputers).default([]),
  groups: z.array(slug).max(1000).default([]),
  scope,
  excludes: paths.default([]),
  oneFileSystem: z.boolean().default(false),
  tags: z.array(text).max(100).default([]),
  target,
  /** Who dials the data channels. */
  direction: dataDirection.default('agent-dials'),
  schedule: schedule.default({ kind: 'manual' }),
  /** Of the schedule and the windows; the server's own if left out. */
  timeZone: timeZone.default(() => Intl.DateTimeFormat().resolvedOptions().timeZone),
  missed: missedRuns.default('run-once'),
  /** When it may run, at any time if there is none: outside of them its tasks wait, and those under way are stopped. */
  windows: z.array(timeWindow).max(50).default([]),
  /** Of a task that failed. */
  retries: z
    .strictObject({
      count: z.number().int().min(0).max(100).default(3),
      pauseMinutes: z.number().int().min(1).max(1440).default(10),
    })
    .default({ count: 3, pauseMinutes: 10 }),
  compression: compressionLevel.default('auto'),
  /** How much each computer may send in a second, by the wall clock of `timeZone`. */
  bandwidth: z.array(bandwidthRule).max(maxBandwidthRules).default([]),
  /** Before and after each backup, on its computer, where that allows scripts. */
  scripts: scriptSettings.default({ timeoutSeconds: 600, preFailure: 'fail' }),
  /** Of its computers' backups in the target. Left out: as the repository says, and if that says nothing everything is kept. */
  retention: retention.optional(),
  /** When its target is checked, besides the repository's own times. */
  healthCheck: healthCheck.default({
    enabled: true,
    schedule: { kind: 'monthly', on: { nth: 'last', weekday: 'friday' }, at: '05:00' },
  }),
});
export type JobSettings = z.infer<typeof jobSettings>;

const givenJobSettings = jobSettings.extend({ managedBy: givenManagedBy });

export const job = z.object({
  ...jobSettings.shape,
  id: entityId,
  managedBy: managedBy.optional(),
  createdAt: isoTime,
  changedAt: isoTime,
  /** When its schedule is due next. */
  nextRunAt: isoTime.optional(),
  /** How the last session went, or goes. */
  lastSession: session.pick({ id: true, state: true, createdAt: true, endedAt: true }).optional(),
});
export type Job = z.infer<typeof job>;

/** Of the lists of jobs and of policies. */
export const jobListQuery = pageQuery.extend({
  /** A part of the name. */
  text: z.string().min(1).max(100).optional(),
  enabled: z.stringbool().optional(),
  /** Those that back this computer up, by itself or with its group. */
  agentId: entityId.optional(),
  /** Those that back up to this repository. */
  repositoryId: entityId.optional(),
  sort: z.enum(['created', 'name']).default('created'),
  order: sortOrder.default('asc'),
  ...totalQuery,
});

export const jobRoutes = {
  createJob: route('createJob', 'POST', '/api/v1/jobs', {
    access: 'jobs.manage',
    // When backups that are there already are kept for less long by it; so with changes, and with the end of a job.
    approval: 'conditional',
    summary: 'Define a backup job',
    tag: 'jobs',
    audited: ['name', 'computers', 'groups', 'retention', 'managedBy'],
    body: givenJobSettings,
    response: job,
  }),
  checkJob: route('checkJob', 'POST', '/api/v1/job-checks', {
    access: 'jobs.manage',
    summary:
      'Check settings of a job or policy that is being planned, as far as they are given, and say what they come to',
    tag: 'jobs',
    body: z.strictObject({
      kind: z.enum(['job', 'policy']).default('job'),
      settings: jobSettings.partial({ name: true, scope: true, target: true }),
    }),
    response: z.object({
      /** The computers that it would be about now. */
      computers: z.number().int().nonnegative(),
      /** When it would be due next, at most five times; empty where no clock starts it. */
      due: z.array(isoTime).max(5),
    }),
  }),
  jobs: route('jobs', 'GET', '/api/v1/jobs', {
    access: 'fleet.read',
    summary: 'Backup jobs',
    tag: 'jobs',
    query: jobListQuery,
    response: countedPageOf('jobs', job),
  }),
  job: route('job', 'GET', '/api/v1/jobs/{id}', {
    access: 'fleet.read',
    summary: 'One job',
    tag: 'jobs',
    params: byId,
    response: job,
  }),
  changeJob: route('changeJob', 'PUT', '/api/v1/jobs/{id}', {
    access: 'jobs.manage',
    guarded: true,
    approval: 'conditional',
    summary: 'Change a job: all of it, what is left out becomes the default',
    tag: 'jobs',
    audited: ['name', 'computers', 'groups', 'retention', 'managedBy'],
    params: byId,
    body: givenJobSettings,
    response: job,
  }),
  deleteJob: route('deleteJob', 'DELETE', '/api/v1/jobs/{id}', {
    access: 'jobs.manage',
    guarded: true,
    approval: 'conditional',
    summary: 'Delete a job; its sessions and snapshots stay',
    tag: 'jobs',
    params: byId,
    response: z.object({}),
  }),
  jobCalendar: route('jobCalendar', 'GET', '/api/v1/jobs/{id}/calendar', {
    access: 'fleet.read',
    summary: 'When a job is due within a time, by its schedule and time zone, and when it has run',
    tag: 'jobs',
    params: byId,
    query: z.strictObject({ from: isoTime, to: isoTime }),
    response: z.object({
      timeZone: z.string(),
      /** The first ones: at most 1000. Empty for a job that is disabled, or that no clock starts. */
      due: z.array(isoTime),
      sessions: z.array(session.pick({ id: true, state: true, createdAt: true, endedAt: true })),
    }),
  }),
  runJob: route('runJob', 'POST', '/api/v1/jobs/{id}/run', {
    access: 'jobs.run',
    summary: 'Run a job now, on all of its computers or on some',
    tag: 'jobs',
    params: byId,
    body: z.strictObject({ computers: z.array(entityId).min(1).max(maxNamedComputers).optional() }),
    response: session,
  }),
} as const;
