import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { isDamage, type ObjectId, plainLength, type Repository } from '@holdfast/repository';
import { printPath } from '../byte-path.ts';
import { limits } from '../limits.ts';
import { reason } from '../problem.ts';
import type { ProblemList } from '../problem-list.ts';
import { OrdinalSet } from './ordinal-set.ts';
import type { ProtectedFolder } from './remove-entry.ts';
import { attributesOf } from './restore-attributes.ts';
import { RestoreDeletions } from './restore-deletions.ts';
import { RestoreDurability } from './restore-durability.ts';
import { newFolder, type TargetFolder, TargetFolders } from './restore-folders.ts';
import { restoreHardLink } from './restore-hard-link.ts';
import { inspectFiles } from './restore-inspections.ts';
import { type Attributes, type Item, type Outcome, type Overwrite, type RestoreJob, restored } from './restore-jobs.ts';
import { RestoreLargeFiles } from './restore-large-files.ts';
import { RestoreReads } from './restore-reads.ts';
import { SecondPlaces } from './restore-second-places.ts';
import type { RestoreSelection } from './restore-selection.ts';
import { failedOutcome, newCounts, type RestoredEntry, type RestoredFile } from './restore-state.ts';
import type { RestoreThreads } from './restore-threads.ts';
import { type WalkedEntry, type WalkedFolder, walkSelected } from './restore-walk.ts';

export interface RestoreRunOptions {
  readonly repository: Repository;
  readonly pool: RestoreThreads;
  readonly problems: ProblemList;
  readonly signal: AbortSignal;
  readonly selection: RestoreSelection;
  readonly overwrite: Overwrite;
  readonly deletes: boolean;
  readonly dryRun: boolean;
  readonly durable: boolean;
  readonly protect: readonly ProtectedFolder[];
  /** Undefined when it is not there, in a dry run. */
  readonly target: Buffer | undefined;
  readonly onProgress: () => void;
  readonly onEntry: ((entry: RestoredEntry) => void) | undefined;
}

