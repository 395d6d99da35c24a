import fs from 'node:fs';
import os from 'node:os';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { ObjectId, Repository } from '@holdfast/repository';
import { absolutePath, printPath } from './byte-path.ts';
import { reason } from './problem.ts';
import { ProblemList } from './problem-list.ts';
import { type Progress, ProgressReporter } from './progress.ts';
import { givesAcls } from './restore-item.ts';
import type { Overwrite, RestoreJob, RestoreResult } from './restore-jobs.ts';
import { RestoreRun } from './restore-run.ts';
import { RestoreSelection } from './restore-selection.ts';
import { ThreadPool, workerCount } from './thread-pool.ts';

export type RestoreProgress = Progress<'prepare' | 'restore' | 'finish'>;

export interface RestoreOptions {
  /** An id, the beginning of one, or `latest`. */
  readonly snapshotId: string;
  /** The folder that becomes the snapshot's root; made if it is missing. */
  readonly target: Buffer | string;
  /** Patterns of what is wanted, by its path in the snapshot; everything if left out. See `patterns.ts`. */
  readonly include?: readonly string[] | undefined;
  /** Patterns of what is not wanted, also of what `include` chooses. */
  readonly excludes?: readonly string[] | undefined;
  /**
   * 'refuse' (if left out): the target must be empty. 'replace': what has the name of something in the snapshot is
   * replaced (a folder is kept and filled, never removed; links are replaced, never followed). 'keep': what exists stays.
   */
  readonly overwrite?: Overwrite | undefined;
  readonly signal?: AbortSignal | undefined;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
  /** Items that could not be restored, or not fully, as they are found; the restore goes on. */
  readonly onProblem?: ((problem: HoldfastError) => void) | undefined;
  /** Threads, 1 to 64; one per processor, at most 8, if left out. */
  readonly workers?: number | undefined;
}

export interface RestoreSummary {
  readonly snapshotId: ObjectId;
  readonly filesRestored: number;
  readonly foldersRestored: number;
  /** Links, devices, fifos and sockets. */
  readonly othersRestored: number;
  readonly bytesRestored: number;
  /** Left as they were because of `overwrite: 'keep'`. */
  readonly itemsKept: number;
  readonly itemsFailed: number;
  /** False when this process may not set owners (it is not root): everything belongs to its own user. */
  readonly ownersRestored: boolean;
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
 * Blobs are verified while they are read.
 * @throws restore.target, snapshot.missing, usage.option, repository.locked, run.cancelled, storage errors
 */
export async function restore(repository: Repository, options: RestoreOptions): Promise<RestoreSummary> {
  const { clock } = repository;
  const startedMs = clock.monotonicMs();
  options.signal?.throwIfAborted();
  const selection = new RestoreSelection({ include: options.include ?? [], exclude: options.excludes ?? [] });
  const overwrite = options.overwrite ?? 'refuse';
  const size = workerCount(options.workers, os.availableParallelism());
  const problems = new ProblemList(options.onProblem);
  const progress = new ProgressReporter(clock, options.onProgress);
  progress.force({ phase: 'prepare', filesDone: 0, bytesDone: 0 });
  // Only root may give files away.
  const setOwners = process.getuid?.() === 0;

  const stop = new AbortController();
  const given = options.signal === undefined ? [] : [options.signal];
  const begun: { run?: RestoreRun } = {};
  await using pool = new ThreadPool<RestoreJob, RestoreResult, never>({
    entry: new URL('./restore-worker.ts', import.meta.url),
    size,
    onEvent: () => undefined,
    onFailure: (error) => {
      stop.abort(error);
      begun.run?.fail(error);
    },
  });
  await using lock = await repository.lock({
    exclusive: false,
    signal: AbortSignal.any([stop.signal, ...given]),
    onProblem: (problem) => problems.add(problem),
  });
  const signal = AbortSignal.any([stop.signal, lock.signal, ...given]);
  await repository.loadIndex({ signal });
  const { id, snapshot } = await repository.loadSnapshot(options.snapshotId, { signal });
  const target = prepareTarget(options.target, overwrite);
  // Folders that are made here get their own default ACL last, so only what was there before can pass one on.
  const inheritsAcls = overwrite !== 'refuse' || givesAcls(target);
  await pool.runOnAll({ kind: 'setup', key: repository.masterKey, overwrite, setOwners, inheritsAcls });
  const totals =
    selection.whole && snapshot.summary !== undefined
      ? { filesTotal: snapshot.summary.totalFilesProcessed, bytesTotal: snapshot.summary.totalBytesProcessed }
      : {};
  const report = (phase: 'restore' | 'finish', of: RestoreRun): RestoreProgress => ({
    phase,
    filesDone: of.counts.filesDone,
    bytesDone: of.counts.bytesDone,
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
    target,
    onProgress: () => progress.report(() => report('restore', current)),
  });
  begun.run = current;
  try {
    await current.run(snapshot.tree);
    progress.force(report('finish', current));
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
    itemsKept: counts.kept,
    itemsFailed: counts.failed,
    ownersRestored: setOwners,
    durationMs: clock.monotonicMs() - startedMs,
    problems: problems.kept,
    problemCount: problems.count,
    complete: !problems.incomplete,
    damage: current.damage,
  };
}

/** The real path of the target, which is made if it is missing and must be empty if nothing may be overwritten. */
function prepareTarget(target: Buffer | string, overwrite: Overwrite): Buffer {
  const path = absolutePath(typeof target === 'string' ? Buffer.from(target) : target);
  try {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
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
