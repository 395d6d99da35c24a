import fs from 'node:fs';
import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { isDamage, type Node, type ObjectId, plainLength, type Repository } from '@holdfast/repository';
import { printPath } from './byte-path.ts';
import { limits } from './limits.ts';
import { reason } from './problem.ts';
import type { ProblemList } from './problem-list.ts';
import { attributesOf } from './restore-attributes.ts';
import { type TargetFolder, TargetFolders } from './restore-folders.ts';
import { createFile, itemPath, Kept, makeFresh } from './restore-item.ts';
import type { Item, Outcome, Overwrite, RestoreJob, RestoreResult } from './restore-jobs.ts';
import { RestoreReads } from './restore-reads.ts';
import type { RestoreSelection } from './restore-selection.ts';
import { type Batch, failedOutcome, type OpenFile, type RestoreCounts } from './restore-state.ts';
import type { ThreadPool } from './thread-pool.ts';

export type RestorePool = ThreadPool<RestoreJob, RestoreResult, never>;

/** One restore: walks the snapshot, makes folders, and gives files to the threads. */
export class RestoreRun {
  readonly counts: RestoreCounts = { filesDone: 0, foldersDone: 0, othersDone: 0, bytesDone: 0, kept: 0, failed: 0 };
  currentPath: Buffer | undefined;
  /** The first problem that says that the repository itself is damaged. */
  damage: HoldfastError | undefined;
  readonly #repository: Repository;
  readonly #pool: RestorePool;
  readonly #problems: ProblemList;
  readonly #signal: AbortSignal;
  readonly #selection: RestoreSelection;
  readonly #overwrite: Overwrite;
  readonly #onProgress: () => void;
  readonly #reads: RestoreReads;
  readonly #running = new Set<Promise<void>>();
  readonly #openFiles = new Set<OpenFile>();
  readonly #failure = Promise.withResolvers<never>();
  /** Where the first of several names of one file is, by inode and device. */
  readonly #linked = new Map<string, { readonly folder: TargetFolder; readonly name: Buffer }>();
  readonly #root: TargetFolder;
  readonly #folders: TargetFolders;
  #batch: Batch = { items: [], folders: [], paths: [] };

