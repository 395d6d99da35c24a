import { z } from 'zod';
import { errorReport } from './error-report.ts';
import { maxBandwidthRules, maxListEntries, maxOverwrittenPaths, minBytesPerSecond } from './limits.ts';
import { maintenanceResults, maintenanceTasks } from './maintenance-tasks.ts';
import { entityId, isoTime, leaseNonce, platform, port, snapshotId, viewKey } from './names.ts';
import { reading } from './reading.ts';
import { repositoryAccess } from './repository-access.ts';
import { logLine } from './run-log.ts';
import { timeWindow, timeZone } from './schedule/schedule.ts';
import { taskStatistics } from './task-statistics.ts';

/** What the server and an agent say to each other, whatever carries it: a dial to 6184 or 6162, or the connection that the agent holds. */

const path = z.string().min(1).max(65_536);
const paths = z.array(path).max(maxListEntries);

/** How hard new data is compressed, in restic's words. */
export const compressionLevel = z.enum(['auto', 'off', 'fastest', 'better', 'max']);

/** So much may be sent while one of the windows is open, or always if there is none. Of several rules the lowest holds. */
export const bandwidthRule = z.strictObject({
  bytesPerSecond: z.number().int().min(minBytesPerSecond).max(Number.MAX_SAFE_INTEGER),
  windows: z.array(timeWindow).max(50).default([]),
});

/** What holds for new data on their way to the repository, by the wall clock of the zone. */
const bandwidth = z.strictObject({ timeZone, rules: z.array(bandwidthRule).max(maxBandwidthRules) });
export type Bandwidth = z.infer<typeof bandwidth>;

/** A file in the computer's own folder of scripts; Windows finds it also without its ending. */
const scriptName = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$/, 'name a file: letters, digits, . _ and -, no folders');

/** What runs on the computer before and after a backup, where the computer's own configuration allows scripts. */
export const scriptSettings = z.strictObject({
  pre: scriptName.optional(),
  post: scriptName.optional(),
  /** Of each of them. */
  timeoutSeconds: z.number().int().min(1).max(86_400).default(600),
  /** What it means for the backup when the first one fails, or may not run: there is none, or one with a warning. */
  preFailure: z.enum(['fail', 'warn']).default('fail'),
});

const backupScripts = scriptSettings.extend({
  /** What scripts are told they run for; a policy's session is not known before it is reported. */
  job: z.strictObject({ id: entityId, name: z.string().max(200), session: entityId.optional() }),
});

export const backupTask = z.strictObject({
  kind: z.literal('backup'),
  access: repositoryAccess,
  /** Folders and files; none where it is the whole computer. */
  sources: paths,
  /** All local file systems, as the agent finds them. */
  wholeComputer: z.boolean().default(false),
  excludes: paths,
  oneFileSystem: z.boolean(),
  tags: z.array(z.string().max(200)).max(100),
  compression: compressionLevel.default('auto'),
  bandwidth: bandwidth.optional(),
  scripts: backupScripts.optional(),
  /** Make the repository first if there is none. */
  initialise: z.boolean(),
});

/** What becomes of what exists in the target; `refuse`: the target has to be empty. */
export const overwritePolicy = z.enum(['always', 'if-changed', 'if-newer', 'never', 'refuse']);

const attributeNames = z.array(z.string().min(1).max(1_000)).max(1_000);

/** What may be said of a restore besides. */
export const restoreChoices = {
  exclude: paths.optional(),
  /** As `include` and `exclude`, for small and capital letters alike. */
  includeAnyCase: paths.optional(),
  excludeAnyCase: paths.optional(),
  /** Patterns of names of extended attributes: only these are restored, or all but these. */
  includeXattrs: attributeNames.optional(),
  excludeXattrs: attributeNames.optional(),
  /** Owners by the names that users and groups have on the target computer, instead of by their numbers. */
  ownersByName: z.boolean().optional(),
  /** Remove from restored folders what the snapshot does not have, as far as the patterns choose it. */
  deletes: z.boolean().optional(),
  /** Change nothing, and tell what would be. */
  dryRun: z.boolean().optional(),
  /** Read every restored file back and compare it with the snapshot. */
  verify: z.boolean().optional(),
} as const;

export const restoreTask = z.strictObject({
  kind: z.literal('restore'),
  access: repositoryAccess,
  snapshotId,
  target: path,
  /** Of the snapshot: what is in it is restored into the target, and `include` sees paths below it. */
  subfolder: path.optional(),
  include: paths,
  ...restoreChoices,
  /** As text; true means always, false refuse. */
  overwrite: z.union([z.boolean(), overwritePolicy]),
  /** Out of a view of the snapshot, which the repository's executor makes under this key; `access` has no password then. */
  view: z.strictObject({ key: viewKey }).optional(),
});

/**
 * Lets another computer restore a snapshot, or a part of it, without the key of the repository: the executor publishes a view of it
 * under a key of its own until the task is cancelled, or nobody reads any more.
 */
export const viewTask = z.strictObject({
  kind: z.literal('view'),
  access: repositoryAccess,
  key: viewKey,
  /** Who reads: the session at the mover of that computer. */
  readerSessionId: entityId,
  snapshotId,
  subfolder: path.optional(),
  include: paths,
  exclude: paths.optional(),
  includeAnyCase: paths.optional(),
  excludeAnyCase: paths.optional(),
});
export type ViewTask = z.infer<typeof viewTask>;

/** The phase of a view's progress in which it can be read; told again and again. */
export const viewServed = 'serve';

/** Reads in a repository; what it finds is the task's output. */
const readTask = z.strictObject({ kind: z.literal('read'), access: repositoryAccess, reading });

