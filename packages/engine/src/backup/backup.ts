import os from 'node:os';
import { HoldfastError, productVersion } from '@holdfast/core';
import { returnFreedMemory } from '@holdfast/native';
import { type ObjectId, type Repository, type RepositoryLock, timeOfDate } from '@holdfast/repository';
import { printPath } from '../byte-path.ts';
import { limits } from '../limits.ts';
import { ProblemList } from '../problem-list.ts';
import { type Progress, ProgressReporter } from '../progress.ts';
import type { Change, UnchangedRule } from './backup-jobs.ts';
import { BackupRun } from './backup-run.ts';
import { type BackupThreads, backupThreads } from './backup-threads.ts';
import { type ExclusionOptions, Exclusions } from './exclusions.ts';
import { findParent, type ParentGroupKey } from './find-parent.ts';
import { gearMemory } from './gear-scan.ts';
import { localTime } from './local-time.ts';
import { PackStaging } from './pack-staging.ts';
import { placesBehindLinks, type ReadingPlace } from './reading-places.ts';
import { type SourceFolder, sourceTree } from './source-tree.ts';
import { StreamRun, type StreamSource, streamPath } from './stream-run.ts';

export type BackupProgress = Progress<'prepare' | 'backup' | 'finish'>;

export interface BackupOptions extends ExclusionOptions, UnchangedRule {
  /**
   * Files and folders; relative paths are taken from the current folder. Stored as absolute paths, as restic does. Or a stream,
   * which has no parent.
   */
  readonly sources: readonly (Buffer | string)[] | StreamSource;
  /** Stay on the file system of each source; mount points become empty folders. */
  readonly oneFileSystem?: boolean | undefined;
  /** Files that did not change since this snapshot aren't read again. 'auto': the newest of the same group that is not newer than this. */
  readonly parent?: string | undefined;
  /** What snapshots of a group have in common; host and paths if left out. */
  readonly parentGroup?: readonly ParentGroupKey[] | undefined;
  /** Stores when each file was read last. Reading for the backup leaves that as it is where this process may (owner, root). */
  readonly withAtime?: boolean | undefined;
  /** No snapshot is made when it would hold exactly what its parent does. */
  readonly skipIfUnchanged?: boolean | undefined;
  /** This computer's name if left out. */
  readonly hostname?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** The snapshot's time; now if left out. */
  readonly time?: Date | undefined;
  readonly signal?: AbortSignal | undefined;
  /** At most ten times a second. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
  /** Counts everything beside the work, so that progress has totals as soon as they are known. */
  readonly countAhead?: boolean | undefined;
  /** Told of files that could not be read or stored, of what was odd, and of locks that stay; the backup goes on. */
  readonly onProblem?: ((problem: HoldfastError) => void) | undefined;
  /** Threads, 1 to 64; one per processor, at most 8, if left out. */
  readonly workers?: number | undefined;
  /** Threads that have begun to start; the backup ends them. Its own ones if left out. */
  readonly threads?: BackupThreads | undefined;
  /** Packs end when they reach this size, 4 to 128 MiB; 16 MiB if left out. */
  readonly packSizeBytes?: number | undefined;
  /** Folders that are read from elsewhere, for instance from a snapshot of their file system, and stored under their own paths. */
  readonly readingPlaces?: readonly ReadingPlace[] | undefined;
}

export interface BackupSummary {
  /** Of the parent, if that is all there is (`skipped`). */
  readonly snapshotId: ObjectId;
  /** No snapshot was made, because nothing has changed. */
  readonly skipped: boolean;
  readonly parentId: ObjectId | undefined;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnmodified: number;
  readonly foldersNew: number;
  readonly foldersChanged: number;
  readonly foldersUnmodified: number;
  /** Size of all files of the snapshot. */
  readonly bytesProcessed: number;
  /** What was read from disk. */
  readonly bytesRead: number;
  /** Plain bytes that the repository did not have, trees included. */
  readonly bytesNew: number;
  /** The same as stored: compressed and sealed. */
  readonly bytesStored: number;
  readonly durationMs: number;
  /** The first 1,000 of `problemCount`. */
  readonly problems: readonly HoldfastError[];
  readonly problemCount: number;
  /** False when some file is missing in the snapshot or was read while it changed. */
  readonly complete: boolean;
}

const programVersion = `holdfast ${productVersion}`;

/**
 * Backs up files and folders into a new snapshot. It is written last, when every blob it needs is durable and in a
 * durable index file; nothing is written if it fails before. Unreadable files are problems, not errors.
 * @throws usage.option, repository.locked, run.cancelled, snapshot.missing, storage errors; backup.nothing when none of
 * the sources could be read
 */
