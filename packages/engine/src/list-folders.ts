import type { HoldfastError } from '@holdfast/core';
import type { ObjectId, Repository } from '@holdfast/repository';
import { printPath } from './byte-path.ts';
import { type WalkEvent, walkTree } from './walk-tree.ts';

export interface ListFoldersOptions {
  readonly tree: ObjectId;
  /** Only these, as absolute paths, with what is directly in them; everything if empty. */
  readonly folders: readonly string[];
  /** With folders: everything below them. */
  readonly recursive: boolean;
  /** Told of folders that cannot be read; the list goes on without them. */
  readonly onProblem: (problem: HoldfastError) => void;
  readonly signal?: AbortSignal | undefined;
}

/** The entries of some folders of a tree, and those of the folders that lead to them. */
export async function* listFolders(repository: Repository, options: ListFoldersOptions): AsyncGenerator<WalkEvent> {
  const { tree, folders, recursive, onProblem, signal } = options;
  const entries = walkTree(repository, {
    tree,
    signal,
    enter: ({ path }) => {
      const where = printPath(path);
      return leadsToListed(where, folders) || (recursive && isListed(where, folders));
    },
    onProblem,
  });
  for await (const event of entries) {
    const where = printPath(event.path);
    if (isListed(where, folders) || leadsToListed(where, folders)) yield event;
  }
}

/** True when a path is one of the folders or below it. */
export function isListed(path: string, folders: readonly string[]): boolean {
  return folders.length === 0 || folders.some((folder) => isIn(path, folder));
}

function leadsToListed(path: string, folders: readonly string[]): boolean {
  return folders.length === 0 || folders.some((folder) => isIn(folder, path));
}

function isIn(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}
