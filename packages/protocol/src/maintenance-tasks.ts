import { z } from 'zod';
import { maxComparisons, maxForgottenSnapshots, maxRetentionHosts, maxToldExtensions } from './limits.ts';
import { isoTime, snapshotId } from './names.ts';
import { repositoryAccess } from './repository-access.ts';
import { retention } from './retention.ts';

/** What the server asks a repository's executor for: work inside the repository, which the server itself never opens. */

const text = z.string().max(65_536);
const count = z.number().int().nonnegative();

/** What is needed to seal to a recovery kit. */
export const kitSeal = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  publicKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

const pageLimit = z.number().int().min(1).max(1_000);

/**
 * One set of backups and how long they are kept. A set of backups of one computer and the same sources goes by the rules of this
 * computer and exactly these sources; where there are none, by all rules of the computer; else by those that name no computer.
 * Of several rules each has to let go of a backup.
 */
export const retentionRule = z.strictObject({
  /** Of these computers; of those that no rule names if left out. */
  hosts: z.array(z.string().max(253)).max(maxRetentionHosts).optional(),
  /** Backups of exactly these sources, and of the same computers those of which no rule is. */
  paths: z.array(text).max(10_000).optional(),
  /** Left out: they stay. */
  retention: retention.optional(),
});
export type RetentionRule = z.infer<typeof retentionRule>;

export const forgetTask = z.strictObject({
  kind: z.literal('forget'),
  access: repositoryAccess,
  choose: z.discriminatedUnion('by', [
    /** What no rule is about stays. */
    z.strictObject({ by: z.literal('retention'), rules: z.array(retentionRule).min(1).max(10_000) }),
    z.strictObject({ by: z.literal('ids'), snapshotIds: z.array(snapshotId).min(1).max(maxForgottenSnapshots) }),
  ]),
});

export const pruneTask = z.strictObject({
  kind: z.literal('prune'),
  access: repositoryAccess,
  /** Waste that may remain, as a share of what is needed. */
  maxUnusedPercent: z.number().min(0).max(100),
  /** Change nothing, and tell what would be. */
  dryRun: z.boolean().optional(),
});

export const checkTask = z.strictObject({
  kind: z.literal('check'),
  access: repositoryAccess,
  /** Contents of packs to read: none, all, or one of so many parts, which together are all. */
  read: z.union([
    z.enum(['nothing', 'everything']),
    z.strictObject({ part: z.number().int().min(1).max(256), of: z.number().int().min(1).max(256) }),
  ]),
});

/** A page of all snapshots that there are, in the order of their ids. */
const snapshotsTask = z.strictObject({
  kind: z.literal('snapshots'),
  access: repositoryAccess,
  after: snapshotId.optional(),
  limit: pageLimit,
});

/** A page of what a folder of a snapshot holds, in the order of the snapshot; a file is a page of itself. */
const browseTask = z.strictObject({
  kind: z.literal('browse'),
  access: repositoryAccess,
  snapshotId,
  path: text,
  /** How many entries of the folder were given before. */
  skip: count,
  limit: pageLimit,
});

/** A page of the entries that patterns match, in one snapshot. */
const findTask = z.strictObject({
  kind: z.literal('find'),
  access: repositoryAccess,
  snapshotId,
  patterns: z.array(text).min(1).max(100),
  ignoreCase: z.boolean(),
  skip: count,
  limit: pageLimit,
});

export const statsMode = z.enum(['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data']);

const statsTask = z.strictObject({
  kind: z.literal('stats'),
  access: repositoryAccess,
  mode: statsMode,
  /** All snapshots if empty. */
  snapshotIds: z.array(snapshotId).max(1_000),
});

/** A key of the repository for the recovery kit; keys of former kits are removed. Nothing is done where that is so already. */
const recoveryKeyTask = z.strictObject({
  kind: z.literal('recovery-key'),
  access: repositoryAccess,
  kit: kitSeal,
});

/** How much of a snapshot a drill restores. What is larger than the limit of bytes becomes a sample. */
export const drillAmount = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('whole') }),
  z.strictObject({ kind: z.literal('sample'), files: z.number().int().min(1).max(100_000) }),
]);

/** Restores a snapshot into a folder of the executor's own, reads it back and compares it. */
export const drillTask = z.strictObject({
  kind: z.literal('drill'),
  access: repositoryAccess,
  snapshotId,
  amount: drillAmount,
  maxBytes: z.number().int().min(1),
  maxMinutes: z.number().int().min(1).max(10_080),
  /** What a sample is drawn by, so that whoever runs the drill does not choose. */
  seed: z.string().regex(/^[0-9a-f]{32}$/),
});

const comparison = z.strictObject({ before: snapshotId, after: snapshotId });

/** Compares snapshots with earlier ones of the same files, and counts what ransomware would do to them. */
export const analysisTask = z.strictObject({
  kind: z.literal('analysis'),
  access: repositoryAccess,
  comparisons: z.array(comparison).min(1).max(maxComparisons),
});

export const maintenanceTasks = [
  forgetTask,
  pruneTask,
  checkTask,
  drillTask,
  analysisTask,
  snapshotsTask,
  browseTask,
  findTask,
  statsTask,
  recoveryKeyTask,
] as const;

const forgetResult = z.object({
  kind: z.literal('forget'),
  /** Gone from the repository. When there are more to go than one task takes, the oldest went and `more` says so. */
  removed: z.array(snapshotId).max(maxForgottenSnapshots),
  more: z.boolean(),
  /** Should go and must stay until a date. */
  retained: count,
  kept: count,
  durationMs: z.number(),
});