/** One restore: walks the snapshot, makes folders, and gives files to the threads. */
export class RestoreRun {
  readonly counts = newCounts();
  currentPath: Buffer | undefined;
  /** The first problem that says that the repository itself is damaged. */
  damage: HoldfastError | undefined;
  /** Files that a verification leaves out: kept, or reported already. */
  readonly notRestored = new OrdinalSet();
  readonly secondPlaces: SecondPlaces;
  readonly folders: TargetFolders;
  readonly durability: RestoreDurability | undefined;
  readonly #o: RestoreRunOptions;
  readonly #reads: RestoreReads;
  readonly #large: RestoreLargeFiles;
  readonly #deletions: RestoreDeletions | undefined;
  readonly #running = new Set<Promise<void>>();
  readonly #failure = Promise.withResolvers<never>();
  /** Files whose folder has to stay open until they are finished. */
  readonly #pins = new Set<RestoredFile>();
  /** Where the first of several names of one file is, by inode and device. */
  readonly #linked = new Map<string, { readonly folder: TargetFolder; readonly name: Buffer }>();
  readonly #root = newFolder({
    parent: undefined,
    name: Buffer.alloc(0),
    attributes: undefined,
    path: Buffer.from('/'),
    parts: [],
  });
  #items: { readonly item: Item; readonly done: (outcome: Outcome) => void }[] = [];
  /** Files that may be there already, and their bytes. */
  #toInspect: RestoredFile[] = [];
  #toInspectBytes = 0;

  constructor(options: RestoreRunOptions) {
    this.#o = options;
    const { repository, signal, overwrite, deletes, dryRun, target } = options;
    this.folders = new TargetFolders(this.#root, target, { overwrite, deletes, dryRun });
    this.durability = options.durable ? new RestoreDurability(this.folders) : undefined;
    this.#failure.promise.catch(() => {
      // Whoever calls `run` gets it; before that, nobody waits for it.
    });
    this.secondPlaces = new SecondPlaces(repository, signal);
    this.#reads = new RestoreReads({
      repository,
      signal,
      secondPlaces: this.secondPlaces,
      jobs: options.pool.size + limits.restoreExtraJobs,
      run: (job, transfer) => options.pool.run(job, transfer),
      onFailure: (error) => this.fail(error),
    });
    this.#large = new RestoreLargeFiles({
      reads: this.#reads,
      options: { overwrite, deletes },
      signal,
      onBytes: (bytes) => this.#written(bytes),
      onReport: (file, outcome) => this.#reportOutcome(file.path, outcome),
      onWhole: (file) =>
        this.#start({ kind: 'finish', fd: file.fd, item: file.item, sizeBytes: file.file.sizeBytes }, 1, ([done]) =>
          this.#end(file.file, done ?? restored, file.existed ? 'updated' : 'restored'),
        ),
      onFailed: (file, outcome) => this.#end(file, outcome, 'restored'),
    });
    this.#deletions = deletes
      ? new RestoreDeletions({
          ...options,
          folders: this.folders,
          onDeleted: (path) => {
            this.counts.deleted += 1;
            options.onEntry?.({ action: 'deleted', path, sizeBytes: 0 });
          },
          onProblem: (path, what, cause) => this.problem(path, what, cause),
        })
      : undefined;
  }

  fail(error: unknown): void {
    this.#failure.reject(toHoldfastError(error));
  }

  /** Blobs that were damaged in one pack and right in another. */
  get healed(): number {
    return this.#reads.healed;
  }

  async run(tree: ObjectId): Promise<void> {
    const onAbort = (): void => this.fail(this.#o.signal.reason);
    this.#o.signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#all(tree), this.#failure.promise]);
    } finally {
      this.#o.signal.removeEventListener('abort', onAbort);
    }
  }

  /** Closes what is open. Call it when no thread works any more. */
  close(): void {
    this.#large.close();
    this.folders[Symbol.dispose]();
  }

  /** Something with one entry; the restore goes on. */
  problem(path: Buffer, what: string, cause: unknown): void {
    const problem = new HoldfastError(isDamage(cause) ? cause.code : 'restore.item', {
      message: `${printPath(path)}: ${what.replace(/[.]$/, '')}.`,
      context: { path: printPath(path) },
      cause,
    });
    if (isDamage(problem)) this.damage ??= problem;
    this.#o.problems.add(problem);
  }

  async #all(tree: ObjectId): Promise<void> {
    const walked = walkSelected(this.#o.repository, {
      root: this.#root,
      tree,
      selection: this.#o.selection,
      secondPlaces: this.secondPlaces,
      signal: this.#o.signal,
      onUnreadable: (folder, error) =>
        this.problem(folder.path, `its list of entries can't be read (${reason(error)})`, error),
    });
    for await (const found of walked) await this.#folder(found);
    await this.#inspect();
    this.#startItems();
    await this.#reads.settle();
    // Files that end start jobs for attributes, and folders that end start others.
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #folder({ folder, selected, entries, names }: WalkedFolder): Promise<void> {
    this.#deletions?.expect(folder, names, selected);
    // A folder is made even if nothing is in it, but one that only leads to what was asked for is not.
    if ((selected || entries.length > 0) && this.#make(folder))
      for (const entry of entries) await this.#entry(folder, entry);
    this.#close(folder);
  }

  /** Makes the folder; false if that fails, which is reported once. */
  #make(folder: TargetFolder): boolean {
    if (folder.failed) return false;
    this.#deletions?.use(folder);
    try {
      this.folders.look(folder);
      return true;
    } catch (error) {
      this.#folderFailed(folder, error);
      return false;
    }
  }

  #folderFailed(folder: TargetFolder, error: unknown): void {
    if (folder.failed) return;
    folder.failed = true;
    this.counts.failed += 1;
    this.problem(folder.path, `the folder could not be made (${reason(error)})`, error);
  }

  async #entry(folder: TargetFolder, { node, path, ordinal }: WalkedEntry): Promise<void> {
    this.currentPath = path;
    const linked = (node.links ?? 0n) > 1n && node.inode !== undefined;
    const key = linked ? `${node.inode}:${node.deviceId ?? 0n}` : undefined;
    const first = key === undefined ? undefined : this.#linked.get(key);
    const content = node.type === 'file' ? (node.content ?? []) : [];
    const places = content
      .map((id) => this.#o.repository.index.lookup(id, 'data'))
      .filter((place) => place !== undefined);
    const sizeBytes = places.reduce((size, place) => size + plainLength(place), 0);
    const { name } = node;
    const file = {
      folder,
      name,
      attributes: attributesOf(node, this.#o.selection),
      path,
      ordinal,
      content,
      places,
      sizeBytes,
      linked,
    };
    folder.open += 1;
    if (first !== undefined) {
      // The first name may still be waiting.
      await this.#inspect();
      const { dryRun, overwrite, deletes } = this.#o;
      const options = { overwrite, deletes, newerThanNs: file.attributes.modifiedNs };
      const outcome = dryRun ? restored : restoreHardLink(this.folders, first, file, options);
      this.#end({ ...file, sizeBytes: 0 }, outcome, 'restored');
      return;
    }
    if (key !== undefined) this.#linked.set(key, { folder, name });
    if (places.length < content.length) {
      const missing = new HoldfastError('repository.damaged', { message: 'a part of its content is in no index' });
      this.#end(file, failedOutcome(missing.message, missing), 'restored');
    } else if (node.type === 'file' && !folder.fresh && !folder.absent) {
      this.#toInspect.push(file);
      this.#toInspectBytes += sizeBytes;
      if (
        this.#toInspect.length >= limits.restoreInspectedFiles ||
        this.#toInspectBytes >= limits.restoreInspectedBytes
      )
        await this.#inspect();
    } else await this.#place(file);
  }

  /** Looks which of the files that may be there are right, and restores the others. */
  async #inspect(): Promise<void> {
    const files = this.#toInspect;
    if (files.length === 0) return;
    this.#toInspect = [];
    this.#toInspectBytes = 0;
    const { pool, signal, dryRun } = this.#o;
    const outcomes = await inspectFiles(files, {
      pool,
      folders: this.folders,
      signal,
      mode: dryRun ? 'look' : 'compare',
    });
    for (const [number, file] of files.entries()) {
      const outcome = outcomes[number] ?? restored;
      if (outcome.state === 'missing') await this.#place(file, outcome);
      else this.#end(file, outcome, 'unchanged');
    }
  }

  /** Restores what is not there, or not right. */
  async #place(file: RestoredFile, there?: Outcome): Promise<void> {
    const [id] = file.content;
    const [place] = file.places;
    const action = there?.exists === true ? 'updated' : 'restored';
    if (this.#o.dryRun) {
      this.counts.bytesDone += file.sizeBytes;
      this.#end(file, restored, action);
    } else if (id === undefined || place === undefined) await this.#addItem(file, action);
    else if (file.content.length > 1 || file.linked) await this.#largeFile(file, there);
    else {
      const { folder } = file;
      await this.#reads.add(id, place, {
        folder,
        at: 0,
        begin: () => ({ item: this.#pinnedItem(file) }),
        end: () => this.folders.unpin(folder),
        onOutcome: (outcome, bytes) => {
          this.#written(bytes);
          this.#end(file, outcome, action);
        },
      });
    }
  }

  #written(bytes: number): void {
    this.counts.bytesDone += bytes;
    this.durability?.written(bytes);
  }

  async #largeFile(file: RestoredFile, there: Outcome | undefined): Promise<void> {
    let item: Item;
    try {
      // Stays pinned until the file is finished.
      item = this.#pinnedItem(file);
    } catch (error) {
      this.#end(file, failedOutcome(reason(error), error), 'restored');
      return;
    }
    this.#pins.add(file);
    await this.#large.restore(file, item, there);
    while (this.#large.count > limits.restoreOpenFiles) await this.#workOff();
  }

  #pinnedItem({ folder, name, attributes }: { folder: TargetFolder; name: Buffer; attributes: Attributes }): Item {
    const handle = this.folders.pin(folder);
    const path = handle.path(name).toString('latin1');
    return { path, folder: handle.fd, attributes, ownGroup: folder.ownGroup, inheritsAcls: folder.inheritsAcls };
  }

  /** Waits for one job to end; what was collected is only started early when there is no other. */
  async #workOff(): Promise<void> {
    this.#o.signal.throwIfAborted();
    if (this.#running.size + this.#reads.running.size === 0) {
      this.#startItems();
      this.#reads.flush();
    }
    await Promise.race([...this.#running, ...this.#reads.running]);
  }

  async #addItem(file: RestoredFile, action: RestoredEntry['action']): Promise<void> {
    let item: Item;
    try {
      item = this.#pinnedItem(file);
    } catch (error) {
      this.#end(file, failedOutcome(reason(error), error), action);
      return;
    }
    this.#pins.add(file);
    this.#items.push({ item, done: (outcome) => this.#end(file, outcome, action) });
    if (file.linked) {
      // Another name of it may come next, so it must be there before.
      this.#startItems();
      await this.#room(0);
    } else if (this.#items.length >= limits.restoreFilesPerJob) {
      this.#startItems();
      await this.#room(limits.restoreJobsInFlight);
    }
    while (this.folders.pinned > limits.restoreOpenFiles) await this.#workOff();
  }

  #startItems(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = [];
    this.#start({ kind: 'items', items: items.map(({ item }) => item) }, items.length, (outcomes) => {
      for (const [at, { done }] of items.entries()) done(outcomes[at] ?? restored);
    });
  }

  #start(job: RestoreJob, count: number, done: (outcomes: readonly Outcome[]) => void): void {
    const running: Promise<void> = this.#o.pool.run(job).then(
      ({ others }) => {
        this.#running.delete(running);
        const outcomes = new Array<Outcome>(count).fill(restored);
        for (const [number, outcome] of others) outcomes[number] = outcome;
        done(outcomes);
      },
      (error: unknown) => {
        this.#running.delete(running);
        this.fail(error);
      },
    );
    this.#running.add(running);
  }

  /** Waits until at most so many jobs run. */
  async #room(jobs: number): Promise<void> {
    while (this.#running.size > jobs) {
      this.#o.signal.throwIfAborted();
      await Promise.race(this.#running);
    }
  }

  /** An entry is finished, however it went. */
  #end(file: RestoredFile, outcome: Outcome, action: RestoredEntry['action']): void {
    const { folder, path, sizeBytes } = file;
    const { counts } = this;
    this.#reportOutcome(path, outcome);
    let told: RestoredEntry['action'] | undefined = action;
    if (outcome.state === 'failed' || outcome.state === 'missing') {
      counts.failed += 1;
      told = undefined;
    } else if (outcome.state === 'kept') {
      counts.kept += 1;
      counts.keptBytes += sizeBytes;
      told = 'unchanged';
    } else {
      counts[file.attributes.type === 'file' ? 'filesDone' : 'othersDone'] += 1;
      if (outcome.state === 'unchanged') {
        counts.unchanged += 1;
        counts.unchangedBytes += sizeBytes;
      }
    }
    if (outcome.state !== 'restored' && outcome.state !== 'unchanged') this.notRestored.add(file.ordinal);
    if (told !== undefined) this.#o.onEntry?.({ action: told, path, sizeBytes });
    if (this.#pins.delete(file)) this.folders.unpin(folder);
    this.#o.onProgress();
    this.#close(folder);
  }

  /** One thing less in the folder; when it was the last, the folder gets its attributes, and the one above goes on. */
  #close(folder: TargetFolder): void {
    folder.open -= 1;
    if (folder.open > 0) return;
    this.#deletions?.clear(folder);
    const { parent, attributes } = folder;
    if (parent === undefined) return;
    if (attributes === undefined || folder.failed || !(folder.made || folder.absent)) {
      this.folders.close(folder);
      this.#close(parent);
      return;
    }
    const done = (outcome: Outcome): void => {
      this.folders.close(folder);
      this.#reportOutcome(folder.path, outcome);
      this.counts.foldersDone += 1;
      this.#o.onEntry?.({ action: 'restored', path: folder.path, sizeBytes: 0 });
      this.#close(parent);
    };
    if (this.#o.dryRun) {
      done(restored);
      return;
    }
    let handle: ReturnType<TargetFolders['pin']>;
    try {
      handle = this.folders.pin(folder);
    } catch (error) {
      this.#folderFailed(folder, error);
      this.#close(parent);
      return;
    }
    const prefix = handle.prefix.toString('latin1');
    this.#start({ kind: 'folder', fd: handle.fd, prefix, attributes }, 1, ([outcome]) => done(outcome ?? restored));
  }

  #reportOutcome(path: Buffer, outcome: Outcome): void {
    for (const report of outcome.problems) this.problem(path, report.message, HoldfastError.fromReport(report));
  }
}
