import { type ExitStatus, exitStatus, formatBytes, formatCount, formatDuration, HoldfastError } from '@holdfast/core';
import { listTree, type RestoreSummary, restore } from '@holdfast/engine';
import type { Repository } from '@holdfast/repository';
import type { RestoreCommandOptions } from '../commands/restore.ts';
import { resolvePath } from '../data-directory.ts';
import { restoreByServer } from '../managed/restore-run.ts';
import { counted, print, printJson } from '../output.ts';
import type { Work } from '../work.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { patternOf } from './path-pattern.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';

export async function runRestore(text: string, options: RestoreCommandOptions, work: Work): Promise<ExitStatus> {
  if ((await givenRepository(options)) === undefined) return restoreByServer(text, options, work);
  const { signal, view, resources } = work;
  if (options.agent !== undefined || options.detach) {
    throw new HoldfastError('usage.option', {
      message: '--agent and --detach are for restores by the server; leave out --repo for one.',
    });
  }
  const { reference, path } = splitReference(text);
  if (path !== '/' && options.include !== undefined) {
    throw new HoldfastError('usage.option', { message: 'A path after the snapshot and --include exclude each other.' });
  }
  const repository = await openGivenRepository(options, { resources, signal });
  const { id } = await selectSnapshot(repository, { reference, filter: options, signal, onProblem: view.problem });
  if (path !== '/') await requirePath(repository, { snapshotId: id, path, signal });
  const target = resolvePath(options.target);
  const summary = await restore(repository, {
    snapshotId: id,
    target,
    include: path === '/' ? options.include : [patternOf(path)],
    excludes: options.exclude,
    overwrite: options.overwrite,
    signal,
    onProgress: view.progress,
    onProblem: view.problem,
  });
  view.done();
  if (options.json) await printJson(summaryJson(summary, target));
  else if (!options.quiet) await print(summaryText(summary, target));
  // A damaged repository is more than an incomplete restore.
  if (summary.damage !== undefined) return exitStatus.failed;
  return summary.complete ? exitStatus.success : exitStatus.incomplete;
}

/** A mistyped path is an error, not a restore of nothing. */
async function requirePath(
  repository: Repository,
  o: { readonly snapshotId: string; readonly path: string; readonly signal: AbortSignal },
): Promise<void> {
  const entries = listTree(repository, o);
  await entries.next();
  await entries.return(undefined);
}

function summaryJson(summary: RestoreSummary, target: string) {
  return {
    kind: 'restore',
    snapshotId: summary.snapshotId,
    target,
    files: summary.filesRestored,
    directories: summary.foldersRestored,
    others: summary.othersRestored,
    bytes: summary.bytesRestored,
    kept: summary.itemsKept,
    failed: summary.itemsFailed,
    ownersRestored: summary.ownersRestored,
    durationMs: Math.round(summary.durationMs),
    complete: summary.complete,
    problemCount: summary.problemCount,
    problems: summary.problems.map((problem) => problem.toJSON()),
  };
}

function summaryText(summary: RestoreSummary, target: string): string {
  const speed =
    summary.durationMs > 0 ? ` (${formatBytes((summary.bytesRestored * 1000) / summary.durationMs)}/s)` : '';
  const lines = [
    `Snapshot ${summary.snapshotId.slice(0, 8)} is restored to ${target}.`,
    `  Restored  ${counted(summary.filesRestored, 'file')}, ${counted(summary.foldersRestored, 'folder')}, ${counted(summary.othersRestored, 'other')}; ${formatBytes(summary.bytesRestored)}`,
    `  Time      ${formatDuration(summary.durationMs)}${speed}`,
  ];
  if (summary.itemsKept > 0) lines.push(`  Kept      ${formatCount(summary.itemsKept)} that were there already`);
  if (!summary.ownersRestored) lines.push('  Owners    not restored: only root may give files away');
  if (summary.problemCount > 0) {
    lines.push(
      `  Problems  ${formatCount(summary.problemCount)}, see above${summary.complete ? '' : ': the restore is not complete'}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
