import { HoldfastError, hasCode, toHoldfastError } from '@holdfast/core';
import { returnFreedMemory } from '@holdfast/native';
import { Bitmap } from '../blob-index/bitmap.ts';
import { NumberList } from '../blob-index/number-list.ts';
import { obsoleteIndexes, rewriteIndexes } from '../blob-index/rewrite-indexes.ts';
import { markUsed } from '../blob-index/used-blobs.ts';
import { readsOf } from '../copy/copy-blobs.ts';
import { deleteEach } from '../delete-each.ts';
import { type ObjectId, parseObjectId, shortId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import type { RepositoryLock } from '../locks/repository-lock.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import type { FoundSnapshot, Repository } from '../repository.ts';
import { PruneIndex, packName } from './prune-index.ts';
import { type PackAction, type PackFiles, type PrunePlan, planPrune } from './prune-plan.ts';
import type { PruneLimits, PruneProgress, PruneReport } from './prune-report.ts';
import { repack } from './repack.ts';

export interface PruneOptions extends PruneLimits {
  /** Only plans. */
  readonly dryRun?: boolean | undefined;
  /** With a dry run: without any lock. */
  readonly noLock?: boolean | undefined;
  /** That verify what is packed again; as many as its size is worth if left out. */
  readonly threads?: number | undefined;
  /** How long deleting waits for backups that still run; 0: not at all. An hour, or as long as any lock is waited for, if left out. */
  readonly waitMs?: number | undefined;
  /** Told before deleting waits: who holds the repository, and how long it waits at most. */
  readonly onWait?: ((refusal: HoldfastError, waitMs: number) => void) | undefined;
  /** With a dry run: as if these snapshots were gone. */
  readonly withoutSnapshots?: ReadonlySet<ObjectId> | undefined;
  readonly onProgress?: ((progress: PruneProgress) => void) | undefined;
  /** Told of what could not be deleted, and of locks. */
  readonly onProblem: (problem: HoldfastError) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes what no snapshot needs, beside running backups. First, under a shared lock, it decides, and packs again what is
 * needed of packs that are to go; nothing is deleted. Then it waits until nobody else has a lock, takes the exclusive one,
 * looks at snapshots and indexes again, spares what is needed meanwhile, and deletes: index files after the new ones are
 * durable, packs after the index files that name them.
 *
 * A crash at any moment leaves a sound repository and at most blobs that are stored twice: of two packs with the same blobs
 * the next prune keeps those without waste, which are the new ones.
 * @throws repository.locked, repository.damaged when something needed is missing, run.cancelled, storage errors
 */
export async function prune(repository: Repository, options: PruneOptions): Promise<PruneReport> {
  if (!options.dryRun) repository.requireWritable();
  returnFreedMemory();
  for (let attempt = 1; attempt <= limits.pruneAttempts; attempt += 1) {
    const report = await new Prune(repository, options).run();
    if (report !== 'void') return report;
  }
  throw new HoldfastError('repository.locked', {
    message: `Somebody else has changed the index of the repository during each of ${limits.pruneAttempts} attempts to prune it.`,
    guidance: 'Nothing was deleted. Find out who else prunes or repairs this repository, and start again.',
  });
}

class Prune {
  readonly #repository: Repository;
  readonly #options: PruneOptions;
  readonly #snapshots = new Set<ObjectId>();
  readonly #progress: (progress: PruneProgress) => void;
  /** The exclusive lock was had, and is used. */
  #isChanging = false;
  #failed = 0;
  #retainedPacks = 0;

  constructor(repository: Repository, options: PruneOptions) {
    this.#repository = repository;
    this.#options = options;
    this.#progress = options.onProgress ?? (() => {});
  }

  async run(): Promise<PruneReport | 'void'> {
    const first = await this.#firstPhase();
    const { plan, files } = first;
    const report: PruneReport = {
      statistics: plan.statistics,
      repacked: idsWith(first, 'repack'),
      removed: [...idsWith(first, 'remove'), ...files.unlisted.keys()],
      newPacks: first.written.length,
      deleted: { packs: 0, bytes: 0, indexes: 0 },
      spared: 0,
      retained: plan.statistics.packs.retained,
      failed: 0,
    };
    const isIdle = plan.actions.every((action) => action === 'keep') && files.unlisted.size === 0;
    if (this.#options.dryRun || (isIdle && obsoleteIndexes(first.index, () => false).length === 0)) return report;
    this.#progress({ phase: 'wait', done: 0 });
    return await this.#alone((signal) => this.#secondPhase(first, report, signal));
  }

  #firstPhase(): Promise<FirstPhase> {
    const { dryRun, noLock, signal, onProblem } = this.#options;
    if (dryRun && noLock) return this.#decide(this.#signalWith(undefined));
    return this.#repository.underLock({ exclusive: false, signal, onProblem }, (lock) =>
      this.#decide(this.#signalWith(lock)),
    );
  }

  /**
   * Waits until nobody else has a lock, and works under the exclusive one: a confirmed one, because the second phase goes on from
   * what the first has marked and cannot be begun anew once it has marked more.
   */
  async #alone<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const { signal, onProblem, onWait } = this.#options;
    const retryMs = this.#options.waitMs ?? Math.max(this.#repository.lockWait.retryMs ?? 0, limits.pruneLockWaitMs);
    const waiting = onWait === undefined ? { retryMs } : { retryMs, onWait };
    try {
      await using lock = await this.#repository.lock({ exclusive: true, ...waiting, signal, onProblem });
      return await work(this.#signalWith(lock));
    } catch (error) {
      if (this.#isChanging || !hasCode(error, 'repository.locked')) throw error;
      throw new HoldfastError('repository.locked', {
        message: error.message,
        guidance:
          'What was packed again is stored, and nothing beside it was deleted. Prune again when the other work has ended; --wait says how long it waits for that.',
        context: error.context,
        cause: error,
      });
    }
  }

  /** Decides, and writes new packs. What it finds out is true of everything that was there when it began. */
  async #decide(signal: AbortSignal): Promise<FirstPhase> {
    const { dryRun, withoutSnapshots } = this.#options;
    this.#snapshots.clear();
    // Snapshots before the index: everything that they need is in it.
    const found = await this.#newSnapshots(signal);
    const roots = found.filter(({ id }) => !withoutSnapshots?.has(id));
    const index = await PruneIndex.load(this.#repository, {
      onFile: (done, total) => this.#progress({ phase: 'index', done, total }),
      signal,
    });
    const used = new Bitmap(index.blobs.blobCount);
    await this.#mark(roots, { index, used, signal });
    const files = await this.#listPacks(index, signal);
    const plan = await planPrune(index, used, files, {
      ...this.#options,
      isRetained: await this.#retention(signal),
    });
    const written = dryRun ? [] : await this.#repack({ index, used, plan, signal });
    return { index, used, files, plan, written };
  }

  async #repack(o: {
    readonly index: PruneIndex;
    readonly used: Bitmap;
    readonly plan: PrunePlan;
    readonly signal: AbortSignal;
  }): Promise<readonly ObjectId[]> {
    const { plan, signal } = o;
    const { blobs } = o.index;
    const entries = new NumberList();
    let totalBytes = 0;
    for (let entry = 0, end = blobs.blobCount; entry < end; entry += 1) {
      if (!o.used.has(entry) || plan.actions[blobs.packNumberOf(entry)] !== 'repack') continue;
      entries.push(entry);
      totalBytes += blobs.lengthOf(entry);
    }
    if (entries.length === 0) return [];
    await using writer = new BlobWriter({
      repository: this.#repository,
      parallelWrites: limits.repackPackWrites,
      signal,
    });
    let done = 0;
    await repack({
      repository: this.#repository,
      reads: readsOf(blobs, entries.values()),
      totalBytes,
      threads: this.#options.threads,
      writer,
      compress: this.#options.repackUncompressed,
      onRead: (read) => {
        done += read.blobs.length;
        this.#progress({ phase: 'repack', done, total: entries.length });
      },
      signal,
    });
    return (await writer.settle()).packs;
  }

  /** Alone with the repository. 'void' when somebody else has pruned or repaired meanwhile. */
  async #secondPhase(first: FirstPhase, report: PruneReport, signal: AbortSignal): Promise<PruneReport | 'void'> {
    const { index, used, plan, files } = first;
    const actions = [...plan.actions];
    if (!(await index.loadNew(signal))) return 'void';
    used.grow(index.blobs.blobCount);
    while (actions.length < index.blobs.packCount) actions.push('keep');
    const spared = await this.#spare({ index, used, actions, signal });
    const isDropped = (pack: number): boolean => actions[pack] !== 'keep';
    const obsolete = obsoleteIndexes(index, isDropped);
    this.#isChanging = true;
    this.#progress({ phase: 'rewrite', done: 0, total: obsolete.length });
    await rewriteIndexes(this.#repository, index, { obsolete, isDropped, signal });
    const indexes = await this.#delete(
      'index',
      obsolete.map(({ id }) => id),
      signal,
    );
    // A pack stays as long as any index file names it.
    for (const file of obsolete) if (!indexes.has(file.id)) for (const pack of file.packs) actions[pack] = 'keep';
    const doomed = new Map<ObjectId, number>();
    // Whoever was about to list a pack has ended, and either has listed it or never will.
    for (const [id, sizeBytes] of files.unlisted)
      if (index.blobs.packNumber(id) === undefined) doomed.set(id, sizeBytes);
    for (const [pack, action] of actions.entries())
      if (action === 'remove' || action === 'repack') doomed.set(index.blobs.packId(pack), files.sizes[pack] ?? 0);
    const packs = await this.#delete('data', [...doomed.keys()], signal);
    let bytes = 0;
    for (const id of packs) bytes += doomed.get(id) ?? 0;
    return {
      ...report,
      deleted: { packs: packs.size, bytes, indexes: indexes.size },
      spared,
      retained: report.retained + this.#retainedPacks,
      failed: this.#failed,
    };
  }

  /**
   * Keeps every pack that has the only copy of something needed: by snapshots that came since the first phase, and else by none,
   * because what was packed again is at another place now. Gives how many.
   */
  async #spare(o: {
    readonly index: PruneIndex;
    readonly used: Bitmap;
    readonly actions: PackAction[];
    readonly signal: AbortSignal;
  }): Promise<number> {
    const { index, used, actions, signal } = o;
    const { blobs } = index;
    const isKept = (pack: number): boolean => actions[pack] === 'keep';
    await this.#mark(await this.#newSnapshots(signal), { index, used, signal });
    const endangered = new Bitmap(blobs.blobCount);
    for (let entry = 0, end = blobs.blobCount; entry < end; entry += 1)
      if (used.has(entry) && !isKept(blobs.packNumberOf(entry))) endangered.set(entry);
    index.forEachCopy(({ entry, pack, ...place }) => {
      if (!endangered.has(entry) || !isKept(pack) || isKept(blobs.packNumberOf(entry))) return undefined;
      const before = { pack: blobs.packNumberOf(entry), ...blobs.placeOf(entry) };
      blobs.relocate(entry, pack, place);
      return before;
    });
    let spared = 0;
    for (let entry = 0, end = blobs.blobCount; entry < end; entry += 1) {
      const pack = blobs.packNumberOf(entry);
      if (!endangered.has(entry) || isKept(pack)) continue;
      if (actions[pack] === 'gone')
        throw new HoldfastError('repository.damaged', {
          message: `${packName(blobs, pack)} is needed by a new snapshot and missing. Nothing was deleted.`,
        });
      actions[pack] = 'keep';
      spared += 1;
    }
    return spared;
  }

  /** Snapshots that were not there before. One that cannot be read is an error: nobody knows what it needs. */
  async #newSnapshots(signal: AbortSignal): Promise<FoundSnapshot[]> {
    const found: FoundSnapshot[] = [];
    const isFirst = this.#snapshots.size === 0;
    if (isFirst) for await (const snapshot of this.#repository.snapshots({ signal })) found.push(snapshot);
    else
      for (const { id } of await this.#repository.list('snapshot', { signal }))
        if (!this.#snapshots.has(parseObjectId(id, 'The list of snapshots')))
          found.push(await this.#repository.loadSnapshot(id, { signal }));
    for (const { id } of found) this.#snapshots.add(id);
    return found;
  }

  #mark(
    snapshots: readonly FoundSnapshot[],
    o: {
      readonly index: PruneIndex;
      readonly used: Bitmap;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    return markUsed(
      snapshots.map(({ id, snapshot }) => ({ tree: snapshot.tree, from: `Snapshot ${shortId(id)}` })),
      {
        repository: this.#repository,
        index: o.index.blobs,
        used: o.used,
        onTrees: (done) => this.#progress({ phase: 'trees', done }),
        signal: o.signal,
      },
    );
  }

  async #listPacks(index: PruneIndex, signal: AbortSignal): Promise<PackFiles> {
    const sizes = new Float64Array(index.blobs.packCount);
    const unlisted = new Map<ObjectId, number>();
    let done = 0;
    for await (const page of this.#repository.target.list('data', { signal })) {
      for (const info of page) {
        const id = parseObjectId(info.id, 'The list of packs');
        const pack = index.blobs.packNumber(id);
        if (pack === undefined) unlisted.set(id, info.sizeBytes);
        else sizes[pack] = info.sizeBytes;
      }
      done += page.length;
      this.#progress({ phase: 'packs', done });
    }
    return { sizes, unlisted };
  }

  /** Whether a pack may not be deleted yet, by the clock of who holds it. */
  async #retention(signal: AbortSignal): Promise<(pack: ObjectId) => Promise<boolean>> {
    const { target } = this.#repository;
    const { retention } = target;
    if (retention === undefined) return async () => false;
    const now = await target.serverTime({ signal });
    return async (id) => {
      const until = await retention.get({ type: 'data', id }, { signal });
      return until !== undefined && until > now;
    };
  }

  /** Gives what is gone. */
  async #delete(type: 'index' | 'data', ids: readonly ObjectId[], signal: AbortSignal): Promise<Set<ObjectId>> {
    const deleted = new Set<ObjectId>();
    await deleteEach(this.#repository, type, ids, {
      signal,
      onDeleted: (id) => {
        deleted.add(id);
        this.#progress({ phase: 'delete', done: deleted.size, total: ids.length });
      },
      onFailed: (id, cause) => {
        const error = toHoldfastError(cause);
        // What must stay until a date is no failure: a later prune removes it.
        if (error.code === 'storage.immutable') {
          if (type === 'data') this.#retainedPacks += 1;
          return;
        }
        this.#failed += 1;
        this.#options.onProblem(
          new HoldfastError(error.code, {
            message: `${type === 'data' ? 'Pack' : 'Index'} ${shortId(id)} could not be deleted: ${error.message}`,
            cause: error,
          }),
        );
      },
    });
    return deleted;
  }

  #signalWith(lock: RepositoryLock | undefined): AbortSignal {
    const signals = [this.#options.signal, lock?.signal].filter((signal) => signal !== undefined);
    return AbortSignal.any(signals);
  }
}

interface FirstPhase {
  readonly index: PruneIndex;
  readonly used: Bitmap;
  readonly files: PackFiles;
  readonly plan: PrunePlan;
  /** Packs that hold what was packed again. */
  readonly written: readonly ObjectId[];
}

function idsWith({ index, plan }: FirstPhase, wanted: PackAction): ObjectId[] {
  return plan.actions.flatMap((action, pack) => (action === wanted ? [index.blobs.packId(pack)] : []));
}
