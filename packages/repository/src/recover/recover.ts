import { isHoldfastError } from '@holdfast/core';
import { Bitmap } from '../blob-index/bitmap.ts';
import { blobId } from '../format/blob.ts';
import { goFileMode } from '../format/file-mode.ts';
import type { Node } from '../format/node.ts';
import { type ObjectId, objectIdOf, shortId } from '../format/object-id.ts';
import { formatTime, timeOfDate } from '../format/rfc3339.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { encodeTree } from '../format/tree.ts';
import { limits } from '../limits.ts';
import { BlobWriter } from '../packs/blob-writer.ts';
import type { OnProblem, Repository } from '../repository.ts';

export interface RecoverOptions extends Pick<Snapshot, 'hostname' | 'username' | 'programVersion'> {
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
  /** Index files, snapshots and trees that cannot be read. */
  readonly onProblem?: OnProblem | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Recovered {
  /** Folders that no other folder and no snapshot has. */
  readonly roots: readonly ObjectId[];
  /** The snapshot that has them all; undefined when there are none. */
  readonly snapshotId: ObjectId | undefined;
}

/**
 * Makes a snapshot of what no snapshot has: its root has a folder for each tree that nothing refers to, named by the beginning
 * of the tree's id. For snapshots that were lost or removed by mistake, before a prune. Make the index complete first, and hold
 * a lock that no prune and no backup goes beside: the trees of one that runs belong to no snapshot yet.
 */
export async function recover(repository: Repository, options: RecoverOptions): Promise<Recovered> {
  repository.requireWritable();
  const { signal, onProblem = () => {}, onProgress, ...origin } = options;
  const index = await repository.loadIndex({ signal, onProblem });
  const trees: number[] = [];
  for (let entry = 0; entry < index.blobCount; entry += 1)
    if (index.isTree(entry) && index.isStored(entry)) trees.push(entry);
  const referenced = new Bitmap(index.blobCount);
  const unreadable = new Bitmap(index.blobCount);
  const refer = (tree: ObjectId | undefined): void => {
    const entry = tree === undefined ? -1 : index.entryOf(tree, 'tree');
    if (entry >= 0) referenced.set(entry);
  };
  const look = async (entry: number): Promise<void> => {
    const { id } = index.blobAt(entry);
    try {
      for (const node of await repository.loadTree(id, { signal })) refer(node.subtree);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isHoldfastError(error)) throw error;
      unreadable.set(entry);
      onProblem(error, id);
    }
  };
  // In the order of the packs, so that neighbours are read together.
  for (let done = 0; done < trees.length; done += limits.parallelTreeLoads) {
    await Promise.all(trees.slice(done, done + limits.parallelTreeLoads).map(look));
    onProgress?.({ done: Math.min(done + limits.parallelTreeLoads, trees.length), total: trees.length });
  }
  for await (const { snapshot } of repository.snapshots({ signal, onProblem })) refer(snapshot.tree);
  const roots = trees
    .filter((entry) => !referenced.has(entry) && !unreadable.has(entry))
    .map((entry) => index.blobAt(entry).id)
    .sort();
  if (roots.length === 0) return { roots, snapshotId: undefined };

  const time = formatTime(timeOfDate(repository.clock.now()));
  const tree = encodeTree(folders(roots, time));
  const id = blobId(tree);
  await using writer = new BlobWriter({ repository, index, signal });
  if (index.claim(id, 'tree') === 'new') await writer.add('tree', id, tree);
  await writer.settle();
  const snapshot: Snapshot = { ...origin, time, tree: objectIdOf(id), paths: ['/recover'], tags: ['recovered'] };
  return { roots, snapshotId: await repository.saveSnapshot(snapshot, { signal }) };
}

/** @param roots sorted */
function folders(roots: readonly ObjectId[], time: string): Node[] {
  const short = roots.map(shortId);
  return roots.map((subtree, at) => {
    const name = shortId(subtree);
    const isAlone = name !== short[at - 1] && name !== short[at + 1];
    return {
      name: Buffer.from(isAlone ? name : subtree),
      type: 'dir',
      mode: goFileMode(0o040755),
      mtime: time,
      atime: time,
      ctime: time,
      uid: 0,
      gid: 0,
      content: null,
      subtree,
    };
  });
}
