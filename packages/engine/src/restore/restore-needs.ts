import type { ObjectId, Repository } from '@holdfast/repository';
import { BlobSet } from '../blob-set.ts';
import { splitPath } from '../byte-path.ts';
import { findFolder } from '../walk-tree.ts';
import { newFolder } from './restore-folders.ts';
import { SecondPlaces } from './restore-second-places.ts';
import { type RestorePatterns, RestoreSelection } from './restore-selection.ts';
import { walkSelected } from './restore-walk.ts';

/**
 * All blobs that a restore of a part of a snapshot reads, and no others: the folders on the way to that part, those in it that the
 * patterns lead into, and the contents of the files that they choose. The index has to be loaded. What the index does not know, or
 * can't be read, is left out: the restore itself tells of it.
 * @throws request.missing, usage.option, storage errors
 */
export async function blobsOfRestore(
  repository: Repository,
  o: RestorePatterns & {
    /** Of the snapshot. */
    readonly tree: ObjectId;
    readonly subfolder?: Buffer | string | undefined;
    readonly signal: AbortSignal;
    readonly onFolder?: (folders: number) => void;
  },
): Promise<BlobSet> {
  const { signal } = o;
  const selection = new RestoreSelection(o);
  const blobs = new BlobSet(repository.index);
  let tree = o.tree;
  for (const name of splitPath(Buffer.from(o.subfolder ?? '/'))) {
    blobs.add('tree', tree);
    tree = await findFolder(repository, { tree, path: name, signal });
  }
  const root = newFolder({
    ...{ parent: undefined, attributes: undefined },
    ...{ name: Buffer.alloc(0), path: Buffer.from('/'), parts: [] },
  });
  const walk = walkSelected(repository, {
    ...{ root, tree, selection, signal },
    secondPlaces: new SecondPlaces(repository, signal),
    onUnreadable: () => undefined,
  });
  let folders = 0;
  for await (const { tree: id, entries } of walk) {
    if (id !== undefined) blobs.add('tree', id);
    for (const { node } of entries) for (const content of node.content ?? []) blobs.add('data', content);
    folders += 1;
    o.onFolder?.(folders);
  }
  return blobs;
}
