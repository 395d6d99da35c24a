import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { FolderHandle } from './folder-handle.ts';
import { limits } from './limits.ts';
import { makeFresh } from './restore-item.ts';
import type { Attributes, Overwrite } from './restore-jobs.ts';

/** A folder of the target. It is made when the first thing in it is. */
export interface TargetFolder {
  readonly parent: TargetFolder | undefined;
  readonly name: Buffer;
  /** None for the target itself, which keeps its own. */
  readonly attributes: Attributes | undefined;
  readonly path: Buffer;
  /** The names as patterns see them. */
  readonly parts: readonly string[];
  /** Things in it that are not finished, and the reading of its own tree. */
  open: number;
  made: boolean;
  /** It could not be made: nothing in it can be. */
  failed: boolean;
}

interface OpenFolder {
  readonly handle: FolderHandle;
  pins: number;
}

/**
 * Descriptors of target folders. A folder in use is pinned; of the others the ones used last stay open, and any can be
 * opened again from the nearest one above, step by step, never through a link. So depth needs no descriptors.
 */
export class TargetFolders implements Disposable {
  /** In order of use, the oldest first. */
  readonly #open = new Map<TargetFolder, OpenFolder>();
  readonly #root: TargetFolder;
  #pinned = 0;
  readonly #overwrite: Overwrite;

  constructor(root: TargetFolder, rootPath: Buffer, overwrite: Overwrite) {
    this.#root = root;
    this.#overwrite = overwrite;
    this.#open.set(root, { handle: FolderHandle.open(rootPath), pins: 1 });
  }

  /** Folders that can't be closed now. */
  get pinned(): number {
    return this.#pinned;
  }

  /** Opens the folder, making it and those above if need be. Valid until `unpin`. */
  pin(folder: TargetFolder): FolderHandle {
    const missing: TargetFolder[] = [];
    let above: TargetFolder = folder;
    for (; !this.#open.has(above); above = above.parent ?? this.#root) missing.push(above);
    let opened = this.#use(above);
    for (const next of missing.reverse()) {
      // Nothing may close the one above while the next is opened in it.
      opened.pins += 1;
      try {
        const handle = this.#enter(opened.handle, next);
        opened.pins -= 1;
        opened = { handle, pins: 0 };
        this.#open.set(next, opened);
        next.made = true;
      } catch (error) {
        opened.pins = Math.max(0, opened.pins - 1);
        throw error;
      }
    }
    if (opened.pins === 0) this.#pinned += 1;
    opened.pins += 1;
    this.#closeOldest();
    return opened.handle;
  }

  unpin(folder: TargetFolder): void {
    const opened = this.#open.get(folder);
    if (opened === undefined) return;
    opened.pins -= 1;
    if (opened.pins === 0) this.#pinned -= 1;
  }

  /** The folder is finished. */
  close(folder: TargetFolder): void {
    if (folder === this.#root) return;
    const opened = this.#open.get(folder);
    if (opened === undefined) return;
    if (opened.pins > 0) this.#pinned -= 1;
    opened.handle.close();
    this.#open.delete(folder);
  }

  [Symbol.dispose](): void {
    for (const { handle } of this.#open.values()) handle.close();
    this.#open.clear();
  }

  #use(folder: TargetFolder): OpenFolder {
    const opened = this.#open.get(folder);
    if (opened === undefined) throw new RangeError('the folder is not open');
    this.#open.delete(folder);
    this.#open.set(folder, opened);
    return opened;
  }

  #enter(above: FolderHandle, folder: TargetFolder): FolderHandle {
    const path = above.path(folder.name);
    if (!folder.made) {
      try {
        fs.mkdirSync(path, 0o700);
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || this.#overwrite === 'refuse') throw error;
        // A folder that is there is used; a link or a file in its place is replaced, never followed.
        if (!fs.lstatSync(path).isDirectory()) makeFresh(path, this.#overwrite, () => fs.mkdirSync(path, 0o700));
      }
    }
    return above.openFolder(folder.name);
  }

  #closeOldest(): void {
    if (this.#open.size - this.#pinned <= limits.restoreOpenFiles) return;
    for (const [folder, { handle, pins }] of this.#open) {
      if (this.#open.size - this.#pinned <= limits.restoreOpenFiles / 2) return;
      if (pins > 0) continue;
      handle.close();
      this.#open.delete(folder);
    }
  }
}
