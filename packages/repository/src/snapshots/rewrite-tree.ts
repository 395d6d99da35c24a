import { HoldfastError, isHoldfastError } from '@holdfast/core';
import type { BlobIndex } from '../blob-index/blob-index.ts';
import { blobId } from '../format/blob.ts';
import type { Node } from '../format/node.ts';
import { type ObjectId, objectIdOf, shortId } from '../format/object-id.ts';
import { decodeTree, encodeTree } from '../format/tree.ts';
import { limits } from '../limits.ts';
import type { Repository } from '../repository.ts';

/**
 * Whether a node stays, and what is below it is looked at; 'way' for a folder that stays only if something below it does.
 * `path` holds the names from the root on, the node's own last; none for the root.
 */
export type NodeFilter = (path: readonly Buffer[]) => boolean | 'way';

/** Where new trees go; left out they are only counted. */
export type StoreTree = (id: ObjectId, plain: Buffer) => Promise<void>;

export interface RewrittenTree {
  readonly id: ObjectId;
  /** Files that stay, and their bytes. */
  readonly files: number;
  readonly bytes: bigint;
  /** It has no entries. */
  readonly empty: boolean;
}

/**
 * Rewrites trees bottom-up without what a filter drops. A folder that keeps everything keeps its id, one that keeps nothing
 * stays, empty, unless it was only the way to what stays. A folder that was rewritten is remembered by its place, so that further snapshots with the same folder there cost nothing.
 */
export class TreeRewriter {
  readonly #repository: Repository;
  readonly #index: BlobIndex;
  readonly #filter: NodeFilter;
  readonly #store: StoreTree;
  readonly #known = new Map<string, RewrittenTree>();

  constructor(options: { readonly repository: Repository; readonly filter: NodeFilter; readonly store: StoreTree }) {
    this.#repository = options.repository;
    this.#index = options.repository.index;
    this.#filter = options.filter;
    this.#store = options.store;
  }

  /** @throws repository.damaged for a tree that is missing, malformed, or holds what would be lost by writing it again. */
  rewrite(root: ObjectId, signal?: AbortSignal): Promise<RewrittenTree> {
    return this.#rewrite(root, [], signal);
  }

  async #rewrite(id: ObjectId, path: readonly Buffer[], signal: AbortSignal | undefined): Promise<RewrittenTree> {
    signal?.throwIfAborted();
    const place = `${id}${path.map((name) => `/${name.toString('latin1')}`).join('')}`;
    const known = this.#known.get(place);
    if (known !== undefined) return known;
    const kept: Node[] = [];
    let changed = false;
    let files = 0;
    let bytes = 0n;
    for (const node of await this.#load(id, path, signal)) {
      const nodePath = [...path, node.name];
      const stays = this.#filter(nodePath);
      if (stays === false || (stays === 'way' && node.type !== 'dir')) {
        changed = true;
        continue;
      }
      if (node.type === 'file') {
        files += 1;
        bytes += node.size ?? 0n;
      }
      if (node.type !== 'dir') {
        kept.push(node);
        continue;
      }
      if (node.subtree === undefined)
        throw new HoldfastError('repository.damaged', { message: `The folder ${shown(nodePath)} has no tree.` });
      const below = await this.#rewrite(node.subtree, nodePath, signal);
      files += below.files;
      bytes += below.bytes;
      if (below.id !== node.subtree) changed = true;
      if (stays === 'way' && below.empty) {
        changed = true;
        continue;
      }
      kept.push({ ...node, subtree: below.id });
    }
    const result = { id: changed ? await this.#save(kept) : id, files, bytes, empty: kept.length === 0 };
    const [oldest] = this.#known.keys();
    if (this.#known.size >= limits.rewriteKnownFolders && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(place, result);
    return result;
  }

  /** The entries of a folder, if they can be written again without losing anything. */
  async #load(id: ObjectId, path: readonly Buffer[], signal: AbortSignal | undefined): Promise<Node[]> {
    const plain = await this.#repository.loadTreeBytes(id, { signal });
    let nodes: Node[];
    let again: Buffer | undefined;
    try {
      nodes = decodeTree(plain);
      again = encodeTree(nodes);
    } catch (cause) {
      if (!isHoldfastError(cause)) throw cause;
      throw lossy(id, path, cause);
    }
    if (!again.equals(plain)) throw lossy(id, path);
    return nodes;
  }

  async #save(nodes: readonly Node[]): Promise<ObjectId> {
    const plain = encodeTree(nodes);
    const id = objectIdOf(blobId(plain));
    // Whoever claims it first stores it: a folder that several places share is stored once.
    if (this.#index.claim(id, 'tree') === 'new') await this.#store(id, plain);
    return id;
  }
}

function lossy(id: ObjectId, path: readonly Buffer[], cause?: unknown): HoldfastError {
  return new HoldfastError('repository.damaged', {
    message: `Tree ${shortId(id)} of ${shown(path)} cannot be written again without losing something: it holds fields or an order that this version does not know.`,
    guidance:
      'Nothing was changed. Use the newest version of Holdfast or restic; `holdfast check` tells whether it is damaged.',
    context: { tree: id },
    cause,
  });
}

function shown(path: readonly Buffer[]): string {
  return JSON.stringify(`/${path.map(String).join('/')}`);
}
