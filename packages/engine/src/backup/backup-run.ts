import fs from 'node:fs';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import type { Node, ObjectId, Repository } from '@holdfast/repository';
import { joinPath, printPath } from '../byte-path.ts';
import { limits } from '../limits.ts';
import type { ProblemList } from '../problem-list.ts';
import { BackupCounts } from './backup-counts.ts';
import type {
  BackupAnswer,
  BackupJob,
  FolderToCount,
  FolderToScan,
  FoundFile,
  FoundFolder,
  ReadResult,
  ScannedFolder,
} from './backup-jobs.ts';
import { answerTo, type BackupThreads } from './backup-threads.ts';
import { CountAhead } from './count-ahead.ts';
import { describeFile } from './describe-file.ts';
import { type FolderState, folderTree, isLeftOut, type Slot } from './folder-state.ts';
import { discardGearData, type GearMemory } from './gear-scan.ts';
import { LargeFile } from './large-file.ts';
import { NodeText } from './node-text.ts';
import type { PackStaging } from './pack-staging.ts';
import { PackUploads } from './pack-uploads.ts';

import { ParentTrees } from './parent-trees.ts';
import { type PipelineTimes, pipelineTimes } from './pipeline-times.ts';
import { ScanQueue, type ScanTask } from './scan-queue.ts';
import type { SourceFolder } from './source-tree.ts';

interface ChunkTask {
  readonly file: LargeFile;
  readonly slab: number;
  readonly chunks: ReadResult['chunks'];
  readonly first: number;
}

/**
 * One backup from the sources to the id of the root's tree: gives jobs to the threads, most urgent first (trees, then
 * chunks that hold a slab, then pieces of large files, then folders, deepest first, which bounds what is in memory).
 */
export class BackupRun {
  readonly counts = new BackupCounts();
  currentPath: Buffer | undefined;
  readonly uploads: PackUploads;
  readonly times: PipelineTimes;
  /** Undefined where nobody wants to know how much there is. */
  readonly ahead: CountAhead | undefined;
  readonly #root: SourceFolder;
  readonly #withAtime: boolean;
  readonly #pool: BackupThreads;
  readonly #clock: Clock;
  readonly #problems: ProblemList;
  readonly #signal: AbortSignal;
  readonly #onProgress: () => void;
  readonly #finished = Promise.withResolvers<ObjectId>();

  readonly #underWay = new Set<Promise<void>>();
  readonly #trees: FolderState[] = [];
  readonly #chunks: ChunkTask[] = [];
  readonly #waitingFiles: LargeFile[] = [];
  readonly #activeFiles = new Set<LargeFile>();
  readonly #slabs: GearMemory;
  readonly #freeSlabs: number[];
  readonly #chunksInSlab: number[];
  readonly #scans: ScanQueue;
  readonly #parentTrees: ParentTrees;
  #ended = false;

  constructor(options: {
    readonly root: SourceFolder;
    readonly withAtime: boolean;
    readonly repository: Repository;
    readonly pool: BackupThreads;
    readonly problems: ProblemList;
    readonly signal: AbortSignal;
    readonly slabs: GearMemory;
    readonly slabCount: number;
    readonly staging: PackStaging;
    readonly countAhead: boolean;
    readonly onProgress: () => void;
  }) {
    this.#root = options.root;
    this.#withAtime = options.withAtime;
    this.#pool = options.pool;
    this.#clock = options.repository.clock;
    this.#problems = options.problems;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
    if (options.countAhead) this.ahead = new CountAhead();
    this.#parentTrees = new ParentTrees(options);
    this.#scans = new ScanQueue(this.#parentTrees);
    this.#slabs = options.slabs;
    this.#freeSlabs = Array.from({ length: options.slabCount }, (_, at) => at);
    this.#chunksInSlab = this.#freeSlabs.map(() => 0);
    this.times = pipelineTimes(options.repository);
    this.uploads = new PackUploads({
      repository: options.repository,
      signal: options.signal,
      name: async (packs) => {
        const { ids } = await this.#run('name', { kind: 'name', packs: packs.map((pack) => pack.bytes) });
        return ids;
      },
      staging: options.staging,
      onRoom: () => this.#pump(),
      onFailure: (error) => this.fail(error),
    });
  }

