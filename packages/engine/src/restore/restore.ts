import fs from 'node:fs';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { ObjectId, Repository, RepositoryLock } from '@holdfast/repository';
import { absolutePath, printPath } from '../byte-path.ts';
import { reason } from '../problem.ts';
import { ProblemList } from '../problem-list.ts';
import { type Progress, ProgressReporter, type Waits } from '../progress.ts';
import { findFolder } from '../walk-tree.ts';
import { protectedFolder } from './restore-deletions.ts';
import type { Overwrite } from './restore-jobs.ts';
import { RestoreRun } from './restore-run.ts';
import { type RestorePatterns, RestoreSelection } from './restore-selection.ts';
import type { RestoredEntry } from './restore-state.ts';
import { type RestoreThreads, restoreThreads } from './restore-threads.ts';
import { RestoreTimes } from './restore-times.ts';
import { verifyRestored } from './restore-verify.ts';
import { type XattrPatterns, xattrRule } from './xattr-rule.ts';

export type RestoreProgress = Progress<'prepare' | 'restore' | 'finish' | 'verify'>;

export interface RestoreOptions extends RestorePatterns, XattrPatterns {
  /** An id, the beginning of one, or `latest`. */
  readonly snapshotId: string;
  /** A folder of the snapshot: what is in it is restored into the target, and patterns see paths below it. */
  readonly subfolder?: Buffer | string | undefined;
  /** The folder that becomes the root of what is restored; made if it is missing. */
  readonly target: Buffer | string;
  /**
   * What an entry that exists means: 'refuse' (if left out): the target must be empty. 'always': it is compared with the
   * snapshot, and only what is wrong is written; 'if-changed': files of the same size and time are believed without a
   * comparison; 'if-newer': only what is newer in the snapshot is restored; 'never': what exists stays. Folders are kept
   * and filled, never replaced; links are replaced, never followed.
   */
  readonly overwrite?: Overwrite | undefined;
  /** Removes from restored folders what the snapshot does not have, as far as the patterns choose it. */
  readonly deletes?: boolean | undefined;
  /** Folders that `deletes` never removes or empties, the repository's above all. */
  readonly protect?: readonly string[] | undefined;
  /** Files belong to the users and groups that have their names here (root where there is none), instead of the same numbers. */
  readonly ownersByName?: boolean | undefined;
  /** Changes nothing, and tells what would be done. */
  readonly dryRun?: boolean | undefined;
  /** Reads every restored file back and compares it with the snapshot. */
  readonly verify?: boolean | undefined;
  /** False: the summary does not wait until everything is durable. */
  readonly durable?: boolean | undefined;
  /** Told of every entry that is finished. */
  readonly onEntry?: ((entry: RestoredEntry) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  /** Items that could not be restored, or not fully, as they are found; the restore goes on. */
  readonly onProblem?: ((problem: HoldfastError) => void) | undefined;
  /** Threads, 1 to 64; one per processor, at most 8, if left out. */
  readonly workers?: number | undefined;
  /** Threads that have begun to start; the restore ends them. Its own ones if left out. */
  readonly threads?: RestoreThreads | undefined;
}

export interface RestoreSummary {
  readonly snapshotId: ObjectId;
  /** Those that were right already among them. */
  readonly filesRestored: number;
  readonly foldersRestored: number;
  /** Links, devices, fifos and sockets. */
  readonly othersRestored: number;
  /** Bytes of content that were written. */
  readonly bytesRestored: number;
  /** Files of `filesRestored` whose content was right already, and their bytes. */
  readonly filesUnchanged: number;
  readonly bytesUnchanged: number;
  /** Left as they were because of `overwrite`, and what they would have had. */
  readonly itemsKept: number;
  readonly bytesKept: number;
  readonly itemsDeleted: number;
  /** Undefined without `verify`. */
  readonly filesVerified: number | undefined;
  /** Blobs that were damaged in one pack and found right in another: a reason for a check. */
  readonly blobsHealed: number;
  readonly itemsFailed: number;
  /** False when this process may not set owners (it is not root): everything belongs to its own user. */
  readonly ownersRestored: boolean;
  /** What it waited for; undefined where there was nothing to wait for. */
  readonly waits: Waits | undefined;
  readonly durationMs: number;
  /** The first 1,000 of `problemCount`. */
  readonly problems: readonly HoldfastError[];
  readonly problemCount: number;
  /** False when something could not be restored, or not with all its attributes. */
  readonly complete: boolean;
  /** The first problem that says that the repository itself is damaged. Everything that is not was restored. */
  readonly damage: HoldfastError | undefined;
}

/**
 * Restores a snapshot, or a part of it, into a folder, with everything that restic's format keeps, sockets included.
 * Nothing is ever written outside the target: each folder is entered from the one above, and never through a link.
 * Blobs are verified while they are read; a damaged one is looked for in other packs. A file that is not finished has
 * another size than it is to have. When the summary comes, everything is durable (docs/invariants.md).
 * @throws restore.target, snapshot.missing, request.missing, usage.option, repository.locked, run.cancelled, storage errors
 */
export async function restore(repository: Repository, options: RestoreOptions): Promise<RestoreSummary> {
  const startedMs = repository.clock.monotonicMs();
  options.signal?.throwIfAborted();
  const selection = new RestoreSelection(options);
  // What is malformed is refused here.
  xattrRule(options);
  const problems = new ProblemList(options.onProblem);
  const progress = new ProgressReporter(repository.clock, options.onProgress);
  progress.force({ phase: 'prepare', filesDone: 0, bytesDone: 0 });
  await using started = options.threads ?? restoreThreads(options.workers);
  return await repository.underLock(
    { exclusive: false, signal: options.signal, onProblem: (problem) => problems.add(problem) },
    async (lock) => {
      const threads = started.ended ? restoreThreads(started.size) : started;
      return restoreUnder(lock, { repository, options, threads, selection, problems, progress, startedMs });
    },
  );
}

/** The lock may still be refused, until it is confirmed below. */
async function restoreUnder(
  lock: RepositoryLock,
  o: {
    readonly repository: Repository;
    readonly options: RestoreOptions;
    readonly threads: RestoreThreads;
    readonly selection: RestoreSelection;
    readonly problems: ProblemList;
    readonly progress: ProgressReporter<RestoreProgress['phase']>;
    readonly startedMs: number;
  },
): Promise<RestoreSummary> {
  const { repository, options, selection, problems, progress, startedMs } = o;
  const { overwrite = 'refuse', deletes = false, dryRun = false } = options;
  const { clock } = repository;
  const { includeXattrs, excludeXattrs } = options;
  const xattrs = { includeXattrs, excludeXattrs };
  // Only root may give files away.
  const setOwners = process.getuid?.() === 0;

  const stop = new AbortController();
  const given = options.signal === undefined ? [] : [options.signal];
  const begun: { run?: RestoreRun } = {};
  const times = new RestoreTimes(repository);
  await using pool = o.threads;
  pool.attach({
    onEvent: () => undefined,
    onJob: () => times.waitFor('threads'),
    onAnswer: (result, busy) => {
      times.add(result);
      if (!busy) times.waitFor('reads');
    },
    onFailure: (error) => {
      stop.abort(error);
      begun.run?.fail(error);
    },
  });
  const signal = AbortSignal.any([stop.signal, lock.signal, ...given]);
  await repository.loadIndex({ signal });
  const { id, snapshot } = await repository.loadSnapshot(options.snapshotId, { signal });
  const part = options.subfolder ?? '/';
  const tree = await findFolder(repository, { tree: snapshot.tree, path: Buffer.from(part), signal });
  await lock.confirm(signal);
  const target = prepareTarget(options.target, { overwrite, dryRun });
  if (deletes && selection.whole) refuseToEmptyAll(target);
  pool.setUp({ kind: 'setup', key: repository.masterKey, overwrite, setOwners, deletes, xattrs });
  const totals =
    selection.whole && tree === snapshot.tree && snapshot.summary !== undefined
      ? { filesTotal: snapshot.summary.totalFilesProcessed, bytesTotal: snapshot.summary.totalBytesProcessed }
      : {};
  const report = (phase: RestoreProgress['phase'], of: RestoreRun): RestoreProgress => ({
    phase,
    ...told(times.waits()),
    filesDone: of.counts.filesDone,
    bytesDone: of.counts.bytesDone + of.counts.unchangedBytes,
    ...totals,
    ...(of.currentPath === undefined ? {} : { currentPath: printPath(of.currentPath) }),
  });
  const current = new RestoreRun({
    repository,
    pool,
    problems,
    signal,
    selection,
    overwrite,
    deletes,
    dryRun,
    durable: options.durable !== false,
    // Only who deletes looks at them at all.
    protect: deletes ? (options.protect ?? []).map(protectedFolder).filter((folder) => folder !== undefined) : [],
    target,
    onProgress: () => progress.report(() => report('restore', current)),
    onEntry: options.onEntry,
  });
  begun.run = current;
  let filesVerified: number | undefined;
  let waits: Waits | undefined;
  try {
    await current.run(tree);
    progress.force(report('finish', current));
    if (target !== undefined && !dryRun) {
      times.waitFor('disk');
      await current.durability?.finish();
      if (options.verify === true) {
        const { secondPlaces, notRestored: except } = current;
        filesVerified = await verifyRestored({
          ...{ repository, pool, tree, selection, secondPlaces, signal, target, except },
          onWrong: (path, what, cause) => current.problem(path, what, cause),
          onVerified: () => progress.report(() => report('verify', current)),
        });
      }
    }
    waits = times.waits();
    progress.force(report(filesVerified === undefined ? 'finish' : 'verify', current));
  } catch (error) {
    stop.abort(error);
    // Threads must not write to descriptors that are closed below and used again by somebody else.
    await pool[Symbol.asyncDispose]();
    throw error;
  } finally {
    current.close();
  }
  const { counts } = current;
  return {
    snapshotId: id,
    filesRestored: counts.filesDone,
    foldersRestored: counts.foldersDone,
    othersRestored: counts.othersDone,
    bytesRestored: counts.bytesDone,
    filesUnchanged: counts.unchanged,
    bytesUnchanged: counts.unchangedBytes,
    itemsKept: counts.kept,
    bytesKept: counts.keptBytes,
    itemsDeleted: counts.deleted,
    itemsFailed: counts.failed,
    filesVerified,
    blobsHealed: current.healed,
    ownersRestored: setOwners,
    waits,
    durationMs: clock.monotonicMs() - startedMs,
    problems: problems.kept,
    problemCount: problems.count,
    complete: !problems.incomplete,
    damage: current.damage,
  };
}

function told(waits: Waits | undefined): { waits?: Waits } {
  return waits === undefined ? {} : { waits };
}

/** As restic: `--target / --delete` would remove the system itself. */
function refuseToEmptyAll(target: Buffer | undefined): void {
  if (target?.toString() !== '/') return;
  throw new HoldfastError('usage.option', {
    message: '--target / with --delete would remove everything that the snapshot does not have.',
    guidance: 'Say with --include or --exclude which part is meant.',
  });
}

/**
 * The real path of the target, which is made if it is missing and must be empty if nothing may be overwritten. Undefined
 * when it is missing in a dry run.
 */
function prepareTarget(
  target: Buffer | string,
  { overwrite, dryRun }: { readonly overwrite: Overwrite; readonly dryRun: boolean },
): Buffer | undefined {
  const path = absolutePath(typeof target === 'string' ? Buffer.from(target) : target);
  try {
    if (!dryRun) fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    else if (!fs.existsSync(path)) return undefined;
    // The person's own choice may be a link; below it none is followed.
    const real = fs.realpathSync(path, { encoding: 'buffer' });
    if (overwrite === 'refuse' && fs.readdirSync(real).length > 0)
      throw new HoldfastError('restore.target', {
        message: `${printPath(path)} is not empty.`,
        context: { path: printPath(path) },
      });
    return real;
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause;
    throw new HoldfastError('restore.target', {
      message: `${printPath(path)} can't be used (${reason(cause)}).`,
      context: { path: printPath(path) },
      cause,
    });
  }
}
