import { type ExitStatus, exitStatus, HoldfastError } from '@holdfast/core';
import type { RestoreOptions } from '@holdfast/engine/restore';
import type { Repository } from '@holdfast/repository';
import type { RestoreCommandOptions } from '../commands/restore.ts';
import { resolvePath } from '../data-directory.ts';
import { restoreByServer } from '../managed/restore-run.ts';
import type { OutputOptions } from '../output.ts';
import type { Work } from '../work.ts';
import { givenRepository, openGivenRepository } from './open-repository.ts';
import { readPatternFiles } from './pattern-files.ts';
import type { RepositoryOptions } from './repository-options.ts';
import { JsonRestore, type RestorePrinter, TextRestore } from './restore-printers.ts';
import { selectSnapshot, splitReference } from './snapshot-selection.ts';
import { withoutChanges } from './without-changes.ts';

export async function runRestore(text: string, options: RestoreCommandOptions, work: Work): Promise<ExitStatus> {
  const location = await givenRepository(options);
  if (location === undefined) return restoreByServer(text, options, work);
  if (options.agent !== undefined || options.direction !== undefined || options.detach) {
    throw new HoldfastError('usage.option', {
      message: '--agent, --direction and --detach are for restores by the server; leave out --repo for one.',
    });
  }
  return restoreFrom(openGivenRepository(options, work), text, options, work);
}

/** What a restore to this computer takes, wherever the repository comes from. */
export type RestoreFromOptions = Omit<RestoreCommandOptions, keyof RepositoryOptions> & OutputOptions;

/** Restores from a repository that is being opened. */
export async function restoreFrom(
  opening: Promise<Repository>,
  text: string,
  options: RestoreFromOptions,
  work: Work,
): Promise<ExitStatus> {
  const { signal, view, resources } = work;
  // So that a failure is heard of when the repository is awaited, and not before.
  void Promise.allSettled([opening]);
  const patterns = await patternsOf(options);
  const target = resolvePath(options.target);
  const { reference, path } = splitReference(text);
  const { restore, restoreThreads } = await import('@holdfast/engine/restore');
  const threads = resources.use(restoreThreads());
  const opened = await opening;
  const repository = options.lock ? opened : withoutChanges(opened);
  const found = await selectSnapshot(repository, { reference, filter: options, signal, onProblem: view.problem });
  const printer: RestorePrinter = options.json ? new JsonRestore(options) : new TextRestore(options, view);
  await printer.begin(found, target);
  const summary = await restore(repository, {
    ...patterns,
    snapshotId: found.id,
    subfolder: path,
    target,
    overwrite: options.overwrite ?? 'always',
    deletes: options.delete,
    protect: repository.target.kind === 'local' ? [repository.target.location] : [],
    dryRun: options.dryRun,
    verify: options.verify,
    includeXattrs: options.includeXattr,
    excludeXattrs: options.excludeXattr,
    ownersByName: options.ownershipByName,
    durable: options.sync,
    threads,
    signal,
    onProgress: printer.progress,
    onProblem: printer.problem,
    onEntry: printer.entry,
  });
  view.done();
  await printer.end(summary);
  return summary.complete && summary.damage === undefined ? exitStatus.success : exitStatus.failed;
}

type Patterns = Pick<RestoreOptions, 'include' | 'includeAnyCase' | 'exclude' | 'excludeAnyCase'>;

async function patternsOf(options: RestoreFromOptions): Promise<Patterns> {
  const { include, includeFile, iinclude, iincludeFile, exclude, excludeFile, iexclude, iexcludeFile } = options;
  return {
    include: [...(include ?? []), ...(await readPatternFiles(includeFile))],
    includeAnyCase: [...(iinclude ?? []), ...(await readPatternFiles(iincludeFile))],
    exclude: [...(exclude ?? []), ...(await readPatternFiles(excludeFile))],
    excludeAnyCase: [...(iexclude ?? []), ...(await readPatternFiles(iexcludeFile))],
  };
}