export const task = z.discriminatedUnion('kind', [backupTask, restoreTask, viewTask, readTask, ...maintenanceTasks]);
export type Task = z.infer<typeof task>;
/** What a repository's executor does; the rest is an agent's. */
export type MaintenanceTask = Exclude<Task, { kind: 'backup' | 'restore' }>;
export type BackupTask = z.infer<typeof backupTask>;
export type RestoreTask = z.infer<typeof restoreTask>;

const percent = z.number().min(0).max(100);

/** How much of its time a task has waited for each, in percent, together 100. The largest is the bottleneck. */
export const waits = z.object({ source: percent, processing: percent, network: percent, target: percent });
export type Waits = z.infer<typeof waits>;

export const progress = z.object({
  phase: z.string(),
  filesDone: z.number(),
  filesTotal: z.number().optional(),
  bytesDone: z.number(),
  bytesTotal: z.number().optional(),
  /** Content that was given to the storage, as it is stored. */
  transferredBytes: z.number().optional(),
  waits: waits.optional(),
  currentPath: z.string().optional(),
});
export type Progress = z.infer<typeof progress>;

/** A contracted connection could not be made and another stood in for it: the run ends degraded. */
export const degradation = z.object({
  channel: z.string(),
  usedInstead: z.string(),
  reason: errorReport,
});
export type Degradation = z.infer<typeof degradation>;

export const taskEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('progress'), progress }),
  /** Something was left out or went wrong without ending the task. */
  z.object({ kind: z.literal('problem'), problem: errorReport }),
  z.object({ kind: z.literal('degraded'), degradation }),
  /** Told again to whoever attaches. */
  z.object({ kind: z.literal('log'), line: logLine }),
  /** All of it, each time; the last one before the answer. */
  z.object({ kind: z.literal('statistics'), statistics: taskStatistics }),
  /** The agent has leased a port on its computer for the mover to dial (`mover-dials`). */
  z.object({ kind: z.literal('channel-offered'), port, nonce: leaseNonce, channel: z.string() }),
]);
export type TaskEvent = z.infer<typeof taskEvent>;

const counts = z.object({ new: z.number(), changed: z.number(), unmodified: z.number() });

/** A script that ended well. One that did not is a problem of the run, or its error. */
const scriptReport = z.object({
  when: z.enum(['before', 'after']),
  path,
  durationMs: z.number(),
  /** The end of what it printed. */
  output: z.string(),
});
export type ScriptReport = z.infer<typeof scriptReport>;

export const backupResult = z.object({
  kind: z.literal('backup'),
  snapshotId,
  parentId: snapshotId.optional(),
  startedAt: isoTime,
  files: counts,
  directories: counts,
  /** Bytes of all files in the snapshot. */
  totalBytes: z.number(),
  totalFiles: z.number(),
  /** Bytes really read from the disk in this run. */
  readBytes: z.number(),
  /** Bytes of blobs that the repository did not have. */
  newBytes: z.number(),
  /** What they take in the repository, compressed and sealed. */
  storedBytes: z.number(),
  durationMs: z.number(),
  scripts: z.array(scriptReport).max(2).optional(),
  /** Of a backup of the whole computer: what that was, and what of it was left out and why. */
  wholeComputer: z
    .object({ sources: paths, leftOut: z.array(z.object({ path, reason: z.string() })).max(maxListEntries) })
    .optional(),
});
export type BackupResult = z.infer<typeof backupResult>;

/** How many entries, and the first of them by path. */
const toldEntries = z.object({ count: z.number().int(), paths: z.array(path).max(maxOverwrittenPaths) });
export type ToldEntries = z.infer<typeof toldEntries>;

const restoreResult = z.object({
  kind: z.literal('restore'),
  snapshotId,
  target: path,
  /** Restored, or with a dry run what would be; those that were right already among them. */
  files: z.number(),
  directories: z.number(),
  bytes: z.number(),
  durationMs: z.number(),
  dryRun: z.boolean().optional(),
  /** Files that were right already, and what stayed as it was because of the policy. */
  unchanged: z.number().optional(),
  kept: z.number().optional(),
  /** Read back and compared. */
  verified: z.number().optional(),
  /** What existed and was replaced or changed, or with a dry run would be. */
  overwritten: toldEntries.optional(),
  /** What the snapshot does not have and was removed, or with a dry run would be. */
  deleted: toldEntries.optional(),
});
export type RestoreResult = z.infer<typeof restoreResult>;

/** Of a view that nobody reads any more. */
const viewResult = z.object({ kind: z.literal('view'), requests: z.number().int(), sentBytes: z.number().int() });

/** How much output there was. */
const readResult = z.object({ kind: z.literal('read'), bytes: z.number().int() });

export const taskOutcome = z.discriminatedUnion('kind', [
  backupResult,
  restoreResult,
  viewResult,
  readResult,
  ...maintenanceResults,
]);
export type TaskOutcome = z.infer<typeof taskOutcome>;

/** The last word on a task that did not fail. Problems are counted; the first thousand are listed. */
export const taskResult = z.object({
  result: taskOutcome,
  problems: z.array(errorReport).max(1000),
  problemCount: z.number().int(),
  degradations: z.array(degradation).max(100),
});
export type TaskResult = z.infer<typeof taskResult>;

/** The first message of every task connection, in both directions. */
export const hello = z.strictObject({
  protocolVersion: z.number().int(),
  productVersion: z.string().max(40),
  hostname: z.string().max(253),
  platform,
  /** Channel id to port, for sticky and overridden ports. */
  ports: z.record(z.string(), z.number().int()),
});
export type Hello = z.infer<typeof hello>;
