import { HoldfastError } from '@holdfast/core';
import type { BlobIndex } from '../blob-index/blob-index.ts';
import type { BlobType } from '../format/blob.ts';
import { type ObjectId, shortId } from '../format/object-id.ts';
import { limits } from '../limits.ts';
import type { Repository } from '../repository.ts';

/**
 * Which blobs of a repository another one lacks, tree by tree. One bit per blob remembers what was looked at, over all
 * snapshots; the blobs that are wanted take four bytes each.
 */
export class BlobsOfTrees {
  readonly #source: Repository;
  readonly #target: BlobIndex;
  readonly #seen: Uint8Array;

  constructor(source: Repository, target: BlobIndex) {
    this.#source = source;
    this.#target = target;
    this.#seen = new Uint8Array(Math.ceil(source.index.blobCount / 8));
  }

  /**
   * Entries of the source's index below a tree, with itself, that were not asked for before and that the target lacks.
   * A tree that the target has is looked into all the same: an interrupted copy may have left it without what it names.
   * @throws repository.damaged when the source's index does not know one
   */
  async below(root: ObjectId, signal: AbortSignal): Promise<{ entries: Uint32Array; sizeBytes: number }> {
    const index = this.#source.index;
    let entries = new Uint32Array(1024);
    let count = 0;
    let sizeBytes = 0;
    const note = (id: ObjectId, type: BlobType, where: string): boolean => {
      const entry = index.entryOf(id, type);
      const place = entry < 0 ? undefined : index.location(entry);
      if (place === undefined)
        throw new HoldfastError('repository.damaged', {
          message: `${where} needs ${type === 'tree' ? 'tree' : 'blob'} ${shortId(id)}, which is not in the index of the source.`,
          context: { blob: id },
        });
      if (!this.#first(entry)) return false;
      if (this.#target.has(id, type)) return true;
      if (count === entries.length) {
        const larger = new Uint32Array(count * 2);
        larger.set(entries);
        entries = larger;
      }
      entries[count] = entry;
      count += 1;
      sizeBytes += place.length;
      return true;
    };
    const stack: ObjectId[] = [];
    if (note(root, 'tree', 'The snapshot')) stack.push(root);
    while (stack.length > 0) {
      signal.throwIfAborted();
      const batch = stack.splice(-limits.parallelTreeLoads);
      const trees = await Promise.all(batch.map((id) => this.#source.loadTree(id, { signal })));
      for (const [at, tree] of trees.entries()) {
        const where = `Tree ${shortId(batch[at] ?? '')}`;
        for (const node of tree) {
          for (const id of node.content ?? []) note(id, 'data', where);
          if (node.subtree !== undefined && note(node.subtree, 'tree', where)) stack.push(node.subtree);
        }
      }
    }
    return { entries: entries.slice(0, count), sizeBytes };
  }

  #first(entry: number): boolean {
    const mask = 1 << (entry & 7);
    const byte = this.#seen[entry >>> 3] ?? 0;
    this.#seen[entry >>> 3] = byte | mask;
    return (byte & mask) === 0;
  }
}
