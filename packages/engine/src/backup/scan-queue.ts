import { limits } from '../limits.ts';
import type { FolderToScan } from './backup-jobs.ts';
import type { FolderState, Slot } from './folder-state.ts';
import type { ParentTrees } from './parent-trees.ts';

export interface ScanTask {
  readonly scan: FolderToScan;
  readonly folder: FolderState;
  readonly slot: Slot;
}

/** Folders that wait to be looked at. The deepest, which came last, are the first: that bounds how many are open. */
export class ScanQueue {
  readonly #parentTrees: ParentTrees;
  /** Their folders of the parent snapshot are still to be loaded. */
  readonly #unloaded: ScanTask[] = [];
  readonly #ready: ScanTask[] = [];
  #loadingCount = 0;

  constructor(parentTrees: ParentTrees) {
    this.#parentTrees = parentTrees;
  }

  add(task: ScanTask): void {
    const { scan, folder } = task;
    const isLoaded = folder.parentTree === undefined || scan.parent !== undefined || scan.names !== undefined;
    (isLoaded ? this.#ready : this.#unloaded).push(task);
  }

  /** A folder that a thread has left: what was known of it in the parent snapshot was handed over. */
  addAgain(task: ScanTask): void {
    if (task.scan.parent?.kind === 'sealed')
      this.#unloaded.push({ ...task, scan: { ...task.scan, parent: undefined } });
    else this.#ready.push(task);
  }

  /** Loads a folder of the parent snapshot, a little ahead of the threads; undefined when enough are loaded. */
  loadNext(): Promise<void> | undefined {
    if (this.#loadingCount >= limits.parallelParentTrees || this.#ready.length >= limits.parentTreesAhead)
      return undefined;
    const task = this.#unloaded.pop();
    return task && this.#load(task);
  }

  /** Folders of the parent snapshot are on their way. */
  get loading(): boolean {
    return this.#loadingCount > 0;
  }

  /** For one job. Many together cost fewer messages, but every thread gets its share. */
  take(threads: number): ScanTask[] {
    const share = Math.min(Math.ceil(this.#ready.length / threads), limits.foldersPerJob);
    const tasks: ScanTask[] = [];
    for (let treeBytes = 0; tasks.length < share && treeBytes < limits.treeBytesPerJob; ) {
      const task = this.#ready.pop();
      if (task === undefined) break;
      tasks.push(task);
      const { parent } = task.scan;
      if (parent?.kind === 'sealed') treeBytes += parent.place.uncompressedLength || parent.bytes.length;
    }
    return tasks;
  }

  async #load(task: ScanTask): Promise<void> {
    const { parentTree } = task.folder;
    this.#loadingCount += 1;
    const parent = parentTree && (await this.#parentTrees.sealed(parentTree));
    this.#loadingCount -= 1;
    this.#ready.push({ ...task, scan: { ...task.scan, parent } });
  }
}
