import { z } from 'zod';
import { errorReport } from './error-report.ts';
import { statsMode, statsResult } from './maintenance-tasks.ts';
import { snapshotId } from './names.ts';

/** What is read in a repository as a stream: too much for one answer. */

const path = z.string().min(1).max(65_536);
const snapshotIds = z.array(snapshotId).min(1).max(1_000);
/** Nanoseconds since 1970. */
const timeNs = z.string().regex(/^-?\d{1,20}$/);
const side = z.strictObject({ snapshotId, path: path.default('/') });

/** Read as lines of JSON (`readingLine`). */
export const listing = z.discriminatedUnion('what', [
  /** What is written in snapshots. */
  z.strictObject({ what: z.literal('snapshots'), snapshotIds }),
  /** What is in a snapshot, or in the folder `root` of it, where paths then begin. */
  z.strictObject({
    what: z.literal('list'),
    snapshotId,
    root: path.default('/'),
    /** Only these with what is directly in them; everything if empty. */
    folders: z.array(path).max(100).default([]),
    /** With folders: everything below them. */
    recursive: z.boolean().default(false),
  }),
  z.strictObject({
    what: z.literal('find'),
    snapshotIds,
    patterns: z.array(path).min(1).max(100),
    ignoreCase: z.boolean().default(false),
    /** Bounds of the time of modification, both still inside. */
    oldestNs: timeNs.optional(),
    newestNs: timeNs.optional(),
  }),
  z.strictObject({ what: z.literal('diff'), before: side, after: side, metadata: z.boolean().default(false) }),
  z.strictObject({ what: z.literal('stats'), snapshotIds, mode: statsMode.default('restore-size') }),
]);
export type Listing = z.output<typeof listing>;

export const archiveFormat = z.enum(['tar', 'zip']);

/** A file as it is, or a folder as an archive. The output begins with a line of JSON (`contentsHead`). */
const contents = z.strictObject({
  what: z.literal('contents'),
  snapshotId,
  /** Where paths begin. */
  root: path,
  path,
  archive: archiveFormat,
  /** Bytes of a file to leave out at its beginning. */
  from: z.number().int().min(0),
  /** The last byte, from 0; the file's last if left out. */
  to: z.number().int().min(0).optional(),
});

export const reading = z.discriminatedUnion('what', [...listing.options, contents]);
export type Reading = z.output<typeof reading>;

export const contentsHead = z.object({
  kind: z.enum(['file', 'archive']),
  /** The last name of the path; empty for the whole snapshot. */
  name: z.string(),
  /** Of a file as a whole. */
  sizeBytes: z.number().int().optional(),
  /** What of it follows, after `from` and `to`. */
  from: z.number().int().optional(),
  to: z.number().int().optional(),
});
export type ContentsHead = z.infer<typeof contentsHead>;

const count = z.number().int().nonnegative();
const diffCounts = z.object({
  files: count,
  dirs: count,
  others: count,
  dataBlobs: count,
  treeBlobs: count,
  bytes: count,
});

/** One line. An empty one only says that the work goes on. Paths are bytes in base64, because names need not be UTF-8. */
export const readingLine = z.discriminatedUnion('kind', [
  /** The snapshot that what follows is of; the document is restic's, as text. */
  z.object({ kind: z.literal('snapshot'), id: snapshotId, document: z.string() }),
  /** An entry; the node is restic's, as text, without what it takes to read its content. */
  z.object({ kind: z.literal('node'), path: z.base64(), node: z.string() }),
  /** All that a folder holds was given. */
  z.object({ kind: z.literal('left'), path: z.base64() }),
  z.object({ kind: z.literal('change'), path: z.base64(), modifier: z.enum(['+', '-', 'T', 'M', 'M?', 'TU', 'U']) }),
  z.object({ kind: z.literal('compared'), changedFiles: count, added: diffCounts, removed: diffCounts }),
  z.object({ ...statsResult.shape, kind: z.literal('stats') }),
  /** Something could not be read; the rest follows. */
  z.object({ kind: z.literal('problem'), problem: errorReport }),
  /** Nothing follows: why not all could be read. */
  z.object({ kind: z.literal('failed'), problem: errorReport }),
]);
export type ReadingLine = z.infer<typeof readingLine>;
