import { HoldfastError } from '@holdfast/core';
import type { Node, ObjectId, Repository } from '@holdfast/repository';
import { joinPath, printPath, splitPath } from './byte-path.ts';

export interface ListedNode {
  /** Absolute in the snapshot. */
  readonly path: Buffer;
  readonly node: Node;
}

/**
 * The entries of a folder of a snapshot, or the one file that the path names; with `recursive` everything below. One
 * folder at a time is in memory, beside those above it.
 * @throws snapshot.missing, request.missing when the snapshot has no such path
 */
export async function* listTree(
  repository: Repository,
  options: {
    readonly snapshotId: string;
    /** The root if left out. */
    readonly path?: Buffer | string | undefined;
    readonly recursive?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): AsyncGenerator<ListedNode> {
  const { signal } = options;
  const { snapshot } = await repository.loadSnapshot(options.snapshotId, { signal });
  await repository.loadIndex({ signal });
  const names = splitPath(
    typeof options.path === 'string' ? Buffer.from(options.path) : (options.path ?? Buffer.from('/')),
  );
  let path: Buffer = Buffer.from('/');
  let tree: ObjectId | undefined = snapshot.tree;
  for (const [at, name] of names.entries()) {
    const nodes: readonly Node[] = tree === undefined ? [] : await repository.loadTree(tree, { signal });
    const node = nodes.find((other) => other.name.equals(name));
    path = joinPath(path, name);
    if (node === undefined)
      throw new HoldfastError('request.missing', {
        message: `The snapshot has no ${printPath(path)}.`,
        context: { path: printPath(path) },
      });
    if (node.type !== 'dir' && at === names.length - 1) {
      yield { path, node };
      return;
    }
    tree = node.subtree;
  }
  if (tree !== undefined) yield* listFolder(repository, { tree, path, recursive: options.recursive ?? false, signal });
}

async function* listFolder(
  repository: Repository,
  from: {
    readonly tree: ObjectId;
    readonly path: Buffer;
    readonly recursive: boolean;
    readonly signal: AbortSignal | undefined;
  },
): AsyncGenerator<ListedNode> {
  const { signal } = from;
  /** Iterators of the folders from the outermost to the present one, so that depth costs no calls. */
  const stack = [{ path: from.path, nodes: (await repository.loadTree(from.tree, { signal })).values() }];
  for (let folder = stack.at(-1); folder !== undefined; folder = stack.at(-1)) {
    signal?.throwIfAborted();
    const next = folder.nodes.next();
    if (next.done) {
      stack.pop();
      continue;
    }
    const node: Node = next.value;
    const path = joinPath(folder.path, node.name);
    yield { path, node };
    if (from.recursive && node.subtree !== undefined)
      stack.push({ path, nodes: (await repository.loadTree(node.subtree, { signal })).values() });
  }
}
