import { type ExitStatus, exitStatus, formatBytes, formatCount, formatDuration, HoldfastError } from '@holdfast/core';
import { listTree, type Overwrite, type RestoreSummary, restore } from '@holdfast/engine';
import type { Repository } from '@holdfast/repository';
import { type Command, Option } from 'commander';
import { resolvePath } from '../data-directory.ts';
import { restoreByServer } from '../managed/restore-run.ts';
import { collect } from '../option-values.ts';
import { counted, print, printJson } from '../output.ts';
import { givenRepository, openGivenRepository } from '../stand-alone/open-repository.ts';
import { patternOf } from '../stand-alone/path-pattern.ts';
import {
  addOutputOptions,
  addProgressOption,
  addRepositoryOptions,
  environmentHelp,
  exitStatusHelp,
  type RepositoryOptions,
} from '../stand-alone/repository-options.ts';
import {
  addSnapshotFilter,
  type SnapshotFilter,
  selectSnapshot,
  splitReference,
} from '../stand-alone/snapshot-selection.ts';
import { perform, type Work } from '../work.ts';

interface RestoreCommandOptions extends RepositoryOptions, SnapshotFilter {
  readonly target: string;
  readonly include?: string[];
  readonly exclude?: string[];
  readonly overwrite: Overwrite;
  readonly agent?: string;
  readonly detach?: boolean;
}

/** `holdfast restore`: from a repository to this computer, or by the server to an agent's computer. */
export function registerRestore(program: Command): void {
  const command = program
    .command('restore')
    .description("restore a snapshot: with --repo to this computer, else by the server to an agent's")
    .argument('<snapshot[:path]>', 'id, beginning of an id, or latest; with :path only that file or folder')
    .requiredOption('-t, --target <folder>', "folder that becomes the snapshot's root; made if it is missing")
    .option('-i, --include <pattern>', 'only what matches, by its path in the snapshot; may be repeated', collect)
    .option('-e, --exclude <pattern>', 'leave out what matches; may be repeated', collect)
    .addOption(
      new Option(
        '--overwrite <what>',
        'refuse: the target must be empty; replace: what has the same name is replaced; keep: it stays',
      )
        .choices(['refuse', 'replace', 'keep'])
        .default('refuse'),
    )
    .option(
      '--agent <name>',
      'without --repo: the agent to restore to, by host name or id; else the one of the snapshot',
    )
    .option('--detach', 'without --repo: print the id of the run and do not wait for its end');
  addSnapshotFilter(command);
  addRepositoryOptions(command, { orServer: true });
  addProgressOption(addOutputOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  $ holdfast restore latest --target /mnt/restored --repo /mnt/disk/repo -p password.txt
  $ holdfast restore 1a2b3c4d:/home/ann/letters --target . --overwrite keep -r repo -p password.txt
  $ holdfast restore latest --host web1 -i '*.conf' -e '*.bak' -t /tmp/conf -r repo -p password.txt
  $ holdfast restore 1a2b3c4d --agent web1 --target /var/restored            by the server

A path is restored at its own place below the target: 1a2b3c4d:/home/ann gives TARGET/home/ann. As root, owners and
devices are restored as well.
${environmentHelp}

JSON: {kind: "restore", snapshotId, target, files, directories, others, bytes, kept, failed, ownersRestored, durationMs,
complete, problemCount, problems: […]}; by the server {kind: "run", run: {…}} as in its API.
${exitStatusHelp}`,
    )
    .action((reference: string, options: RestoreCommandOptions) =>
      perform(options, async (work) =>
        (await givenRepository(options)) === undefined
          ? restoreByServer(reference, options, work)
          : runRestore(reference, options, work),
      ),
    );
}

async function runRestore(
  text: string,
  options: RestoreCommandOptions,
  { signal, view, resources }: Work,
): Promise<ExitStatus> {
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