  /** Gives the id of the root's tree when every folder has its tree in some pack. */
  async run(parentTree: ObjectId | undefined): Promise<ObjectId> {
    const root = this.#root;
    const folder: FolderState = {
      path: '/',
      parent: undefined,
      parentTree,
      slots: [],
      open: 1,
      failed: false,
      same: false,
      isWay: !root.named,
    };
    const onAbort = (): void => this.fail(this.#signal.reason);
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (root.named) {
        const { dev: device } = fs.statSync('/', { bigint: true });
        this.#scanWhole(folder, { device });
        this.ahead?.add({ path: '/', names: undefined, device });
      } else await this.#wayFolder(root, folder);
      this.#close(folder);
      this.#pump();
      return await this.#finished.promise;
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
      this.#ended = true;
    }
  }

  /**
   * After a failure: ends the threads, and then closes what they read from. They are given the time to answer, because what a
   * thread opened and has told nobody of stays open when it is ended, as it does after a thread failed.
   */
  async end(): Promise<void> {
    const answered = new AbortController();
    const limit = this.#clock.sleep(limits.lastAnswersMs, answered.signal);
    await Promise.race([Promise.allSettled(this.#underWay), Promise.allSettled([limit])]);
    answered.abort();
    await this.#pool[Symbol.asyncDispose]();
    for (const file of this.#activeFiles) file.close();
  }

  fail(error: unknown): void {
    this.#ended = true;
    this.#finished.reject(toHoldfastError(error));
  }

  /** A folder on the way to the sources: only its own description and what leads to them is stored. */
  async #wayFolder(source: SourceFolder, folder: FolderState): Promise<void> {
    const parents = await this.#parentTrees.nodes(folder.parentTree);
    const parentOf = (child: SourceFolder): Node | undefined => parents.find((node) => node.name.equals(child.name));
    for (const child of source.children) {
      const slot: Slot = { json: '' };
      folder.slots.push(slot);
      if (child.named) {
        const scan: FolderToScan = {
          path: folder.path,
          names: [child.name.toString('latin1')],
          named: true,
          device: undefined,
          parent: folder.parentTree === undefined ? undefined : await this.#parentTrees.sealed(folder.parentTree),
        };
        folder.open += 1;
        this.#scans.add({ scan, folder, slot });
        this.ahead?.add({ path: scan.path, names: scan.names, device: undefined });
        continue;
      }
      const path = joinPath(Buffer.from(folder.path, 'latin1'), child.name);
      let json: string;
      try {
        // Links on the way are followed, as the system does when it resolves the path.
        const stat = fs.statSync(path, { bigint: true });
        const accessPath = joinPath(path, Buffer.from('.'));
        const file = { name: child.name, path, accessPath, stat, withAtime: this.#withAtime };
        const text = new NodeText();
        text.setNode(describeFile(file, (problem) => this.#problems.add(problem)));
        json = text.toString();
      } catch (cause) {
        this.#problems.add(
          new HoldfastError('file.unreadable', {
            message: `${printPath(path)} does not exist or can't be entered.`,
            context: { path: printPath(path) },
            cause,
          }),
        );
        continue;
      }
      const before = parentOf(child);
      folder.open += 1;
      const inner: FolderState = {
        path: path.toString('latin1'),
        parent: { folder, slot, json },
        parentTree: before?.type === 'dir' ? before.subtree : undefined,
        slots: [],
        open: 1,
        failed: false,
        same: false,
        isWay: true,
      };
      await this.#wayFolder(child, inner);
      this.#close(inner);
    }
  }

  #scanWhole(folder: FolderState, options: { readonly device: bigint }): void {
    const slot: Slot = { json: '' };
    folder.slots.push(slot);
    folder.open += 1;
    const { path } = folder;
    const scan: FolderToScan = { path, names: undefined, named: false, device: options.device, parent: undefined };
    this.#scans.add({ scan, folder, slot });
  }

  #pump(): void {
    this.#countAhead();
    while (!this.#ended && this.#pool.room && this.uploads.room && this.#next());
    if (this.#ended) return;
    // What is stored, and trees of the parent snapshot, come and go over the same way.
    const isHeldBack = !this.uploads.room || (this.#pool.idle && this.#scans.loading);
    this.times.waitFor(isHeldBack ? 'uploads' : 'threads');
  }

  /** One job at a time counts, beside all the others. */
  #countAhead(): void {
    if (this.#ended || !this.#pool.room) return;
    const folders = this.ahead?.next();
    if (folders !== undefined) this.#start(this.#count(folders));
  }

  async #count(folders: readonly FolderToCount[]): Promise<void> {
    this.ahead?.take(await this.#run('count', { kind: 'count', folders }));
  }

  /** Starts the most urgent job, if there is one. */
  #next(): boolean {
    const tree = this.#trees.pop();
    if (tree !== undefined) return this.#start(this.#storeTree(tree));
    const chunks = this.#chunks.shift();
    if (chunks !== undefined) return this.#start(this.#storeChunks(chunks));
    const file = this.#nextFile();
    if (file !== undefined) return this.#start(this.#readPiece(file));
    for (let load = this.#scans.loadNext(); load !== undefined; load = this.#scans.loadNext()) this.#start(load);
    // Large files that wait hold memory: no more of them are looked for before they have begun.
    if (this.#waitingFiles.length > limits.entriesPerJob) return false;
    const scans = this.#scans.take(this.#pool.size);
    return scans.length > 0 && this.#start(this.#scan(scans));
  }

  #start(work: Promise<void>): true {
    const done = work.then(
      () => {
        this.#underWay.delete(done);
        this.#pump();
      },
      (error: unknown) => {
        this.#underWay.delete(done);
        this.fail(error);
      },
    );
    this.#underWay.add(done);
    return true;
  }

  async #run<Kind extends BackupAnswer['kind']>(
    kind: Kind,
    job: BackupJob,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Extract<BackupAnswer, { kind: Kind }>> {
    const result = await answerTo(kind, job, { pool: this.#pool, transfer });
    this.times.add(result.spent);
    if ('stored' in result) this.counts.addStored(result.stored);
    return result;
  }

  async #scan(tasks: readonly ScanTask[]): Promise<void> {
    const last = tasks.at(-1)?.folder.path ?? '';
    this.currentPath = Buffer.from(last, 'latin1');
    const parents = tasks.map(({ scan }) => scan.parent).filter((parent) => parent?.kind === 'sealed');
    const result = await this.#run(
      'scan',
      { kind: 'scan', folders: tasks.map(({ scan }) => scan) },
      parents.map(({ bytes }) => bytes.buffer),
    );
    for (const report of result.problems) this.#problems.add(HoldfastError.fromReport(report));
    for (const change of ['new', 'changed', 'unmodified'] as const) this.counts.files[change] += result.files[change];
    this.counts.bytesDone += result.bytesDone;
    this.counts.bytesRead += result.bytesRead;
    for (const [number, task] of tasks.entries()) {
      const scanned = result.folders[number] ?? 'left';
      if (scanned === 'left') this.#scans.addAgain(task);
      else {
        if (scanned === 'unchanged') task.folder.same = true;
        else this.#takeFolder(task, scanned);
        this.#close(task.folder);
      }
    }
    this.#onProgress();
  }

  #takeFolder({ scan, folder, slot }: ScanTask, scanned: ScannedFolder): void {
    if (scanned.failed) folder.failed = true;
    folder.same = scanned.same;
    folder.tree = scanned.tree;
    slot.more = [];
    for (const found of scanned.found) this.#take(folder, slot.more, found);
    // The last one is taken from the stack first; the order of the slots is what counts.
    for (const rest of scanned.rest) {
      const restSlot: Slot = { json: '' };
      slot.more.push(restSlot);
      folder.open += 1;
      this.#scans.add({ scan: { ...scan, ...rest }, folder, slot: restSlot });
    }
  }

  #take(folder: FolderState, slots: Slot[], found: string | FoundFolder | FoundFile): void {
    if (typeof found === 'string') {
      slots.push({ json: found });
      return;
    }
    const slot: Slot = { json: '' };
    slots.push(slot);
    folder.open += 1;
    if (found.kind === 'file') {
      const path = joinPath(Buffer.from(folder.path, 'latin1'), found.node.name);
      this.#waitingFiles.push(new LargeFile({ path, folder, slot, found }));
      return;
    }
    const inner: FolderState = {
      path: folder.path.endsWith('/') ? folder.path + found.name : `${folder.path}/${found.name}`,
      parent: { folder, slot, json: found.json },
      parentTree: found.parentTree,
      slots: [],
      open: 1,
      failed: false,
      same: false,
      isWay: false,
    };
    if (found.descend) this.#scanWhole(inner, { device: found.device });
    this.#close(inner);
  }

  /** One thing less that the folder waits for. */
  #close(closed: FolderState): void {
    for (let folder: FolderState | undefined = closed; folder !== undefined; ) {
      folder.open -= 1;
      if (folder.open > 0) return;
      const tree = folder.tree ?? (folder.same ? folder.parentTree : undefined);
      if (folder.parent !== undefined && isLeftOut(folder)) {
        folder = folder.parent.folder;
        folder.same = false;
      } else if (tree === undefined) {
        this.#trees.push(folder);
        return;
      } else folder = this.#finishFolder(folder, tree);
    }
  }

  async #storeTree(folder: FolderState): Promise<void> {
    const json = new Uint8Array(folderTree(folder));
    folder.slots.length = 0;
    const { id } = await this.#run('tree', { kind: 'tree', json }, [json.buffer]);
    const above = this.#finishFolder(folder, id);
    if (above !== undefined) this.#close(above);
  }

  /** Puts the folder in its place, and gives the one that it is in. */
  #finishFolder(folder: FolderState, tree: ObjectId): FolderState | undefined {
    if (folder.parent === undefined) {
      this.#finished.resolve(tree);
      return undefined;
    }
    const change = folder.parentTree === undefined ? 'new' : folder.parentTree === tree ? 'unmodified' : 'changed';
    this.counts.folders[change] += 1;
    const { folder: above, slot, json } = folder.parent;
    if (change !== 'unmodified') above.same = false;
    slot.json = `${json}${tree}"}`;
    return above;
  }

  #nextFile(): LargeFile | undefined {
    if (this.#freeSlabs.length === 0) return undefined;
    for (const file of this.#activeFiles) if (!file.reading && !file.readToEnd) return file;
    if (this.#activeFiles.size >= limits.largeFilesAtOnce) return undefined;
    const file = this.#waitingFiles.pop();
    if (file !== undefined) this.#activeFiles.add(file);
    return file;
  }

  async #readPiece(file: LargeFile): Promise<void> {
    // Of a file with more pieces than one there is much to store.
    if (file.offset > 0) this.#pool.startAll();
    const slab = this.#freeSlabs.pop() ?? 0;
    file.reading = true;
    this.currentPath = file.path;
    const result = await this.#run('read', {
      kind: 'read',
      path: file.path,
      open: file.open,
      offset: file.offset,
      slab,
    });
    if (result.problem !== undefined) this.#problems.add(HoldfastError.fromReport(result.problem));
    const before = file.offset;
    const first = file.take(result);
    this.counts.bytesDone += file.offset - before;
    for (const { start, end } of result.chunks) this.counts.bytesRead += end - start;
    this.#chunksInSlab[slab] = result.chunks.length;
    if (result.chunks.length === 0) this.#freeSlabs.push(slab);
    for (let at = 0; at < result.chunks.length; at += limits.chunksPerJob)
      this.#chunks.push({ file, slab, chunks: result.chunks.slice(at, at + limits.chunksPerJob), first: first + at });
    this.#onProgress();
    this.#finishFile(file);
  }

  async #storeChunks(task: ChunkTask): Promise<void> {
    const { file, slab, chunks, first } = task;
    const { ids } = await this.#run('chunks', { kind: 'chunks', chunks });
    file.stored(first, ids);
    const left = (this.#chunksInSlab[slab] ?? 0) - chunks.length;
    this.#chunksInSlab[slab] = left;
    if (left === 0) this.#freeSlabs.push(slab);
    this.#onProgress();
    this.#finishFile(file);
  }

  #finishFile(file: LargeFile): void {
    if (!file.complete || !this.#activeFiles.delete(file)) return;
    if (this.#activeFiles.size + this.#waitingFiles.length === 0) discardGearData(this.#slabs);
    file.finish();
    if (!file.failed) this.counts.files[file.found.change] += 1;
    this.#close(file.folder);
  }
}