const pruneResult = z.object({
  kind: z.literal('prune'),
  dryRun: z.boolean().optional(),
  /** Deleted, or with a dry run what would be; those that are packed again are among them. */
  deletedPacks: count,
  deletedBytes: count,
  newPacks: count,
  /** Of a dry run: packs of which what is needed would be packed again, and how many bytes all would give back. */
  repackedPacks: count.optional(),
  freedBytes: count.optional(),
  /** Packs that stayed: a backup that ended meanwhile needs them, or their retention does. */
  spared: count,
  retained: count,
  durationMs: z.number(),
});

const checkResult = z.object({
  kind: z.literal('check'),
  snapshots: count,
  packs: count,
  blobs: count,
  trees: count,
  bytesRead: count,
  warnings: count,
  durationMs: z.number(),
});

/** Of a drill that found everything as it was backed up. */
export const drillResult = z.object({
  kind: z.literal('drill'),
  snapshotId,
  /** The root of what was compared with: SHA-256 of its list of entries, and so of everything below. Not told in the zero-knowledge mode. */
  tree: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  coverage: z.enum(['whole', 'sample']),
  seed: z.string(),
  /** Restored, read back from the disk, and every byte what was backed up. */
  files: count,
  bytes: count,
  /** Entries of any kind whose type, mode, time of modification and link were compared, and owners where the executor is root. */
  entries: count,
  ownersCompared: z.boolean(),
  /** Entries with extended attributes that the executor could not set: its rights or its file system don't allow it. */
  withoutAttributes: count,
  /** Devices, which only root can make. */
  notTried: count,
  /** Of the snapshot. */
  totalFiles: count,
  totalBytes: count,
  /** From the beginning of the restore to the first file with content. */
  firstByteMs: z.number(),
  /** Until everything was durable. */
  restoreMs: z.number(),
  compareMs: z.number(),
  bytesPerSecond: z.number(),
  /** How long the whole snapshot would take at that rate, by bytes or by files, whichever takes longer. */
  wholeRestoreMs: z.number(),
  durationMs: z.number(),
});
export type DrillResult = z.infer<typeof drillResult>;

/** What became of the files of one extension. Told from so many on as `minGoneFiles` and `minRenamedFiles` say. */
export const extensionChange = z.object({
  /**
   * In lower case, without the dot; empty: files without one; `*`: all that are more than an executor counts apart. Left out in the
   * zero-knowledge mode, where it is a part of names.
   */
  extension: z
    .string()
    .max(200)
    .regex(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]*$/u)
    .optional(),
  /** Files of it in the earlier snapshot. */
  before: count,
  /** So many fewer are in the later one; 0 of files without extension. */
  gone: count,
  /** Files that have it now, in the place of files of the same folder that had another one. */
  renamed: count,
  /** In so many folders. */
  folders: count,
});
export type ExtensionChange = z.infer<typeof extensionChange>;

const analysisResult = z.object({
  kind: z.literal('analysis'),
  /** Without pairs of which one is no longer there. */
  comparisons: z
    .array(comparison.extend({ changes: z.array(extensionChange).max(maxToldExtensions) }))
    .max(maxComparisons),
  durationMs: z.number(),
});

/** What is written in a snapshot. */
export const snapshotFacts = z.object({
  id: snapshotId,
  takenAt: isoTime,
  hostname: z.string(),
  sources: z.array(text),
  tags: z.array(z.string()),
  /** Of snapshots whose program wrote them down. */
  totalFiles: count.optional(),
  totalBytes: count.optional(),
  storedBytes: count.optional(),
});
export type SnapshotFacts = z.infer<typeof snapshotFacts>;

const snapshotsResult = z.object({
  kind: z.literal('snapshots'),
  snapshots: z.array(snapshotFacts),
  /** The last id that was looked at, when others follow. */
  next: snapshotId.optional(),
});

/** An entry of a snapshot. Names that are not UTF-8 are shown with replacement characters. */
export const snapshotEntry = z.object({
  path: text,
  type: z.string().max(20),
  sizeBytes: count.optional(),
  modifiedAt: z.string().max(40).optional(),
  mode: count.optional(),
  uid: count.optional(),
  gid: count.optional(),
  user: z.string().optional(),
  group: z.string().optional(),
  linkTarget: text.optional(),
});
export type SnapshotEntry = z.infer<typeof snapshotEntry>;

const browseResult = z.object({
  kind: z.literal('browse'),
  entries: z.array(snapshotEntry),
  more: z.boolean(),
});

const findResult = z.object({
  kind: z.literal('find'),
  entries: z.array(snapshotEntry),
  more: z.boolean(),
});

export const statsResult = z.object({
  kind: z.literal('stats'),
  mode: statsMode,
  snapshots: count,
  totalBytes: count,
  files: count,
  blobs: count,
  compression: z
    .object({
      uncompressedBytes: z.number(),
      ratio: z.number(),
      progressPercent: z.number(),
      savingPercent: z.number(),
    })
    .optional(),
});

const recoveryKeyResult = z.object({
  kind: z.literal('recovery-key'),
  kitId: kitSeal.shape.id,
  /** Keys of former kits that the storage does not let go before a date. */
  formerKeys: count,
});

export const maintenanceResults = [
  forgetResult,
  pruneResult,
  checkResult,
  drillResult,
  analysisResult,
  snapshotsResult,
  browseResult,
  findResult,
  statsResult,
  recoveryKeyResult,
] as const;