export async function backup(repository: Repository, options: BackupOptions): Promise<BackupSummary> {
  const { clock } = repository;
  const [startedMs, start] = [clock.monotonicMs(), clock.now()];
  options.signal?.throwIfAborted();
  const excludes = [...(options.excludes ?? [])];
  // What is malformed is refused here, before anything begins.
  new Exclusions(options);
  const progress = new ProgressReporter(clock, options.onProgress);
  const { sources } = options;
  const prepared = { ...sourceOf(sources), excludes, progress, startedMs, start };
  progress.force({ phase: 'prepare', filesDone: 0, bytesDone: 0 });
  returnFreedMemory();
  // They start while the lock is taken and the index is read.
  await using started = options.threads ?? backupThreads(options.workers);
  return await repository.underLock(
    { exclusive: false, signal: options.signal, onProblem: options.onProblem },
    async (lock) => {
      // An attempt that was dropped has ended its own, and what it found is found again.
      const threads = started.ended ? backupThreads(started.size) : started;
      const problems = new ProblemList(options.onProblem);
      return backupUnder(lock, { repository, options, threads, problems, ...prepared });
    },
  );
}

function sourceOf(sources: BackupOptions['sources']): {
  readonly source: SourceFolder | StreamSource;
  readonly paths: readonly Buffer[];
} {
  if ('open' in sources) {
    const path = streamPath(sources.path);
    return { source: { ...sources, path }, paths: [Buffer.from(path)] };
  }
  const { root, paths } = sourceTree(sources);
  return { source: root, paths };
}

