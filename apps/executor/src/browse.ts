import { HoldfastError } from '@holdfast/core';
import type { Task, TaskOutcome } from '@holdfast/protocol/executor';
import { ByteLru, type Node, type ObjectId, type Repository, TreeSlices } from '@holdfast/repository';
import { EntryPage } from './entry-page.ts';
import type { Work } from './execute.ts';
import { maxKeptFolderBytes, searchedEntries } from './limits.ts';

/** Folders that were looked into, for the next page: of a large one the opening takes longer than all its pages. */
const kept = new WeakMap<Repository, ByteLru<TreeSlices>>();

/**
 * A page of what a folder of a snapshot holds. Without a lock, which would take longer than the answer: what a prune removes at this
 * very moment is missing, and says so.
 */
export async function browse(task: Extract<Task, { kind: 'browse' }>, work: Work): Promise<TaskOutcome> {
  const { repository, signal } = work;
  const { snapshot } = await repository.loadSnapshot(task.snapshotId, { signal });
  const openFolder = folderOpener(work);
  const names = task.path.split('/').filter((name) => name !== '' && name !== '.');
  let folder = await openFolder(snapshot.tree);
  let path = '';
  for (const [at, name] of names.entries()) {
    path += `/${name}`;
    const node = folderEntry(folder, Buffer.from(name));
    if (node?.subtree !== undefined) folder = await openFolder(node.subtree);
    else if (node !== undefined && at === names.length - 1) return pageOf(task, [{ path: Buffer.from(path), node }]);
    else throw new HoldfastError('request.missing', { message: `The snapshot has no ${path}.`, context: { path } });
  }
  // One more than asked for tells whether others follow.
  const nodes = folder.nodes(task.skip, task.skip + task.limit + 1);
  return pageOf(
    { skip: 0, limit: task.limit },
    nodes.map((node) => ({ path: Buffer.concat([Buffer.from(`${path}/`), node.name]), node })),
  );
}

function pageOf(
  o: { readonly skip: number; readonly limit: number },
  entries: readonly { readonly path: Buffer; readonly node: Node }[],
): TaskOutcome {
  const page = new EntryPage(o);
  const more = !entries.every(({ path, node }) => page.add(path, node));
  return { kind: 'browse', entries: page.entries, more };
}

/** What was looked into before needs nothing of the storage; for the first of others the index is looked at. */
function folderOpener({ repository, signal }: Work): (tree: ObjectId) => Promise<TreeSlices> {
  const folders = kept.get(repository) ?? new ByteLru<TreeSlices>(maxKeptFolderBytes);
  kept.set(repository, folders);
  let isIndexKnown = false;
  return async (tree) => {
    const known = folders.get(tree);
    if (known !== undefined) return known;
    if (!isIndexKnown) await repository.loadIndex({ signal, ifChanged: true });
    isIndexKnown = true;
    const folder = new TreeSlices(await repository.loadTreeBytes(tree, { signal }));
    folders.set(tree, folder, folder.sizeBytes);
    return folder;
  };
}

/** By halves, as names are in order; then one after the other, because programs of old made folders out of order. */
function folderEntry(folder: TreeSlices, name: Buffer): Node | undefined {
  for (let [low, high] = [0, folder.count]; low < high; ) {
    const middle = Math.floor((low + high) / 2);
    const [node] = folder.nodes(middle, middle + 1);
    if (node === undefined) break;
    const order = Buffer.compare(node.name, name);
    if (order === 0) return node;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  for (let from = 0; from < folder.count; from += searchedEntries) {
    const node = folder.nodes(from, from + searchedEntries).find((other) => other.name.equals(name));
    if (node !== undefined) return node;
  }
  return undefined;
}
