import { HoldfastError } from '@holdfast/core';
import type { BlobType, ObjectId, Repository } from '@holdfast/repository';
import { type WalkedNode, walkTree } from '../walk-tree.ts';

/** Ids and beginnings of ids. */
export class IdPrefixes {
  /** By their length. */
  readonly #byLength = new Map<number, Set<string>>();

  /** @throws usage.option when one is no beginning of an id */
  constructor(ids: Iterable<string>) {
    for (const id of ids) {
      if (!/^[0-9a-f]{4,64}$/.test(id))
        throw new HoldfastError('usage.option', {
          message: `${JSON.stringify(id.slice(0, 80))} is not the beginning of an id: at least 4 hexadecimal digits.`,
        });
      this.add(id);
    }
  }

  add(id: string): void {
    const known = this.#byLength.get(id.length);
    if (known === undefined) this.#byLength.set(id.length, new Set([id]));
    else known.add(id);
  }

  /** The text that the id begins with. */
  match(id: ObjectId): string | undefined {
    for (const [length, texts] of this.#byLength) {
      const start = length === id.length ? id : id.slice(0, length);
      if (texts.has(start)) return start;
    }
    return undefined;
  }

  *texts(): Generator<string> {
    for (const texts of this.#byLength.values()) yield* texts;
  }
}

export interface WantedObjects {
  /** Data blobs. */
  readonly blobs?: IdPrefixes | undefined;
  readonly trees?: IdPrefixes | undefined;
}

export interface FoundObject {
  readonly type: BlobType;
  readonly id: ObjectId;
  /** The file that contains the blob, or the folder that is the tree. */
  readonly path: Buffer;
  /** The tree that holds the file. */
  readonly treeId?: ObjectId;
}

/**
 * Where in a snapshot blobs and trees are used. Of trees alone only the first place each, after which the search ends; blobs
 * wherever they occur.
 */
export async function* findObjects(
  repository: Repository,
  options: {
    readonly tree: ObjectId;
    readonly wanted: WantedObjects;
    readonly onProblem: (problem: HoldfastError, folder: WalkedNode) => void;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<FoundObject> {
  const { tree, onProblem, signal } = options;
  const { blobs, trees } = options.wanted;
  const missing = new Set(trees?.texts());
  const isOver = (): boolean => blobs === undefined && missing.size === 0;
  const isWanted = (id: ObjectId): boolean => {
    const text = trees?.match(id);
    if (text === undefined) return false;
    return missing.delete(text) || blobs !== undefined;
  };
  if (isWanted(tree)) yield { type: 'tree', id: tree, path: Buffer.from('/') };
  if (isOver()) return;
  for await (const entry of walkTree(repository, { tree, onProblem, signal })) {
    if (entry.kind === 'left') continue;
    const { node, path, treeId } = entry;
    if (node.type === 'dir' && node.subtree !== undefined && isWanted(node.subtree)) {
      yield { type: 'tree', id: node.subtree, path };
      if (isOver()) return;
    }
    if (node.type !== 'file' || blobs === undefined) continue;
    for (const id of node.content ?? []) if (blobs.match(id) !== undefined) yield { type: 'data', id, path, treeId };
  }
}

/**
 * What packs hold, by the index.
 * @throws request.missing for packs that no index file lists
 */
export async function blobsOfPacks(
  repository: Repository,
  options: { readonly packs: IdPrefixes; readonly signal?: AbortSignal | undefined },
): Promise<Required<WantedObjects>> {
  const { packs, signal } = options;
  const blobs = new IdPrefixes([]);
  const trees = new IdPrefixes([]);
  const missing = new Set(packs.texts());
  // The index in memory knows one place of each blob; another pack with the same blob is found in the files only.
  const files = repository.readIndexFiles(await repository.list('index', { signal }), { signal });
  for await (const file of files) {
    if ('problem' in file) throw file.problem;
    for (const pack of file.packs) {
      const text = packs.match(pack.id);
      if (text === undefined) continue;
      missing.delete(text);
      for (const blob of pack.blobs) (blob.type === 'data' ? blobs : trees).add(blob.id);
    }
  }
  if (missing.size > 0)
    throw new HoldfastError('request.missing', {
      message: `No index file lists the pack ${[...missing].sort().join(', ')}.`,
      guidance: 'Check the ids. If the pack is there, `holdfast repair index` takes it up into the index.',
    });
  return { blobs, trees };
}
