import { z } from 'zod';
import { errorReport } from './error-report.ts';
import { maxPanelTasks } from './limits.ts';
import { snapshotEntry, snapshotFacts } from './maintenance-tasks.ts';
import { entityId, host, isoTime, platform, snapshotId } from './names.ts';
import { listing, readingLine } from './reading.ts';
import { schedule, timeWindow, timeZone } from './schedule/schedule.ts';
import { overwritePolicy, progress } from './tasks.ts';

/**
 * What the control panel of one computer asks the agent there for: `POST /api/METHOD` on the loopback interface, JSON both ways. It
 * knows this computer alone, and what its agent can do without anybody else: the policies that it was handed, with their grants.
 */

/** Where a page asks; the method follows. */
export const panelApiPrefix = '/api/';

/** Where downloads are; the ticket follows. */
export const panelDownloadPrefix = '/download/';

/** The half of a session that the page keeps: the cookie alone would go to every port of this computer. */
export const panelKeyHeader = 'x-holdfast-panel';

const text = z.string().max(65_536);
const path = text.min(1);
const count = z.number().int().nonnegative();

/** A backup or restore of this computer, whoever asked for it. */
export const panelTask = z.object({
  id: entityId,
  kind: z.enum(['backup', 'restore']),
  /** The server's jobs have no name here. */
  by: z.discriminatedUnion('who', [
    z.object({ who: z.literal('policy'), name: z.string() }),
    z.object({ who: z.literal('server') }),
    z.object({ who: z.literal('panel') }),
  ]),
  repository: z.string(),
  startedAt: isoTime,
  endedAt: isoTime.optional(),
  state: z.enum(['running', 'succeeded', 'warning', 'failed', 'cancelled']),
  /** While it runs. */
  progress: progress.optional(),
  error: errorReport.optional(),
  problemCount: count,
  /** The first of them. */
  problems: z.array(z.string()).max(5),
  snapshotId: snapshotId.optional(),
  files: count.optional(),
  bytes: count.optional(),
  /** Of a restore: where to. */
  target: text.optional(),
  dryRun: z.boolean().optional(),
  /** Of a restore: files that were there and were replaced, or with a dry run would be. */
  overwritten: count.optional(),
});
export type PanelTask = z.infer<typeof panelTask>;

const panelPolicy = z.object({
  id: entityId,
  name: z.string(),
  repositoryId: entityId,
  repository: z.string(),
  /** None where it is the whole computer. */
  sources: z.array(text),
  schedule,
  timeZone,
  windows: z.array(timeWindow),
  nextAt: isoTime.optional(),
  /** `waits`: due, and waits for its window, another run, or the pause before the next attempt. */
  state: z.enum(['idle', 'waits', 'running']),
  notBefore: isoTime.optional(),
});
export type PanelPolicy = z.infer<typeof panelPolicy>;

const panelState = z.object({
  computer: z.object({ id: entityId, hostname: host, platform, version: z.string() }),
  server: z.object({ host, connectedSince: isoTime.optional(), problem: errorReport.optional() }),
  /** Only this computer has the key of its backups. */
  ownKey: z.boolean(),
  policies: z.array(panelPolicy),
  /** The newest first. */
  tasks: z.array(panelTask).max(maxPanelTasks),
});
export type PanelState = z.infer<typeof panelState>;

const ofPolicy = { policyId: entityId } as const;

export const panelMethods = {
  /** With a link that is good once: answered with a cookie, and the half of the session that the page keeps. */
  'sign-in': { params: z.strictObject({ link: z.string().max(200) }), result: z.object({ key: z.string() }) },
  'sign-out': { params: z.strictObject({}), result: z.object({}) },
  state: { params: z.strictObject({}), result: panelState },
  /** Has a policy run as soon as it may: in its windows, and not beside another run. */
  run: { params: z.strictObject(ofPolicy), result: z.object({}) },
  /** This computer's backups in the repository of a policy, a page of those that there are, in no order. */
  snapshots: {
    params: z.strictObject({ ...ofPolicy, after: snapshotId.optional() }),
    result: z.object({
      snapshots: z.array(snapshotFacts),
      /** Of the page: those that can't be read, whosever they are. */
      unreadable: count,
      next: snapshotId.optional(),
    }),
  },
  /** A page of what a folder of a backup holds. */
  entries: {
    params: z.strictObject({ ...ofPolicy, snapshotId, path, skip: count }),
    result: z.object({ entries: z.array(snapshotEntry), more: z.boolean() }),
  },
  /** Looks for something in backups, or compares two of them: answered line by line, as it is found. */
  read: { params: z.strictObject({ ...ofPolicy, listing }), result: readingLine },
  /** Where a file of a backup, or a folder as a ZIP, is to be had: once, soon, and by the browser that asked. `path` is below `root`. */
  download: {
    params: z.strictObject({ ...ofPolicy, snapshotId, root: path, path }),
    result: z.object({ address: text }),
  },
  /** Begins a restore on this computer, once for each id; `include` sees paths below `subfolder`, where there is one. */
  restore: {
    params: z.strictObject({
      ...ofPolicy,
      taskId: entityId,
      snapshotId,
      target: path,
      subfolder: path.optional(),
      include: z.array(path).max(1_000),
      overwrite: overwritePolicy,
      verify: z.boolean(),
      dryRun: z.boolean(),
    }),
    result: z.object({}),
  },
  /** Stops a restore that the panel began. */
  cancel: { params: z.strictObject({ taskId: entityId }), result: z.object({}) },
} as const;
export type PanelMethods = typeof panelMethods;
export type PanelMethod = keyof PanelMethods;
export type PanelParams<Name extends PanelMethod> = z.output<PanelMethods[Name]['params']>;
export type PanelResult<Name extends PanelMethod> = z.output<PanelMethods[Name]['result']>;
