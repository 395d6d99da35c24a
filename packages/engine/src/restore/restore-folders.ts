import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { FolderHandle } from '../folder-handle.ts';
import { limits } from '../limits.ts';
import { type FreshOptions, givesAcls, makeFresh } from './restore-item.ts';
import type { Attributes } from './restore-jobs.ts';

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
  /** This restore made it, so nothing can be in it that was there before. */
  fresh: boolean;
  /** A dry run: it is not there, and would be made. */
  absent: boolean;
  /** What is made in it has the group of this process. */
  ownGroup: boolean;
  /** What is made in it gets an ACL from it. */
  inheritsAcls: boolean;
}

/** A folder that was not looked at yet. */
export function newFolder(of: Pick<TargetFolder, 'parent' | 'name' | 'attributes' | 'path' | 'parts'>): TargetFolder {
  const failed = of.parent?.failed ?? false;
  return { ...of, open: 1, made: false, failed, fresh: false, absent: false, ownGroup: false, inheritsAcls: false };
}

const ownGroup = BigInt(process.getegid?.() ?? -1);

interface OpenFolder {
  readonly handle: FolderHandle;
  pins: number;
}

/** A file system, and two descriptors of a folder in it: what can't be written is told once to each that was open before. */
interface TargetDevice {
  readonly folder: TargetFolder;
  readonly fd: number;
  /** For syncing before the end. */
  readonly earlyFd: number;
}

function openDevice(folder: TargetFolder, handle: FolderHandle): TargetDevice {
  const atEnd = handle.openFolder(Buffer.from('.'));
  try {
    return { folder, fd: atEnd.fd, earlyFd: handle.openFolder(Buffer.from('.')).fd };
  } catch (error) {
    atEnd.close();
    throw error;
  }
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
  readonly #options: FreshOptions & { readonly dryRun: boolean };
  readonly #devices = new Map<bigint, TargetDevice>();

  /** @param rootPath undefined when it is not there, in a dry run */
  constructor(root: TargetFolder, rootPath: Buffer | undefined, options: FreshOptions & { readonly dryRun: boolean }) {
    this.#root = root;
    this.#options = options;
    if (rootPath === undefined) {
      root.absent = true;
      return;
    }
    const handle = FolderHandle.open(rootPath);
    this.#open.set(root, { handle, pins: 1 });
    root.made = true;
    try {
      this.#learn(root, handle);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Those that something was restored to. */
  get devices(): readonly TargetDevice[] {
    return [...this.#devices.values()];
  }

  /** Folders that can't be closed now. */
  get pinned(): number {
    return this.#pinned;
  }

  /** Makes sure that the folder is there; in a dry run, finds out. */
  look(folder: TargetFolder): void {
    if (!this.#options.dryRun) {
      this.pin(folder);
      this.unpin(folder);
      return;
    }
    const { parent } = folder;
    if (parent !== undefined && !parent.made && !parent.absent) this.look(parent);
    folder.absent ||= parent?.absent ?? false;
    if (folder.absent) return;
    try {
      this.pin(folder);
      this.unpin(folder);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) throw error;
      folder.absent = true;
    }
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
        if (!next.made) this.#learn(next, handle);
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
    for (const { fd, earlyFd } of this.#devices.values()) for (const one of [fd, earlyFd]) fs.closeSync(one);
    this.#devices.clear();
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
    if (!folder.made && !this.#options.dryRun) {
      try {
        fs.mkdirSync(path, 0o700);
        folder.fresh = true;
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST' || this.#options.overwrite === 'refuse') throw error;
        // A folder that is there is used; a link or a file in its place is replaced, never followed.
        if (!fs.lstatSync(path).isDirectory()) {
          makeFresh(path, this.#options, () => fs.mkdirSync(path, 0o700));
          folder.fresh = true;
        }
      }
    }
    return above.openFolder(folder.name);
  }

  #learn(folder: TargetFolder, handle: FolderHandle): void {
    const { gid, dev } = fs.fstatSync(handle.fd, { bigint: true });
    // Whatever decides of the group, the bit of the folder or the file system: both say the same.
    folder.ownGroup = gid === ownGroup;
    if (!this.#options.dryRun && !this.#devices.has(dev)) this.#devices.set(dev, openDevice(folder, handle));
    const { parent } = folder;
    // One that is made here gets its own default ACL last, so only what was there before can pass one on.
    folder.inheritsAcls = folder.fresh && parent !== undefined ? parent.inheritsAcls : givesAcls(handle.self);
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
