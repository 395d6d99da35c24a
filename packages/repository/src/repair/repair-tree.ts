import type { HoldfastError } from '@holdfast/core';
import { Bitmap } from '../blob-index/bitmap.ts';
import type { BlobIndex } from '../blob-index/blob-index.ts';
import { isDamage } from '../damage.ts';
import { blobId, plainLength } from '../format/blob.ts';
import type { Node } from '../format/node.ts';
import { type ObjectId, objectIdOf } from '../format/object-id.ts';
import { encodeTree, firstOutOfOrder } from '../format/tree.ts';
import { limits } from '../limits.ts';
import type { BlobWriter } from '../packs/blob-writer.ts';
import type { Repository } from '../repository.ts';

/** What a repair took out of one entry of a folder. */
export interface Loss {
  /** Below the folder, raw names joined by `/`. */
  readonly path: Buffer;
  /**
   * 'content': parts of a file are gone, the others are joined. 'folder': nobody knows what was in it; it is empty now.
   * 'entry': it was of no kind that can be restored, or a second one of the same name. 'size': nothing is lost, but the
   * size that was written down was wrong.
   */
  readonly kind: 'content' | 'folder' | 'entry' | 'size';
  /** Of a file; 0 where nobody knows. */
  readonly lostBytes: bigint;
  readonly remainingBytes: bigint;
}

export interface RepairedTree {
  readonly id: ObjectId;
  readonly losses: readonly Loss[];
  /** All of them; `losses` has at most 100,000. */
  readonly lossCount: number;
}

/** The root itself could not be read. */
export type TreeRepair = 'sound' | RepairedTree | { readonly unreadable: HoldfastError };

/**
 * Makes trees of which every blob is there. Trees that are whole are looked at once, whatever the number of snapshots; of
 * damaged ones the outcome is kept. Without a writer nothing is stored, and the ids of new trees mean nothing.
 */
export class TreeRepairer {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #writer: BlobWriter | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #sound: Bitmap;
  readonly #repaired = new Map<ObjectId, RepairedTree>();

  constructor(options: {
    readonly repository: Repository;
    readonly index: BlobIndex;
    readonly writer: BlobWriter | undefined;
    readonly signal: AbortSignal | undefined;
  }) {
    this.#repository = options.repository;
    this.#index = options.index;
    this.#writer = options.writer;
    this.#signal = options.signal;
    this.#sound = new Bitmap(options.index.blobCount);
  }

  async repair(id: ObjectId): Promise<TreeRepair> {
    this.#signal?.throwIfAborted();
    const entry = this.#index.entryOf(id, 'tree');
    if (entry >= 0 && this.#sound.has(entry)) return 'sound';
    const known = this.#repaired.get(id);
    if (known !== undefined) return known;
    let nodes: Node[];
    try {
      nodes = await this.#repository.loadTree(id, { signal: this.#signal });
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { unreadable: error };
    }
    const outcome = await this.#repairNodes(nodes);
    if (outcome === 'sound') {
      this.#sound.set(entry);
      return 'sound';
    }
    this.#repaired.set(id, outcome);
    return outcome;
  }

  async #repairNodes(nodes: readonly Node[]): Promise<'sound' | RepairedTree> {
    const found = new Losses();
    const kept: Node[] = [];
    let changed = false;
    const ordered =
      firstOutOfOrder(nodes) === undefined ? nodes : nodes.toSorted((a, b) => Buffer.compare(a.name, b.name));
    for (const node of ordered) {
      const repaired = await this.#repairNode(node, found);
      const twice = kept.at(-1)?.name.equals(node.name) === true;
      if (twice || repaired === undefined)
        found.add({ path: node.name, kind: 'entry', lostBytes: node.size ?? 0n, remainingBytes: 0n });
      else kept.push(repaired);
      changed ||= twice || repaired !== node;
    }
    if (!changed && ordered === nodes) return 'sound';
    return { id: await this.#store(kept), losses: found.losses, lossCount: found.count };
  }

  /** The same node when nothing is wrong with it; undefined when it can't stay. */
  async #repairNode(node: Node, found: Losses): Promise<Node | undefined> {
    if (node.type === 'irregular') return undefined;
    if (node.type === 'file') return this.#repairFile(node, found);
    if (node.type !== 'dir') return node;
    const outcome = node.subtree === undefined ? 'none' : await this.repair(node.subtree);
    if (outcome === 'sound') return node;
    if (outcome === 'none' || 'unreadable' in outcome) {
      found.add({ path: node.name, kind: 'folder', lostBytes: 0n, remainingBytes: 0n });
      return { ...node, subtree: await this.#store([]) };
    }
    found.addBelow(node.name, outcome);
    return { ...node, subtree: outcome.id };
  }

  #repairFile(node: Node, found: Losses): Node {
    const content: ObjectId[] = [];
    let size = 0n;
    for (const id of node.content ?? []) {
      const location = this.#index.lookup(id, 'data');
      if (location === undefined) continue;
      content.push(id);
      size += BigInt(plainLength(location));
    }
    const recorded = node.size ?? 0n;
    if (node.content !== null && content.length === node.content.length) {
      if (size === recorded) return node;
      found.add({ path: node.name, kind: 'size', lostBytes: 0n, remainingBytes: size });
      return { ...node, size };
    }
    const lostBytes = recorded > size ? recorded - size : 0n;
    found.add({ path: node.name, kind: 'content', lostBytes, remainingBytes: size });
    return { ...node, content, size };
  }

  async #store(nodes: readonly Node[]): Promise<ObjectId> {
    const plain = encodeTree(nodes);
    const key = blobId(plain);
    const id = objectIdOf(key);
    if (this.#writer !== undefined && this.#index.claim(id, 'tree') === 'new')
      await this.#writer.add('tree', key, plain);
    return id;
  }
}

class Losses {
  readonly losses: Loss[] = [];
  count = 0;

  add(loss: Loss): void {
    this.count += 1;
    if (this.losses.length < limits.repairMaxLosses) this.losses.push(loss);
  }

  addBelow(folder: Buffer, below: RepairedTree): void {
    for (const loss of below.losses)
      if (this.losses.length < limits.repairMaxLosses)
        this.losses.push({ ...loss, path: Buffer.concat([folder, separator, loss.path]) });
    this.count += below.lossCount;
  }
}

const separator = Buffer.from('/');
