import type { HoldfastError } from '@holdfast/core';
import { type BlobIndex, isDamage, type Node, type ObjectId, plainLength, type Repository } from '@holdfast/repository';
import { BlobSet } from '../blob-set.ts';
import { joinPath } from '../byte-path.ts';
import { subtreeOf } from '../walk-tree.ts';
import { sameContent, sameNode } from './same-node.ts';

/**
 * `+` added, `-` removed, `T` another type, `M` other content, `U` other metadata, `?` other content although nothing else
 * has changed, which a failing disk does.
 */
export type DiffModifier = '+' | '-' | 'T' | 'M' | 'M?' | 'TU' | 'U';

export interface DiffChange {
  /** From the compared folder on; ends with a slash for folders. */
  readonly path: Buffer;
  readonly modifier: DiffModifier;
}

export interface DiffCounts {
  files: number;
  dirs: number;
  others: number;
  /** Blobs that only this side has, and their plain size. */
  dataBlobs: number;
  treeBlobs: number;
  bytes: number;
}

export interface DiffSummary {
  readonly changedFiles: number;
  readonly added: DiffCounts;
  readonly removed: DiffCounts;
}

export interface DiffOptions {
  readonly before: ObjectId;
  readonly after: ObjectId;
  /** Changes of mode, owner, times and the like as well. */
  readonly metadata?: boolean | undefined;
  readonly onChange: (change: DiffChange) => Promise<void> | void;
  /** Told of folders that cannot be read, and of blobs that are not in the index; the comparison goes on without them. */
  readonly onProblem: (problem: HoldfastError) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Compares two trees, which may be folders of snapshots. Equal subtrees are not descended for changes. */
export async function diffTrees(repository: Repository, options: DiffOptions): Promise<DiffSummary> {
  const run = new DiffRun(repository, options);
  await run.compare(Buffer.from('/'), options.before, options.after);
  return run.summary();
}

class DiffRun {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #options: DiffOptions;
  readonly #before: BlobSet;
  readonly #after: BlobSet;
  /** Of equal folders: on both sides for certain. */
  readonly #common: BlobSet;
  readonly #added = noCounts();
  readonly #removed = noCounts();
  #changedFiles = 0;

  constructor(repository: Repository, options: DiffOptions) {
    this.#repository = repository;
    this.#index = repository.index;
    this.#options = options;
    this.#before = new BlobSet(this.#index);
    this.#after = new BlobSet(this.#index);
    this.#common = new BlobSet(this.#index);
    this.#before.add('tree', options.before);
    this.#after.add('tree', options.after);
  }

  async compare(folder: Buffer, before: ObjectId, after: ObjectId): Promise<void> {
    const { signal } = this.#options;
    const [left, right] = await Promise.all([
      this.#repository.loadTree(before, { signal }),
      this.#repository.loadTree(after, { signal }),
    ]);
    let [leftAt, rightAt] = [0, 0];
    while (leftAt < left.length || rightAt < right.length) {
      signal?.throwIfAborted();
      const [one, other] = [left[leftAt], right[rightAt]];
      const order = one === undefined ? 1 : other === undefined ? -1 : Buffer.compare(one.name, other.name);
      if (one !== undefined && order <= 0) {
        addBlobs(this.#before, one);
        leftAt += 1;
      }
      if (other !== undefined && order >= 0) {
        addBlobs(this.#after, other);
        rightAt += 1;
      }
      if (one !== undefined && other !== undefined && order === 0) await this.#compareNodes(folder, one, other);
      else if (one !== undefined && order < 0) await this.#onOneSide(folder, one, '-');
      else if (other !== undefined) await this.#onOneSide(folder, other, '+');
    }
  }

  summary(): DiffSummary {
    this.#countBlobs(this.#before, this.#after, this.#removed);
    this.#countBlobs(this.#after, this.#before, this.#added);
    return { changedFiles: this.#changedFiles, added: this.#added, removed: this.#removed };
  }

  async #compareNodes(folder: Buffer, one: Node, other: Node): Promise<void> {
    const path = shownPath(folder, other);
    const modifier = this.#modifier(one, other);
    if (modifier !== undefined) await this.#options.onChange({ path, modifier });
    if (one.type !== 'dir' || other.type !== 'dir') return;
    await this.#tolerating(async () => {
      const [before, after] = [subtreeOf({ path, node: one }), subtreeOf({ path, node: other })];
      if (before === after) await this.#collect(before);
      else await this.compare(path, before, after);
    });
  }

  #modifier(one: Node, other: Node): DiffModifier | undefined {
    if (one.type === 'file' && other.type === 'file' && !sameContent(one, other)) {
      this.#changedFiles += 1;
      return sameNode({ ...one, content: null }, { ...other, content: null }) ? 'M?' : 'M';
    }
    const updated = this.#options.metadata === true && !sameNode(one, other);
    if (one.type !== other.type) return updated ? 'TU' : 'T';
    return updated ? 'U' : undefined;
  }

  /** What only one side has, with everything below it. */
  async #onOneSide(folder: Buffer, node: Node, modifier: '+' | '-'): Promise<void> {
    const path = shownPath(folder, node);
    const counts = modifier === '+' ? this.#added : this.#removed;
    await this.#options.onChange({ path, modifier });
    if (node.type === 'file') counts.files += 1;
    else if (node.type === 'dir') counts.dirs += 1;
    else counts.others += 1;
    if (node.type !== 'dir') return;
    await this.#tolerating(async () => {
      const { signal } = this.#options;
      for (const below of await this.#repository.loadTree(subtreeOf({ path, node }), { signal })) {
        signal?.throwIfAborted();
        addBlobs(modifier === '+' ? this.#after : this.#before, below);
        await this.#onOneSide(path, below, modifier);
      }
    });
  }

  /** The blobs of a folder that both sides have: an equal folder of another place was seen already. */
  async #collect(tree: ObjectId): Promise<void> {
    const { signal } = this.#options;
    const waiting = [tree];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      signal?.throwIfAborted();
      for (const node of await this.#repository.loadTree(next, { signal })) {
        const isNew = addBlobs(this.#common, node);
        if (node.subtree !== undefined && isNew) waiting.push(node.subtree);
      }
    }
  }

  async #tolerating(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#options.onProblem(error);
    }
  }

  #countBlobs(side: BlobSet, opposite: BlobSet, counts: DiffCounts): void {
    for (const entry of side.entries()) {
      if (opposite.hasEntry(entry) || this.#common.hasEntry(entry)) continue;
      if (this.#index.blobAt(entry).type === 'data') counts.dataBlobs += 1;
      else counts.treeBlobs += 1;
      const place = this.#index.location(entry);
      if (place !== undefined) counts.bytes += plainLength(place);
    }
    for (const name of side.unknown) {
      if (opposite.unknown.has(name) || this.#common.unknown.has(name)) continue;
      if (name.startsWith('data')) counts.dataBlobs += 1;
      else counts.treeBlobs += 1;
    }
  }
}

function noCounts(): DiffCounts {
  return { files: 0, dirs: 0, others: 0, dataBlobs: 0, treeBlobs: 0, bytes: 0 };
}

/** True when a folder's tree was not in the set. */
function addBlobs(blobs: BlobSet, node: Node): boolean {
  if (node.type === 'file') for (const id of node.content ?? []) blobs.add('data', id);
  return node.type === 'dir' && node.subtree !== undefined && blobs.add('tree', node.subtree);
}

function shownPath(folder: Buffer, node: Node): Buffer {
  const path = joinPath(folder, node.name);
  return node.type === 'dir' ? Buffer.concat([path, Buffer.from('/')]) : path;
}
