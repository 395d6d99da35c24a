import fs from 'node:fs';
import { errnoOf } from '@holdfast/core';
import { FolderHandle } from '../folder-handle.ts';
import { limits } from '../limits.ts';

/** A folder that is never removed, nor emptied: by device and inode. */
export interface ProtectedFolder {
  readonly dev: bigint;
  readonly ino: bigint;
}

export interface RemoveOptions {
  /** False: only what is no folder, and empty folders. */
  readonly recursive: boolean;
  readonly protect?: readonly ProtectedFolder[];
  /** Changes nothing. */
  readonly dryRun?: boolean;
  /** Each entry, after it was removed; those in a folder before it. */
  readonly onRemoved?: (path: Buffer) => void;
}

/**
 * Removes an entry of an open folder, with all that is in it. Links are removed, never followed: each folder is entered
 * from the one above. Folders of another file system are left alone, with those above them.
 * @throws errors of the system, for the first thing that can't be removed
 */
export function removeEntry(above: FolderHandle, name: Buffer, options: RemoveOptions): void {
  if (removeLeaf(above, name, options)) return;
  const device = fs.fstatSync(above.fd, { bigint: true }).dev;
  const open: { readonly handle: FolderHandle; readonly name: Buffer; readonly names: Iterator<Buffer> }[] = [];
  const enter = (folder: FolderHandle, inner: Buffer): void => {
    const handle = folder.openFolder(inner);
    open.push({ handle, name: inner, names: handle.names().values() });
    const stat = fs.fstatSync(handle.fd, { bigint: true });
    if (open.length > limits.restoreOpenFiles) throw refusal('ENAMETOOLONG', 'its folders are nested too deeply');
    if (stat.dev !== device) throw refusal('EXDEV', 'a folder in it is another file system');
    if (options.protect?.some(({ dev, ino }) => dev === stat.dev && ino === stat.ino))
      throw refusal('EBUSY', 'a folder in it is protected');
  };
  const pathOf = (): Buffer[] => open.map((folder) => folder.name);
  try {
    enter(above, name);
    for (let folder = open.at(-1); folder !== undefined; folder = open.at(-1)) {
      const next = folder.names.next();
      if (next.done !== true) {
        const { handle } = folder;
        const parts = [...pathOf(), next.value];
        if (removeLeaf(handle, next.value, { ...options, onRemoved: () => told(options, parts) })) continue;
        enter(handle, next.value);
        continue;
      }
      const parts = pathOf();
      open.pop();
      folder.handle.close();
      if (options.dryRun !== true) fs.rmdirSync((open.at(-1)?.handle ?? above).path(folder.name));
      told(options, parts);
    }
  } finally {
    for (const { handle } of open) handle.close();
  }
}

function told(options: RemoveOptions, parts: readonly Buffer[]): void {
  const slash = Buffer.from('/');
  options.onRemoved?.(Buffer.concat(parts.flatMap((part, at) => (at === 0 ? [part] : [slash, part]))));
}

/** False when it is a folder that has to be emptied first. */
function removeLeaf(above: FolderHandle, name: Buffer, options: RemoveOptions): boolean {
  const path = above.path(name);
  const folder = fs.lstatSync(path).isDirectory();
  if (folder && options.recursive) return false;
  if (options.dryRun !== true) {
    if (folder) fs.rmdirSync(path);
    else fs.unlinkSync(path);
  }
  options.onRemoved?.(name);
  return true;
}

function refusal(code: string, why: string): NodeJS.ErrnoException {
  return Object.assign(new Error(why), { code });
}

/** What is in the way of something that is to be made; a folder only if it is empty, or everything may be removed. */
export function clearPath(path: Buffer, recursive: boolean): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'EISDIR' && errno !== 'EPERM') throw error;
    if (!recursive) {
      fs.rmdirSync(path);
      return;
    }
    const end = path.lastIndexOf(0x2f);
    using above = FolderHandle.open(Buffer.concat([path.subarray(0, end + 1), Buffer.from('.')]));
    removeEntry(above, path.subarray(end + 1), { recursive });
  }
}