/** The lock may still be refused: what is stored waits by itself until it no longer can be. */
async function backupUnder(
  lock: RepositoryLock,
  o: {
    readonly repository: Repository;
    readonly options: BackupOptions;
    readonly threads: BackupThreads;
    readonly source: SourceFolder | StreamSource;
    readonly paths: readonly Buffer[];
    readonly excludes: string[];
    readonly problems: ProblemList;
    readonly progress: ProgressReporter<BackupProgress['phase']>;
    readonly startedMs: number;
    readonly start: Date;
  },
): Promise<BackupSummary> {
  const { repository, options, source, paths, excludes, problems, progress, startedMs, start } = o;
  const stream = 'open' in source;
  const { clock } = repository;
  const stop = new AbortController();
  const begun: { run?: BackupRun | StreamRun } = {};
  // Emptied when no thread writes any more.
  await using leftovers = new AsyncDisposableStack();
  await using pool = o.threads;
  pool.attach({
    onEvent: (event) => begun.run?.uploads.take(event),
    onFailure: (error) => {
      stop.abort(error);
      begun.run?.fail(error);
    },
  });
  const given = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([stop.signal, lock.signal, ...given]);
  const hostname = options.hostname ?? os.hostname();
  const pathTexts = paths.map(printPath);
  const [parent, index] = await Promise.all([
    findParent(repository, {
      parent: stream ? undefined : options.parent,
      group: options.parentGroup ?? ['host', 'paths'],
      hostname,
      paths: pathTexts,
      tags: options.tags ?? [],
      notAfter: options.time ?? start,
      signal,
    }),
    repository.loadIndex({ signal }),
    // What a stream has given cannot be read again by another attempt.
    stream ? lock.confirm(signal) : undefined,
  ]);

  // Reading a piece takes a fourth of the time that storing it takes, so that one for each thread is enough; a stream fills
  // another one meanwhile.
  const slabCount = pool.size + (stream ? 1 : 0);
  const slabs = gearMemory(slabCount * limits.slabSizeBytes);
  const { packSizeBytes, withAtime = false } = options;
  const staging = leftovers.use(await PackStaging.open(repository, signal));
  // Without a parent everything is read.
  if (parent === undefined) pool.startAll();
  pool.setUp({
    kind: 'setup',
    key: repository.masterKey,
    index: index.handle(),
    gear: repository.gearTable(),
    slabs,
    excludes,
    excludesAlways: options.excludesAlways,
    excludesAnyCase: options.excludesAnyCase,
    excludeIfPresent: options.excludeIfPresent,
    excludeLargerThanBytes: options.excludeLargerThanBytes,
    ignoreInode: options.ignoreInode,
    ignoreCtime: options.ignoreCtime,
    oneFileSystem: options.oneFileSystem ?? false,
    packSizeBytes,
    compression: repository.compression,
    withAtime,
    staging: staging.place,
    readingPlaces: [...(options.readingPlaces ?? []), ...(stream ? [] : placesBehindLinks(paths))],
  });
  const resources = { repository, pool, signal, slabs, slabCount, staging };
  let phase: 'backup' | 'finish' = 'backup';
  const onProgress = (): void => progress.report(() => progressOf(phase, current));
  const current: BackupRun | StreamRun =
    'open' in source
      ? new StreamRun({ ...resources, source, time: options.time ?? start, onProgress })
      : new BackupRun({
          ...resources,
          root: source,
          withAtime,
          problems,
          countAhead: options.countAhead ?? false,
          onProgress,
        });
  begun.run = current;
  // Whoever looks on learns how it stands and what it waits for also while nothing comes of reading: when all waits for uploads.
  const standing = setInterval(onProgress, limits.standingIntervalMs);
  leftovers.defer(() => clearInterval(standing));
  try {
    const tree = await current.run(parent?.tree);
    const { counts } = current;
    const total = sum(counts.files);
    if (total + sum(counts.folders) === 0 && problems.incomplete)
      throw new HoldfastError('backup.nothing', {
        message: `Nothing could be read of ${pathTexts.join(', ')}; no snapshot was made.`,
        cause: problems.kept[0],
      });
    phase = 'finish';
    progress.force(progressOf(phase, current));
    const flushed = await pool.runOnAll({ kind: 'flush' });
    const rests = flushed.filter((result) => result.kind === 'flush');
    for (const { stored } of rests) current.counts.addStored(stored);
    current.times.waitFor('uploads');
    await current.uploads.addPartials(
      rests.flatMap(({ partials }) => partials),
      packSizeBytes,
    );
    await current.uploads.settle();
    progress.force(progressOf(phase, current));
    signal.throwIfAborted();
    const { stored } = counts;
    const durationMs = (): number => clock.monotonicMs() - startedMs;
    const skipped = options.skipIfUnchanged === true && parent?.tree === tree;
    const save = (): Promise<ObjectId> =>
      repository.saveSnapshot(
        {
          time: localTime(timeOfDate(options.time ?? start)),
          parent: parent?.id,
          tree,
          paths: pathTexts,
          hostname,
          username: userName(),
          uid: process.getuid?.(),
          gid: process.getgid?.(),
          excludes,
          tags: options.tags,
          programVersion,
          summary: {
            backupStart: localTime(timeOfDate(start)),
            backupEnd: localTime(timeOfDate(clock.now())),
            filesNew: counts.files.new,
            filesChanged: counts.files.changed,
            filesUnmodified: counts.files.unmodified,
            dirsNew: counts.folders.new,
            dirsChanged: counts.folders.changed,
            dirsUnmodified: counts.folders.unmodified,
            dataBlobs: stored.dataBlobs,
            treeBlobs: stored.treeBlobs,
            dataAdded: stored.bytes,
            dataAddedPacked: stored.packedBytes,
            totalFilesProcessed: total,
            totalBytesProcessed: counts.bytesDone,
          },
        },
        { signal },
      );
    const snapshotId = skipped ? parent.id : await save();
    return {
      snapshotId,
      skipped,
      parentId: parent?.id,
      filesNew: counts.files.new,
      filesChanged: counts.files.changed,
      filesUnmodified: counts.files.unmodified,
      foldersNew: counts.folders.new,
      foldersChanged: counts.folders.changed,
      foldersUnmodified: counts.folders.unmodified,
      bytesProcessed: counts.bytesDone,
      bytesRead: counts.bytesRead,
      bytesNew: stored.bytes,
      bytesStored: stored.packedBytes,
      durationMs: durationMs(),
      problems: problems.kept,
      problemCount: problems.count,
      complete: !problems.incomplete,
    };
  } catch (error) {
    stop.abort(error);
    await current.uploads.quiesce();
    await current.end();
    throw error;
  }
}

function sum(counts: Readonly<Record<Change, number>>): number {
  return counts.new + counts.changed + counts.unmodified;
}

function progressOf(phase: 'backup' | 'finish', run: BackupRun | StreamRun): BackupProgress {
  const { counts, currentPath } = run;
  const totals = run.ahead?.totals;
  const waits = run.times.waits();
  return {
    phase,
    filesDone: sum(counts.files),
    bytesDone: counts.bytesDone,
    transferredBytes: run.uploads.sentBytes,
    ...(waits === undefined ? {} : { waits }),
    ...(totals === undefined ? {} : { filesTotal: totals.files, bytesTotal: totals.bytes }),
    ...(currentPath === undefined ? {} : { currentPath: printPath(currentPath) }),
  };
}

function userName(): string | undefined {
  try {
    return os.userInfo().username;
  } catch {
    // A number without a name, as in containers: the snapshot has the number.
    return undefined;
  }
}
