import { lstat, readFile } from 'node:fs/promises';
import {
  type ExitStatus,
  errnoOf,
  exitStatus,
  formatBytes,
  formatCount,
  formatDuration,
  HoldfastError,
} from '@holdfast/core';
import type { BackupOptions, BackupSummary } from '@holdfast/engine/backup';
import type { BackupCommandOptions } from '../commands/backup.ts';
import { callersDirectory, resolvePath } from '../data-directory.ts';
import { splitTags } from '../option-values.ts';
import { counted, print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { BackupScripts } from './backup-scripts.ts';
import { BackupVolumes } from './backup-volumes.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { readPatternFiles } from './pattern-files.ts';

export async function runBackup(
  paths: readonly string[],
  options: BackupCommandOptions,
  work: Work,
): Promise<ExitStatus> {
  const { signal, view, resources } = work;
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
  const sources = [...paths.map(resolvePath), ...(await rawPaths(options.filesFromRaw))];
  if (sources.length === 0)
    throw new HoldfastError('usage.option', { message: 'No files or folders to back up were given.' });
  const excludes = [...(options.exclude ?? []), ...(await readPatternFiles(options.excludeFile))];
  const opening = openGivenRepository(options, work);
  const { backup, backupThreads } = await import('@holdfast/engine/backup');
  const threads = resources.use(backupThreads());
  const repository = await opening;
  const scripts = new BackupScripts(options, view);
  await scripts.before(signal);
  const volumes = new BackupVolumes(options, work);
  const run = async (readingPlaces: BackupOptions['readingPlaces']): Promise<BackupSummary> => {
    // Only now: the script may have made it.
    await requireSomeSource(sources);
    return backup(repository, {
      sources,
      readingPlaces,
      excludes,
      oneFileSystem: options.oneFileSystem,
      parent: options.force ? undefined : (options.parent ?? 'auto'),
      hostname: options.host,
      tags: splitTags(options.tag),
      threads,
      signal,
      onProgress: view.progress,
      onProblem: view.problem,
    });
  };
  const summary = await scripts.around(() => volumes.around(sources, run));
  view.done();
  if (options.json) await printJson(summaryJson(summary));
  else if (!options.quiet) await print(summaryText(summary));
  return summary.complete && !scripts.failed && !volumes.failed ? exitStatus.success : exitStatus.incomplete;
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

async function rawPaths(file: string | undefined): Promise<Buffer[]> {
  if (file === undefined) return [];
  const content = await readRaw(file);
  const paths: Buffer[] = [];
  for (let start = 0; start < content.length; ) {
    const found = content.indexOf(0, start);
    const end = found < 0 ? content.length : found;
    const path = content.subarray(start, end);
    if (path.length > 0)
      paths.push(path[0] === 0x2f ? path : Buffer.concat([Buffer.from(`${callersDirectory}/`), path]));
    start = end + 1;
  }
  return paths;
}

async function readRaw(file: string): Promise<Buffer> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : resolvePath(file));
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `The list of paths ${file} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}

/** The form that `--json` documents; the same fields as a run of the server. */
function summaryJson(summary: BackupSummary) {
  return {
    kind: 'backup',
    snapshotId: summary.snapshotId,
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
  };
}

function summaryText(summary: BackupSummary): string {
  const total = summary.filesNew + summary.filesChanged + summary.filesUnmodified;
  const changes = (fresh: number, changed: number, same: number): string =>
    `${formatCount(fresh)} new, ${formatCount(changed)} changed, ${formatCount(same)} unmodified`;
  const speed =
    summary.durationMs > 0 ? ` (${formatBytes((summary.bytesProcessed * 1000) / summary.durationMs)}/s)` : '';
  const lines = [
    `Snapshot ${summary.snapshotId.slice(0, 8)} is saved${summary.parentId === undefined ? '' : `, its parent is ${summary.parentId.slice(0, 8)}`}.`,
    `  Files     ${changes(summary.filesNew, summary.filesChanged, summary.filesUnmodified)}`,
    `  Folders   ${changes(summary.foldersNew, summary.foldersChanged, summary.foldersUnmodified)}`,
    `  In all    ${counted(total, 'file')}, ${formatBytes(summary.bytesProcessed)}`,
    `  Read      ${formatBytes(summary.bytesRead)}`,
    `  Added     ${formatBytes(summary.bytesNew)}, stored in ${formatBytes(summary.bytesStored)}`,
    `  Time      ${formatDuration(summary.durationMs)}${speed}`,
  ];
  if (summary.problemCount > 0) {
    lines.push(
      `  Problems  ${formatCount(summary.problemCount)}, see above${summary.complete ? '' : ': the snapshot is not complete'}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
