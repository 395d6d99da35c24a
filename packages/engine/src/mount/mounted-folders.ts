import { HoldfastError } from '@holdfast/core';
import { ByteLru, type FoundSnapshot, type Node, type ObjectId, type Repository } from '@holdfast/repository';
import { mountLimits } from './mount-limits.ts';
import { type FolderTemplates, type SnapshotFolder, snapshotFolders } from './snapshot-folders.ts';

/** The entries of a folder of a snapshot, in order and by name (as latin1). */
export interface OpenedFolder {
  readonly nodes: readonly Node[];
  readonly byName: ReadonlyMap<string, Node>;
}

/** What folders hold: those of snapshots, kept within a bound, and those above them, looked up again every minute. */
export class MountedFolders {
  readonly #repository: Repository;
  readonly #chosen: (found: FoundSnapshot) => boolean;
  readonly #templates: FolderTemplates;
  readonly #signal: AbortSignal;
  readonly #onProblem: (problem: HoldfastError) => void;
  readonly #opened = new ByteLru<OpenedFolder>(mountLimits.folderCacheBytes);
  readonly #opening = new Map<ObjectId, Promise<OpenedFolder>>();
  /** Kept whatever its size: a folder above the bound would be read again for each of its names. */
  #last: { readonly tree: ObjectId; readonly folder: OpenedFolder } | undefined;
  #snapshots: ReadonlyMap<string, SnapshotFolder> = new Map();
  #ids = '';
  #checkedMs = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;

  constructor(
    repository: Repository,
    o: {
      readonly chosen: (found: FoundSnapshot) => boolean;
      readonly templates: FolderTemplates;
      readonly signal: AbortSignal;
      readonly onProblem: (problem: HoldfastError) => void;
    },
  ) {
    this.#repository = repository;
    this.#chosen = o.chosen;
    this.#templates = o.templates;
    this.#signal = o.signal;
    this.#onProblem = o.onProblem;
  }

  /** The entries of a tree. @throws repository.damaged, storage.tampered, run.timeout, and what the target throws */
  async open(tree: ObjectId): Promise<OpenedFolder> {
    if (this.#last?.tree === tree) return this.#last.folder;
    const known = this.#opened.get(tree);
    if (known !== undefined) return known;
    let opening = this.#opening.get(tree);
    if (opening === undefined) {
      opening = this.#load(tree).finally(() => this.#opening.delete(tree));
      this.#opening.set(tree, opening);
    }
    return opening;
  }

  /** A folder above the snapshots; undefined when it is gone. */
  async listing(path: string): Promise<SnapshotFolder | undefined> {
    await this.refresh();
    return this.#snapshots.get(path);
  }

  /** Reads the list of snapshots again when it is old. A failure leaves the old list, if there is one. */
  async refresh(): Promise<void> {
    if (this.#repository.clock.monotonicMs() - this.#checkedMs < mountLimits.snapshotsMaxAgeMs) return;
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    await this.#checking;
  }

  async #check(): Promise<void> {
    const signal = this.#limited();
    const isFirst = this.#checkedMs === Number.NEGATIVE_INFINITY;
    try {
      const found: FoundSnapshot[] = [];
      for await (const snapshot of this.#repository.snapshots({ signal, onProblem: this.#onProblem }))
        if (this.#chosen(snapshot)) found.push(snapshot);
      const ids = found
        .map(({ id }) => id)
        .sort()
        .join();
      // New snapshots refer to blobs that only the new index knows.
      if (!isFirst && ids !== this.#ids) await this.#repository.loadIndex({ signal, onProblem: this.#onProblem });
      if (isFirst || ids !== this.#ids) this.#snapshots = snapshotFolders(found, this.#templates);
      this.#ids = ids;
    } catch (error) {
      if (isFirst || !(error instanceof HoldfastError)) throw error;
      this.#onProblem(error);
    }
    this.#checkedMs = this.#repository.clock.monotonicMs();
  }

  async #load(tree: ObjectId): Promise<OpenedFolder> {
    const nodes = await this.#repository.loadTree(tree, { signal: this.#limited() });
    const folder = { nodes, byName: new Map(nodes.map((node) => [node.name.toString('latin1'), node])) };
    this.#opened.set(tree, folder, (nodes.length + 1) * mountLimits.entryGuessBytes);
    this.#last = { tree, folder };
    return folder;
  }

  #limited(): AbortSignal {
    return AbortSignal.any([this.#signal, AbortSignal.timeout(mountLimits.storageTimeoutMs)]);
  }
}
