import { lstat } from 'node:fs/promises';
import {
  type ExitStatus,
  errnoOf,
  exitStatus,
  formatBytes,
  formatCount,
  formatDuration,
  HoldfastError,
} from '@holdfast/core';
import type { BackupOptions, BackupSummary, FolderMark } from '@holdfast/engine/backup';
import type { BackupCommandOptions } from '../commands/backup.ts';
import { resolvePath } from '../data-directory.ts';
import { setting } from '../environment.ts';
import { splitTags } from '../option-values.ts';
import { counted, print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { BackupScripts } from './backup-scripts.ts';
import { streamSource } from './backup-stream.ts';
import { BackupVolumes } from './backup-volumes.ts';
import { listedPaths } from './files-from.ts';
import { type BackupEnd, NotifiedBackup } from './notified-backup.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { readPatternFiles } from './pattern-files.ts';
import { withoutChanges } from './without-changes.ts';

export async function runBackup(
  paths: readonly string[],
  options: BackupCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) {
    throw new HoldfastError('usage.option', {
      message: 'No repository was given.',
      guidance:
        'Use --repo for a backup without a server; for one that the server manages, `holdfast job create` and `holdfast job run`.',
    });
  }
  if (options.force && options.parent !== undefined) {
    throw new HoldfastError('usage.option', {
      message: '--force reads everything again, so --parent would mean nothing.',
    });
  }
  const end = await new NotifiedBackup(options, work).around(() => performBackup(paths, options, work));
  return end.outcome === 'succeeded' ? exitStatus.success : exitStatus.incomplete;
}

async function performBackup(paths: readonly string[], options: BackupCommandOptions, work: Work): Promise<BackupEnd> {
  const { signal, view, resources } = work;
  const stream = streamSource(paths, options);
  const sources = stream === undefined ? await givenPaths(paths, options, work) : [];
  const excludes = [...(options.exclude ?? []), ...(await readPatternFiles(options.excludeFile))];
  const opening = openGivenRepository(options, work);
  const { backup, backupThreads, cacheMark } = await import('@holdfast/engine/backup');
  const threads = resources.use(backupThreads());
  const opened = await opening;
  const repository = options.dryRun ? withoutChanges(opened) : opened;
  const scripts = new BackupScripts(options, view);
  await scripts.before(signal);
  const volumes = new BackupVolumes(options, work);
  const run = async (readingPlaces: BackupOptions['readingPlaces']): Promise<BackupSummary> => {
    // Only now: the script may have made it.
    if (stream === undefined) await requireSomeSource(sources);
    return backup(repository, {
      sources: stream ?? sources,
      readingPlaces,
      excludes,
      excludesAnyCase: [...(options.iexclude ?? []), ...(await readPatternFiles(options.iexcludeFile))],
      excludeIfPresent: [
        ...(options.excludeIfPresent ?? []).map(folderMark),
        ...(options.excludeCaches ? [cacheMark] : []),
      ],
      excludeLargerThanBytes: options.excludeLargerThan,
      oneFileSystem: options.oneFileSystem,
      parent: options.force ? undefined : (options.parent ?? 'auto'),
      parentGroup: options.groupBy,
      ignoreInode: options.ignoreInode,
      ignoreCtime: options.ignoreCtime,
      skipIfUnchanged: options.skipIfUnchanged,
      withAtime: options.withAtime,
      hostname: options.host,
      time: options.time === undefined ? undefined : new Date(Number(options.time / 1_000_000n)),
      packSizeBytes: packSizeBytes(options),
      tags: splitTags(options.tag),
      threads,
      signal,
      onProgress: view.progress,
      countAhead: options.scan && view.isWatched,
      onProblem: view.problem,
    });
  };
  const summary = await scripts.around(() => (stream === undefined ? volumes.around(sources, run) : run(undefined)));
  view.done();
  const dryRun = options.dryRun === true;
  if (options.json) await printJson(summaryJson(summary, dryRun));
  else if (!options.quiet) await print(summaryText(summary, dryRun));
  const succeeded = summary.complete && !scripts.failed && !volumes.failed;
  return { summary, outcome: succeeded ? 'succeeded' : 'warning' };
}

async function givenPaths(
  paths: readonly string[],
  options: BackupCommandOptions,
  { view }: Work,
): Promise<(string | Buffer)[]> {
  const listed = await listedPaths(options, (message) => view.note(`Warning: ${message}`));
  const sources = [...paths.map(resolvePath), ...listed];
  if (sources.length > 0) return sources;
  throw new HoldfastError('usage.option', { message: 'No files or folders to back up were given.' });
}

