import { decodeTree, isDamage, type Node, type ObjectId, openBlob, type Repository } from '@holdfast/repository';
import { attributesOf } from './restore-attributes.ts';
import { newFolder, type TargetFolder } from './restore-folders.ts';
import type { SecondPlaces } from './restore-second-places.ts';
import type { RestoreSelection } from './restore-selection.ts';

export interface WalkedEntry {
  readonly node: Node;
  readonly path: Buffer;
  /** The same in every walk of the same snapshot and selection. */
  readonly ordinal: number;
}

export interface WalkedFolder {
  readonly folder: TargetFolder;
  readonly tree: ObjectId | undefined;
  /** The folder itself is wanted, not only perhaps something in it. */
  readonly selected: boolean;
  /** What is wanted and no folder. */
  readonly entries: readonly WalkedEntry[];
  /** All names in the folder, wanted or not; undefined when its tree can't be read. */
  readonly names: readonly Buffer[] | undefined;
}

/**
 * The folders of a snapshot that are wanted or lead to something wanted, each before those in it. A folder inside counts as
 * one open thing of the one around it; the caller ends it.
 */
export async function* walkSelected(
  repository: Repository,
  o: {
    readonly root: TargetFolder;
    readonly tree: ObjectId;
    readonly selection: RestoreSelection;
    readonly secondPlaces: SecondPlaces;
    readonly signal: AbortSignal;
    readonly onUnreadable: (folder: TargetFolder, error: unknown) => void;
  },
): AsyncGenerator<WalkedFolder> {
  let ordinal = 0;
  const stack = [{ folder: o.root, tree: o.tree as ObjectId | undefined, selected: o.selection.everything }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    o.signal.throwIfAborted();
    const { folder, selected } = next;
    if (folder.parent?.failed === true) folder.failed = true;
    const nodes = await load(next.tree, folder);
    const entries: WalkedEntry[] = [];
    const folders: {
      readonly node: Node;
      readonly path: Buffer;
      readonly parts: readonly string[];
      readonly selected: boolean;
    }[] = [];
    for (const node of nodes ?? []) {
      const entry = o.selection.choose(folder, node.name, selected);
      if (entry === undefined) continue;
      if (node.type === 'dir') folders.push({ ...entry, node });
      else if (entry.selected) {
        entries.push({ node, path: entry.path, ordinal });
        ordinal += 1;
      }
    }
    const inner = folders.map(({ node, path, parts, selected }) => {
      folder.open += 1;
      const attributes = attributesOf(node, o.selection);
      return {
        folder: newFolder({ parent: folder, name: node.name, attributes, path, parts }),
        tree: node.subtree,
        selected,
      };
    });
    yield { folder, tree: next.tree, selected, entries, names: nodes?.map((node) => node.name) };
    // The first one is taken next, so that packs are read in the order in which they were written.
    for (const child of inner.reverse()) stack.push(child);
  }

  async function load(tree: ObjectId | undefined, folder: TargetFolder): Promise<readonly Node[] | undefined> {
    if (tree === undefined) return [];
    try {
      try {
        // Each is needed once, so the repository need not keep it open.
        const { place, bytes } = await repository.loadSealedTree(tree, { signal: o.signal });
        return decodeTree(openBlob(repository.cipher, bytes, { id: tree, ...place }));
      } catch (error) {
        if (!isDamage(error)) throw error;
        return await o.secondPlaces.tree(tree, error);
      }
    } catch (error) {
      o.signal.throwIfAborted();
      o.onUnreadable(folder, error);
      return undefined;
    }
  }
}
