import { escapeJsonLikeGo } from './go-text.ts';
import { JsonRecord } from './json-record.ts';
import type { ObjectId } from './object-id.ts';

/** What a backup did; restic 0.19's fields. Counts above 2^53 lose their last digits, which are only shown. */
export interface SnapshotSummary {
  /** RFC 3339, as all times here. */
  readonly backupStart: string;
  readonly backupEnd: string;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly dirsNew: number;
  readonly dirsChanged: number;
  readonly dirsUnmodified: number;
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  readonly dataAdded: number;
  readonly dataAddedPacked: number;
  readonly totalFilesProcessed: number;
  readonly totalBytesProcessed: number;
}

/** Exactly restic's fields (`internal/data/snapshot.go`). */
export interface Snapshot {
  readonly time: string;
  readonly parent?: ObjectId | undefined;
  readonly tree: ObjectId;
  readonly paths: readonly string[];
  readonly hostname?: string | undefined;
  readonly username?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly excludes?: readonly string[] | undefined;
  readonly tags?: readonly string[] | undefined;
  /** The snapshot that this one was made from by tagging or rewriting. */
  readonly original?: ObjectId | undefined;
  readonly programVersion?: string | undefined;
  readonly summary?: SnapshotSummary | undefined;
}

/** A field of the summary and restic's name of it, in restic's order. */
const summaryCounts = [
  ['filesNew', 'files_new'],
  ['filesChanged', 'files_changed'],
  ['filesUnmodified', 'files_unmodified'],
  ['dirsNew', 'dirs_new'],
  ['dirsChanged', 'dirs_changed'],
  ['dirsUnmodified', 'dirs_unmodified'],
  ['dataBlobs', 'data_blobs'],
  ['treeBlobs', 'tree_blobs'],
  ['dataAdded', 'data_added'],
  ['dataAddedPacked', 'data_added_packed'],
  ['totalFilesProcessed', 'total_files_processed'],
  ['totalBytesProcessed', 'total_bytes_processed'],
] as const satisfies readonly (readonly [keyof SnapshotSummary, string])[];

/** restic's JSON, byte for byte: empty fields are left out. */
export function encodeSnapshot(snapshot: Snapshot): Buffer {
  const summary = snapshot.summary;
  const json = JSON.stringify({
    time: snapshot.time,
    parent: snapshot.parent,
    tree: snapshot.tree,
    paths: snapshot.paths,
    hostname: snapshot.hostname || undefined,
    username: snapshot.username || undefined,
    uid: snapshot.uid || undefined,
    gid: snapshot.gid || undefined,
    excludes: snapshot.excludes?.length ? snapshot.excludes : undefined,
    tags: snapshot.tags?.length ? snapshot.tags : undefined,
    original: snapshot.original,
    program_version: snapshot.programVersion || undefined,
    summary: summary && {
      backup_start: summary.backupStart,
      backup_end: summary.backupEnd,
      ...Object.fromEntries(summaryCounts.map(([field, name]) => [name, summary[field]])),
    },
  });
  return Buffer.from(escapeJsonLikeGo(json));
}

/** @throws repository.damaged; `where` names the file. */
export function decodeSnapshot(json: Uint8Array, where: string): Snapshot {
  const record = JsonRecord.parse(json, where);
  return {
    time: record.time('time'),
    parent: record.optionalId('parent'),
    tree: record.id('tree'),
    paths: record.texts('paths'),
    hostname: record.text('hostname'),
    username: record.text('username'),
    uid: record.count('uid'),
    gid: record.count('gid'),
    excludes: record.texts('excludes'),
    tags: record.texts('tags'),
    original: record.optionalId('original'),
    programVersion: record.text('program_version'),
    summary: record.has('summary') ? decodeSummary(record.record('summary')) : undefined,
  };
}

function decodeSummary(record: JsonRecord): SnapshotSummary {
  return {
    backupStart: record.time('backup_start'),
    backupEnd: record.time('backup_end'),
    filesNew: record.count('files_new'),
    filesChanged: record.count('files_changed'),
    filesUnmodified: record.count('files_unmodified'),
    dirsNew: record.count('dirs_new'),
    dirsChanged: record.count('dirs_changed'),
    dirsUnmodified: record.count('dirs_unmodified'),
    dataBlobs: record.count('data_blobs'),
    treeBlobs: record.count('tree_blobs'),
    dataAdded: record.count('data_added'),
    dataAddedPacked: record.count('data_added_packed'),
    totalFilesProcessed: record.count('total_files_processed'),
    totalBytesProcessed: record.count('total_bytes_processed'),
  };
}