  constructor(options: {
    readonly repository: Repository;
    readonly pool: RestorePool;
    readonly problems: ProblemList;
    readonly signal: AbortSignal;
    readonly selection: RestoreSelection;
    readonly overwrite: Overwrite;
    readonly target: Buffer;
    readonly onProgress: () => void;
  }) {
    this.#repository = options.repository;
    this.#pool = options.pool;
    this.#problems = options.problems;
    this.#signal = options.signal;
    this.#selection = options.selection;
    this.#overwrite = options.overwrite;
    this.#onProgress = options.onProgress;
    this.#root = {
      parent: undefined,
      name: Buffer.alloc(0),
      attributes: undefined,
      path: Buffer.from('/'),
      parts: [],
      open: 1,
      made: true,
      failed: false,
    };
    this.#folders = new TargetFolders(this.#root, options.target, options.overwrite);
    this.#failure.promise.catch(() => {
      // Whoever calls `run` gets it; before that, nobody waits for it.
    });
    this.#reads = new RestoreReads({
      repository: options.repository,
      signal: options.signal,
      run: async (job, transfer) => (await options.pool.run(job, transfer)).outcomes,
      onFailure: (error) => this.fail(error),
    });
  }

  fail(error: unknown): void {
    this.#failure.reject(toHoldfastError(error));
  }

  async run(tree: ObjectId): Promise<void> {
    const onAbort = (): void => this.fail(this.#signal.reason);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#all(tree), this.#failure.promise]);
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }

  /** Closes what is open. Call it when no thread works any more. */
  close(): void {
    for (const { fd } of this.#openFiles) fs.closeSync(fd);
    this.#openFiles.clear();
    this.#folders[Symbol.dispose]();
  }

  async #all(tree: ObjectId): Promise<void> {
    const stack: { readonly folder: TargetFolder; readonly tree: ObjectId; readonly selected: boolean }[] = [
      { folder: this.#root, tree, selected: this.#selection.everything },
    ];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      this.#signal.throwIfAborted();
      const { folder } = next;
      let nodes: Node[] = [];
      try {
        nodes = await this.#repository.loadTree(next.tree, { signal: this.#signal });
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#fail(folder.path, `its list of entries can't be read (${reason(error)})`, error);
      }
      const inner: typeof stack = [];
      for (const node of nodes) {
        const entry = this.#selection.choose(folder, node.name, next.selected);
        if (entry === undefined || folder.failed) continue;
        if (node.type === 'dir') {
          const child = this.#childFolder(folder, node, entry);
          if (node.subtree !== undefined) inner.push({ folder: child, tree: node.subtree, selected: entry.selected });
          else this.#close(child);
          continue;
        }
        if (entry.selected) await this.#entry(folder, node, entry.path);
      }
      // A folder is made even if nothing is in it, but one that only leads to what was asked for is not.
      if (next.selected && !folder.failed) this.#make(folder);
      // The first one is taken next, so that packs are read in the order in which they were written.
      stack.push(...inner.reverse());
      this.#close(folder);
    }
    await this.#settle();
  }

  async #settle(): Promise<void> {
    this.#startBatch();
    await this.#reads.settle();
    // Files that end start jobs for attributes, and folders that end start others.
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #childFolder(parent: TargetFolder, node: Node, entry: { path: Buffer; parts: readonly string[] }): TargetFolder {
    parent.open += 1;
    return {
      parent,
      name: node.name,
      attributes: attributesOf(node),
      path: entry.path,
      parts: entry.parts,
      open: 1,
      made: false,
      failed: parent.failed,
    };
  }

  /** Makes the folder; false if that fails, which is reported once. */
  #make(folder: TargetFolder): boolean {
    if (folder.failed) return false;
    try {
      this.#folders.pin(folder);
      this.#folders.unpin(folder);
      return true;
    } catch (error) {
      this.#folderFailed(folder, error);
      return false;
    }
  }

  #folderFailed(folder: TargetFolder, error: unknown): void {
    folder.failed = true;
    this.counts.failed += 1;
    this.#fail(folder.path, `the folder could not be made (${reason(error)})`, error);
  }

  async #entry(folder: TargetFolder, node: Node, path: Buffer): Promise<void> {
    this.currentPath = path;
    const key =
      (node.links ?? 0n) > 1n && node.inode !== undefined ? `${node.inode}:${node.deviceId ?? 0n}` : undefined;
    const first = key === undefined ? undefined : this.#linked.get(key);
    let prefix: Buffer;
    try {
      // Stays pinned until the entry is finished.
      prefix = this.#folders.pin(folder).prefix;
    } catch (error) {
      this.#folderFailed(folder, error);
      return;
    }
    folder.open += 1;
    while (this.#folders.pinned > limits.restoreOpenFiles) await this.#workOff();
    const item: Item = { prefix, name: node.name, attributes: attributesOf(node) };
    if (first !== undefined) {
      this.#hardLink(first, item, folder, path);
      return;
    }
    if (key !== undefined) this.#linked.set(key, { folder, name: node.name });
    if (node.type !== 'file') {
      await this.#addItem(item, folder, path, key !== undefined);
      return;
    }
    const content = node.content ?? [];
    const places = content.map((id) => this.#repository.index.lookup(id, 'data'));
    if (places.includes(undefined)) {
      const missing = new HoldfastError('repository.damaged', { message: 'a part of its content is in no index' });
      this.#end(folder, path, failedOutcome(missing.message, missing), 'file');
      return;
    }
    const [id] = content;
    const [place] = places;
    if (id === undefined || place === undefined) await this.#addItem(item, folder, path, key !== undefined);
    else if (content.length === 1 && key === undefined) {
      const onOutcome = (outcome: Outcome, bytes: number): void => {
        this.counts.bytesDone += bytes;
        this.#end(folder, path, outcome, 'file');
      };
      await this.#reads.add(id, place, { write: { item }, onOutcome }, 0);
    } else await this.#largeFile({ item, folder, path }, content, places);
  }

  /** A file of several blobs, or with several names: it is made here, and several jobs write to it. */
  async #largeFile(
    made: { readonly item: Item; readonly folder: TargetFolder; readonly path: Buffer },
    content: readonly ObjectId[],
    places: readonly (ReturnType<Repository['index']['lookup']> | undefined)[],
  ): Promise<void> {
    const { item, folder, path } = made;
    let fd: number;
    try {
      fd = createFile(itemPath(item), this.#overwrite);
    } catch (error) {
      this.#end(
        folder,
        path,
        error instanceof Kept ? { state: 'kept', problems: [] } : failedOutcome(reason(error), error),
        'file',
      );
      return;
    }
    const file: OpenFile = { fd, item, folder, path, open: 1, failed: false };
    this.#openFiles.add(file);
    const target = {
      write: { fd },
      onOutcome: (outcome: Outcome, bytes: number): void => {
        this.counts.bytesDone += bytes;
        this.#partDone(file, outcome);
      },
    };
    let at = 0;
    try {
      fs.ftruncateSync(
        fd,
        places.reduce((size, place) => size + (place === undefined ? 0 : plainLength(place)), 0),
      );
      for (const [number, place] of places.entries()) {
        const id = content[number];
        if (id === undefined || place === undefined || file.failed) continue;
        file.open += 1;
        // One outcome for each blob: a read that brings several of them would give only one.
        await this.#reads.add(id, place, { ...target }, at);
        at += plainLength(place);
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#partDone(file, failedOutcome(reason(error), error));
      return;
    }
    this.#partDone(file, { state: 'done', problems: [] });
    while (this.#openFiles.size > limits.restoreOpenFiles) await this.#workOff();
  }

  /** Waits for one job to end; what was collected is only started early when there is no other. */
  async #workOff(): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#running.size + this.#reads.running.size === 0) {
      this.#startBatch();
      this.#reads.flush();
    }
    await Promise.race([...this.#running, ...this.#reads.running]);
  }

  #partDone(file: OpenFile, outcome: Outcome): void {
    if (outcome.state === 'failed' && !file.failed) {
      file.failed = true;
      this.#reportOutcome(file.path, outcome);
    }
    file.open -= 1;
    if (file.open > 0) return;
    this.#openFiles.delete(file);
    if (!file.failed) {
      this.#start({ kind: 'finish', fd: file.fd, item: file.item }, ([done]) => {
        if (done !== undefined) this.#end(file.folder, file.path, done, 'file');
      });
      return;
    }
    fs.closeSync(file.fd);
    try {
      // Nothing that looks whole and is not may stay behind.
      fs.unlinkSync(itemPath(file.item));
    } catch (error) {
      this.#fail(file.path, `what was written of it could not be removed (${reason(error)})`, error);
    }
    this.#end(file.folder, file.path, { state: 'failed', problems: [] }, 'file');
  }

  #hardLink(
    first: { readonly folder: TargetFolder; readonly name: Buffer },
    item: Item,
    folder: TargetFolder,
    path: Buffer,
  ): void {
    let outcome: Outcome = { state: 'done', problems: [] };
    try {
      const from = this.#folders.pin(first.folder).path(first.name);
      try {
        const to = itemPath(item);
        makeFresh(to, this.#overwrite, () => fs.linkSync(from, to));
      } finally {
        this.#folders.unpin(first.folder);
      }
    } catch (error) {
      outcome =
        error instanceof Kept
          ? { state: 'kept', problems: [] }
          : failedOutcome(`the hard link could not be made (${reason(error)})`, error);
    }
    this.#end(folder, path, outcome, item.attributes.type === 'file' ? 'file' : 'other');
  }

  async #addItem(item: Item, folder: TargetFolder, path: Buffer, now: boolean): Promise<void> {
    this.#batch.items.push(item);
    this.#batch.folders.push(folder);
    this.#batch.paths.push(path);
    if (now) {
      // Another name of it may come next, so it must be there before.
      this.#startBatch();
      await this.#room(0);
    } else if (this.#batch.items.length >= limits.restoreFilesPerJob) {
      this.#startBatch();
      await this.#room(limits.restoreJobsInFlight);
    }
  }

  #startBatch(): void {
    const { items, folders, paths } = this.#batch;
    if (items.length === 0) return;
    this.#batch = { items: [], folders: [], paths: [] };
    this.#start({ kind: 'items', items }, (outcomes) => {
      for (const [at, outcome] of outcomes.entries()) {
        const folder = folders[at];
        const path = paths[at];
        if (folder === undefined || path === undefined) continue;
        this.#end(folder, path, outcome, items[at]?.attributes.type === 'file' ? 'file' : 'other');
      }
    });
  }

  #start(job: RestoreJob, done: (outcomes: readonly Outcome[]) => void): void {
    const running: Promise<void> = this.#pool.run(job).then(
      ({ outcomes }) => {
        this.#running.delete(running);
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
      this.#signal.throwIfAborted();
      await Promise.race(this.#running);
    }
  }

  /** An entry is finished, however it went. */
  #end(folder: TargetFolder, path: Buffer, outcome: Outcome, kind: 'file' | 'other'): void {
    this.#reportOutcome(path, outcome);
    if (outcome.state === 'failed') this.counts.failed += 1;
    else if (outcome.state === 'kept') this.counts.kept += 1;
    else if (kind === 'file') this.counts.filesDone += 1;
    else this.counts.othersDone += 1;
    this.#folders.unpin(folder);
    this.#onProgress();
    this.#close(folder);
  }

  /** One thing less in the folder; when it was the last, the folder gets its attributes, and the one above goes on. */
  #close(folder: TargetFolder): void {
    folder.open -= 1;
    if (folder.open > 0) return;
    const { parent, attributes } = folder;
    if (parent === undefined) return;
    if (attributes === undefined || !folder.made || folder.failed) {
      this.#folders.close(folder);
      this.#close(parent);
      return;
    }
    let handle: ReturnType<TargetFolders['pin']>;
    try {
      handle = this.#folders.pin(folder);
    } catch (error) {
      this.#folderFailed(folder, error);
      this.#close(parent);
      return;
    }
    this.#start({ kind: 'folder', fd: handle.fd, prefix: handle.prefix, attributes }, ([outcome]) => {
      this.#folders.close(folder);
      if (outcome !== undefined) this.#reportOutcome(folder.path, outcome);
      this.counts.foldersDone += 1;
      this.#close(parent);
    });
  }

  #reportOutcome(path: Buffer, outcome: Outcome): void {
    for (const report of outcome.problems) this.#fail(path, report.message, HoldfastError.fromReport(report));
  }

  #fail(path: Buffer, what: string, cause: unknown): void {
    const problem = new HoldfastError(isDamage(cause) ? cause.code : 'restore.item', {
      message: `${printPath(path)}: ${what.replace(/[.]$/, '')}.`,
      context: { path: printPath(path) },
      cause,
    });
    if (isDamage(problem)) this.damage ??= problem;
    this.#problems.add(problem);
  }
}
