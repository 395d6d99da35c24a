import { HoldfastError } from '@holdfast/core';
import { isDamage, type Node, type ObjectId, type Repository } from '@holdfast/repository';
import { joinPath, printPath, splitPath } from './byte-path.ts';

/** An entry of a snapshot. */
export interface WalkedNode {
  /** From where the walk began, which is `/`. */
  readonly path: Buffer;
  readonly node: Node;
  /** The tree that holds the entry. */
  readonly treeId: ObjectId;
}

export type WalkEvent =
  | ({ readonly kind: 'node' } & WalkedNode)
  /** All that a folder holds was given. */
  | { readonly kind: 'left'; readonly path: Buffer };

export interface WalkOptions {
  readonly tree: ObjectId;
  /** The path of the tree; `/` if left out. */
  readonly path?: Buffer | undefined;
  /** Whether a folder is looked into, asked after it was given; always if left out. */
  readonly enter?: ((folder: WalkedNode) => boolean) | undefined;
  /** Told of a folder that cannot be read, which is then left out; without it the first one throws. */
  readonly onProblem?: ((problem: HoldfastError, folder: WalkedNode) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Everything below a tree, folders before what they hold. One folder of each level is in memory. */
export async function* walkTree(repository: Repository, options: WalkOptions): AsyncGenerator<WalkEvent> {
  const { signal, enter, onProblem } = options;
  const load = async (tree: ObjectId): Promise<IterableIterator<Node>> =>
    (await repository.loadTree(tree, { signal })).values();
  const stack = [{ path: options.path ?? Buffer.from('/'), tree: options.tree, nodes: await load(options.tree) }];
  for (let folder = stack.at(-1); folder !== undefined; folder = stack.at(-1)) {
    signal?.throwIfAborted();
    const next = folder.nodes.next();
    if (next.done) {
      stack.pop();
      if (stack.length > 0) yield { kind: 'left', path: folder.path };
      continue;
    }
    const node: Node = next.value;
    const entry = { path: joinPath(folder.path, node.name), node, treeId: folder.tree };
    yield { kind: 'node', ...entry };
    if (node.type !== 'dir') continue;
    if (enter !== undefined && !enter(entry)) {
      yield { kind: 'left', path: entry.path };
      continue;
    }
    try {
      const tree = subtreeOf(entry);
      stack.push({ path: entry.path, tree, nodes: await load(tree) });
    } catch (error) {
      if (onProblem === undefined || !isDamage(error)) throw error;
      onProblem(error, entry);
      yield { kind: 'left', path: entry.path };
    }
  }
}

/** The tree of a folder. @throws repository.damaged when it has none */
export function subtreeOf(folder: { readonly path: Buffer; readonly node: Node }): ObjectId {
  if (folder.node.subtree !== undefined) return folder.node.subtree;
  throw new HoldfastError('repository.damaged', { message: `The folder ${printPath(folder.path)} has no tree.` });
}

/**
 * What is at a path below a tree; undefined for the tree itself.
 * @throws request.missing when there is no such path
 */
export async function findNode(
  repository: Repository,
  from: { readonly tree: ObjectId; readonly path: Buffer | string; readonly signal?: AbortSignal | undefined },
): Promise<WalkedNode | undefined> {
  const { signal } = from;
  let found: WalkedNode | undefined;
  let path: Buffer = Buffer.from('/');
  let treeId: ObjectId | undefined = from.tree;
  for (const name of splitPath(Buffer.from(from.path))) {
    const nodes: readonly Node[] = treeId === undefined ? [] : await repository.loadTree(treeId, { signal });
    const node = nodes.find((other) => other.name.equals(name));
    path = joinPath(path, name);
    if (node === undefined || treeId === undefined)
      throw new HoldfastError('request.missing', {
        message: `The snapshot has no ${printPath(path)}.`,
        context: { path: printPath(path) },
      });
    found = { path, node, treeId };
    treeId = node.subtree;
  }
  return found;
}

/**
 * The tree of a folder of a snapshot.
 * @throws request.missing when there is no such path, or it is no folder
 */
export async function findFolder(
  repository: Repository,
  from: { readonly tree: ObjectId; readonly path: Buffer | string; readonly signal?: AbortSignal | undefined },
): Promise<ObjectId> {
  const found = await findNode(repository, from);
  if (found === undefined) return from.tree;
  if (found.node.type === 'dir') return subtreeOf(found);
  throw new HoldfastError('request.missing', {
    message: `${printPath(found.path)} is no folder of the snapshot.`,
    context: { path: printPath(found.path) },
  });
}
