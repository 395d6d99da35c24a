import { formatBytes, HoldfastError, toHoldfastError } from '@holdfast/core';
import { backup } from '@holdfast/engine/backup';
import { restore } from '@holdfast/engine/restore';
import { type ComputerScope, wholeComputer } from '@holdfast/engine/whole-computer';
import {
  type BackupResult,
  type BackupTask,
  limits,
  type RestoreResult,
  type RestoreTask,
  type Task,
  type TaskContext,
  type TaskOutcome,
  type Waits,
} from '@holdfast/protocol';
import {
  compressionOf,
  initRepository,
  openRepository,
  type Repository,
  repositoryKeyFromBytes,
} from '@holdfast/repository';
import { openRest, type Target, throttled } from '@holdfast/storage';
import type { Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import { BandwidthLimit } from './bandwidth-limit.ts';
import { noZeroKnowledgeOptions, type ZeroKnowledgeConfig } from './config.ts';
import { openDataChannels } from './data-channels.ts';
import type { ExecutorService } from './executor/executor-service.ts';
import { dataChannelsPerSession, lockWaitMs, maxToldFolders } from './limits.ts';
import { aroundBackup } from './scripts/around-backup.ts';
import type { OwnKey } from './zero-knowledge/own-key.ts';
import { permittedTask, refuseForeignKey } from './zero-knowledge/permitted-task.ts';
import { contextWithoutNames, errorWithoutNames, outcomeWithoutNames } from './zero-knowledge/without-names.ts';

/** What tasks are done with. */
export interface TaskEnvironment {
  readonly wire: Wire;
  readonly executor: ExecutorService;
  /** Where this computer's scripts are, if any are allowed. */
  readonly scriptFolder: string | undefined;
  /** Where the mover of this computer keeps what is not the computer's own data. */
  readonly moverFolders: () => readonly string[];
  /** The key of this computer's backups, if it keeps that for itself. */
  readonly ownKey: () => Promise<OwnKey | undefined>;
  readonly zeroKnowledge: ZeroKnowledgeConfig | undefined;
  /** Of this agent: its identity, its policies and their history. */
  readonly dataDir: string;
  readonly log: Logger;
}

/** Notes for this computer itself how a task goes that is done with the context that it gives. */
type Noting = (context: TaskContext, work: (context: TaskContext) => Promise<TaskOutcome>) => Promise<TaskOutcome>;

/**
 * Runs one task of the server. What a computer with a key of its own does, and what the server hears of it, is decided here; what is
 * noted on the computer is the whole.
 */
export async function runTask(
  environment: TaskEnvironment,
  task: Task,
  { context, noting }: { readonly context: TaskContext; readonly noting: Noting },
): Promise<TaskOutcome> {
  const { zeroKnowledge, log } = environment;
  const own = await environment.ownKey();
  if (!own && !zeroKnowledge) return noting(context, (noted) => doTask(environment, task, noted));
  const config = zeroKnowledge ?? noZeroKnowledgeOptions;
  try {
    const outcome = await noting(contextWithoutNames(context, log), async (noted) => {
      const { password } = requireOwnKey(own);
      return doTask(environment, await permittedTask(task, { password, config }), noted);
    });
    return outcomeWithoutNames(outcome);
  } catch (error) {
    log.warn({ error: toHoldfastError(error), kind: task.kind }, 'task failed, told to the server without names');
    throw errorWithoutNames(error);
  }
}

/**
 * Runs a task that this computer's own administrator asks for: what its server may have done here does not bind them. A computer with
 * a key of its own opens nothing else for them either.
 */
export async function runOwnTask(environment: TaskEnvironment, task: Task, context: TaskContext): Promise<TaskOutcome> {
  const own = await environment.ownKey();
  if (!own && !environment.zeroKnowledge) return doTask(environment, task, context);
  const { password } = requireOwnKey(own);
  refuseForeignKey(task);
  return doTask(environment, { ...task, access: { ...task.access, password } }, context);
}

/** Throws `zero-knowledge.no-key`: the configuration promises one. */
function requireOwnKey(own: OwnKey | undefined): OwnKey {
  if (own) return own;
  throw new HoldfastError('zero-knowledge.no-key', {
    message: 'The configuration here says that this computer keeps the key of its backups for itself, and it has none.',
  });
}

/** Opens the repository through the mover, and lets the engine do the work; maintenance is done in a process of its own. */
async function doTask(environment: TaskEnvironment, task: Task, context: TaskContext): Promise<TaskOutcome> {
  const { wire } = environment;
  const { access } = task;
  const view = task.kind === 'restore' ? task.view : undefined;
  if (!view) requireKey(task);
  if (task.kind !== 'backup' && task.kind !== 'restore') return environment.executor.run(task, context);
  await using target = await openRest({
    client: openDataChannels({ wire, access, context }),
    basePath: `/${access.tenant}/${access.repository}/`,
    location: `repository ${access.tenant}/${access.repository} at mover ${access.mover.host}`,
    // The grant is renewed by the server; a refused one is not replaced by asking again.
    credentials: { authorize: async () => ({ authorization: `Bearer ${context.grant()}` }), refused: () => false },
    // Where the server places no repository, who makes one makes its place.
    create: task.kind === 'backup' && task.initialise && access.sessionId === undefined,
    maxParallelRequests: dataChannelsPerSession,
    signal: context.signal,
  });
  const { signal } = context;
  if (task.kind === 'restore') {
    const opened = view
      ? openRepository(target, { masterKey: repositoryKeyFromBytes(Buffer.from(view.key, 'base64url')), signal })
      : openRepository(target, { password: requireKey(task), signal });
    return await bringBack(await opened, {
      ...{ task, context },
      // Neither what others have stored on this computer, nor what this agent lives by.
      protect: [...environment.moverFolders(), environment.dataDir],
    });
  }
  const password = requireKey(task);
  const toFill = limited(target, task);
  const repository = await openOrMake(toFill, { password, initialise: task.initialise, signal });
  return await backUp(repository, { environment, task, context });
}

function requireKey({ access }: Task): string {
  if (access.password !== undefined) return access.password;
  throw new HoldfastError('zero-knowledge.no-key', {
    message: `Repository ${access.repository} is of the zero-knowledge mode, and this computer has no key of its own.`,
  });
}

function limited(target: Target, { bandwidth }: BackupTask): Target {
  return bandwidth ? throttled(target, { upload: new BandwidthLimit(bandwidth) }) : target;
}

async function openOrMake(
  target: Target,
  { password, initialise, signal }: { password: string; initialise: boolean; signal: AbortSignal },
): Promise<Repository> {
  const config = await target.stat({ type: 'config', id: '' }, { signal });
  if (config === undefined && initialise) return initRepository(target, { password, signal });
  return openRepository(target, { password, signal });
}

async function backUp(
  repository: Repository,
  o: { readonly environment: TaskEnvironment; readonly task: BackupTask; readonly context: TaskContext },
): Promise<TaskOutcome> {
  const { environment, task, context } = o;
  repository.lockWait = { retryMs: lockWaitMs };
  context.log('info', `Repository ${task.access.repository} at mover ${task.access.mover.host} is open`);
  let waits: Waits | undefined;
  const startedAt = repository.clock.now().toISOString();
  repository.compression = compressionOf(task.compression);
  let computer: ComputerScope | undefined;
  const { summary, reports } = await aroundBackup({ task, context, folder: environment.scriptFolder }, async () => {
    // Only now: the script may have mounted something.
    computer = task.wholeComputer ? await findComputer(environment, context.signal) : undefined;
    if (computer) context.log('info', scopeText(computer));
    return await backup(repository, {
      sources: computer?.sources ?? task.sources,
      excludes: task.excludes,
      excludesAlways: computer?.excludes,
      oneFileSystem: task.oneFileSystem,
      tags: task.tags,
      parent: 'auto',
      signal: context.signal,
      onProgress: (progress) => {
        waits = progress.waits;
        context.report({ kind: 'progress', progress });
      },
      onProblem: (problem) => context.problem(problem),
    });
  });
  context.log(
    'info',
    `Snapshot ${summary.snapshotId}: ${formatBytes(summary.bytesRead)} read, ${formatBytes(summary.bytesStored)} stored; of the time ${waitsText(waits ?? { source: 0, processing: 0, network: 0, target: 0 })}`,
  );
  return {
    kind: 'backup',
    snapshotId: summary.snapshotId,
    ...(summary.parentId === undefined ? {} : { parentId: summary.parentId }),
    startedAt,
    files: { new: summary.filesNew, changed: summary.filesChanged, unmodified: summary.filesUnmodified },
    directories: { new: summary.foldersNew, changed: summary.foldersChanged, unmodified: summary.foldersUnmodified },
    totalBytes: summary.bytesProcessed,
    totalFiles: summary.filesNew + summary.filesChanged + summary.filesUnmodified,
    readBytes: summary.bytesRead,
    newBytes: summary.bytesNew,
    storedBytes: summary.bytesStored,
    durationMs: summary.durationMs,
    ...(reports.length > 0 ? { scripts: reports } : {}),
    ...(computer ? { wholeComputer: toldOf(computer) } : {}),
  };
}

function waitsText({ source, processing, network, target }: Waits): string {
  return `${source} % went by waiting for the source, ${processing} % for processing, ${network} % for the network, ${target} % for the target`;
}

function findComputer({ moverFolders }: TaskEnvironment, signal: AbortSignal): Promise<ComputerScope> {
  const reason = "repositories and drills of this computer's mover";
  return wholeComputer({ ownFolders: moverFolders().map((path) => ({ path, reason })), signal });
}

function scopeText({ sources, leftOut }: ComputerScope): string {
  return `Backs up ${sources.join(', ')} without ${leftOut.map(({ path, reason }) => `${path} (${reason})`).join(', ')}`;
}

function toldOf({ sources, leftOut }: ComputerScope): NonNullable<BackupResult['wholeComputer']> {
  return { sources: [...sources], leftOut: leftOut.slice(0, maxToldFolders).map((one) => ({ ...one })) };
}

async function bringBack(
  repository: Repository,
  o: { readonly task: RestoreTask; readonly context: TaskContext; readonly protect: readonly string[] },
): Promise<TaskOutcome> {
  const { task, context, protect } = o;
  repository.lockWait = { retryMs: lockWaitMs };
  const { repository: name, mover } = task.access;
  const opened = task.view ? 'is shown by its executor, the one snapshot of it' : 'is open';
  context.log('info', `Repository ${name} at mover ${mover.host} ${opened}`);
  const { kind: _, access: __, view, overwrite, ...asked } = task;
  const overwritten = new ToldEntries();
  const deleted = new ToldEntries();
  const summary = await restore(repository, {
    ...asked,
    // Of a view there is no other, and it has another id there.
    ...(view ? { snapshotId: 'latest' } : {}),
    overwrite: typeof overwrite === 'string' ? overwrite : overwrite ? 'always' : 'refuse',
    signal: context.signal,
    protect,
    onEntry: ({ action, path }) => {
      if (action === 'updated') overwritten.note(path);
      else if (action === 'deleted') deleted.note(path);
    },
    onProgress: (progress) => context.report({ kind: 'progress', progress }),
    onProblem: (problem) => context.problem(problem),
  });
  const { damage, waits } = summary;
  if (waits) context.log('info', `Of the time of the restore ${waitsText(waits)}`);
  if (damage !== undefined) {
    throw new HoldfastError(damage.code, {
      message: `The repository is damaged: ${summary.itemsFailed} of the snapshot's files and folders could not be restored, all others were. ${damage.message}`,
      cause: damage,
    });
  }
  return {
    kind: 'restore',
    snapshotId: task.snapshotId,
    target: task.target,
    files: summary.filesRestored,
    directories: summary.foldersRestored,
    bytes: summary.bytesRestored,
    durationMs: summary.durationMs,
    ...(task.dryRun ? { dryRun: true } : {}),
    unchanged: summary.filesUnchanged,
    kept: summary.itemsKept,
    ...(summary.filesVerified === undefined ? {} : { verified: summary.filesVerified }),
    overwritten: overwritten.told(),
    ...(task.deletes ? { deleted: deleted.told() } : {}),
  };
}

/** What was there before, as far as it can be told. */
class ToldEntries {
  #count = 0;
  #bytes = 0;
  readonly #paths: string[] = [];

  note(path: Buffer): void {
    this.#count += 1;
    if (this.#paths.length >= limits.maxOverwrittenPaths || this.#bytes > limits.maxOverwrittenBytes) return;
    this.#bytes += path.length;
    this.#paths.push(path.toString());
  }

  told(): NonNullable<RestoreResult['deleted']> {
    return { count: this.#count, paths: this.#paths.toSorted() };
  }
}