/** A mistyped path beside others is a problem of the backup; when nothing of all is there, there is nothing to back up. */
async function requireSomeSource(sources: readonly (string | Buffer)[]): Promise<void> {
  for (const source of sources) {
    try {
      await lstat(source);
      return;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      // Something that may not be looked at is there: the engine says what is the matter with it.
      if (errno !== 'ENOENT' && errno !== 'ENOTDIR') return;
    }
  }
  throw new HoldfastError('backup.nothing', {
    message: `${sources.map(String).join(', ')}: there is no such file or folder.`,
  });
}

/** `name` or `name:header`. */
function folderMark(text: string): FolderMark {
  const colon = text.indexOf(':');
  return colon < 0 ? { name: text, header: '' } : { name: text.slice(0, colon), header: text.slice(colon + 1) };
}

function packSizeBytes({ packSize }: BackupCommandOptions): number | undefined {
  const given = packSize ?? setting('PACK_SIZE');
  if (given === undefined || given === '') return undefined;
  const sizeMiB = Number(given);
  if (Number.isInteger(sizeMiB) && sizeMiB >= 4 && sizeMiB <= 128) return sizeMiB * 1024 * 1024;
  throw new HoldfastError('usage.option', { message: `A pack has from 4 to 128 MiB, not ${given}.` });
}

/** The form that `--json` documents: the same fields as a run of the server, and restic's summary in the same object. */
function summaryJson(summary: BackupSummary, dryRun: boolean) {
  return {
    kind: 'backup',
    dryRun,
    skipped: summary.skipped,
    ...(dryRun ? {} : { snapshotId: summary.snapshotId }),
    parentId: summary.parentId,
    files: { new: summary.filesNew, changed: summary.filesChanged, unmodified: summary.filesUnmodified },
    directories: { new: summary.foldersNew, changed: summary.foldersChanged, unmodified: summary.foldersUnmodified },
    totalFiles: summary.filesNew + summary.filesChanged + summary.filesUnmodified,
    totalBytes: summary.bytesProcessed,
    readBytes: summary.bytesRead,
    newBytes: summary.bytesNew,
    storedBytes: summary.bytesStored,
    durationMs: Math.round(summary.durationMs),
    complete: summary.complete,
    problemCount: summary.problemCount,
    problems: summary.problems.map((problem) => problem.toJSON()),
    ...resticSummary(summary, dryRun),
  };
}

function resticSummary(summary: BackupSummary, dryRun: boolean) {
  return {
    message_type: 'summary',
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    dirs_new: summary.foldersNew,
    dirs_changed: summary.foldersChanged,
    dirs_unmodified: summary.foldersUnmodified,
    data_added: summary.bytesNew,
    data_added_packed: summary.bytesStored,
    total_files_processed: summary.filesNew + summary.filesChanged + summary.filesUnmodified,
    total_bytes_processed: summary.bytesProcessed,
    total_duration: summary.durationMs / 1000,
    // restic names no snapshot that was not made.
    ...(dryRun ? { dry_run: true } : summary.skipped ? {} : { snapshot_id: summary.snapshotId }),
  };
}

function outcomeText({ snapshotId, parentId, skipped }: BackupSummary, dryRun: boolean): string {
  const id = (one: string): string => one.slice(0, 8);
  if (dryRun) return 'Nothing was stored.';
  if (skipped) return `Nothing has changed since snapshot ${id(snapshotId)}: no new one was made.`;
  return `Snapshot ${id(snapshotId)} is saved${parentId === undefined ? '' : `, its parent is ${id(parentId)}`}.`;
}

function summaryText(summary: BackupSummary, dryRun: boolean): string {
  const total = summary.filesNew + summary.filesChanged + summary.filesUnmodified;
  const changes = (fresh: number, changed: number, same: number): string =>
    `${formatCount(fresh)} new, ${formatCount(changed)} changed, ${formatCount(same)} unmodified`;
  const speed =
    summary.durationMs > 0 ? ` (${formatBytes((summary.bytesProcessed * 1000) / summary.durationMs)}/s)` : '';
  const lines = [
    outcomeText(summary, dryRun),
    `  Files     ${changes(summary.filesNew, summary.filesChanged, summary.filesUnmodified)}`,
    `  Folders   ${changes(summary.foldersNew, summary.foldersChanged, summary.foldersUnmodified)}`,
    `  In all    ${counted(total, 'file')}, ${formatBytes(summary.bytesProcessed)}`,
    `  Read      ${formatBytes(summary.bytesRead)}`,
    `  ${dryRun ? 'To add' : 'Added '}    ${formatBytes(summary.bytesNew)}, stored in ${formatBytes(summary.bytesStored)}`,
    `  Time      ${formatDuration(summary.durationMs)}${speed}`,
  ];
  if (summary.problemCount > 0) {
    lines.push(
      `  Problems  ${formatCount(summary.problemCount)}, see above${summary.complete ? '' : ': the snapshot is not complete'}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
