import nativePaths from 'node:path';
import { HoldfastError } from '@holdfast/core';

/** How a system writes paths. */
export type Paths = Pick<typeof nativePaths, 'join' | 'relative' | 'isAbsolute' | 'sep'>;

/** A mounted file system. */
export interface Mount {
  /** Absolute. */
  readonly mountPoint: string;
  /** What of the file system is mounted: `/`, or a subvolume or folder. */
  readonly root: string;
  readonly type: string;
  /** A device, a dataset's name, or a volume's. */
  readonly source: string;
}

/**
 * What a path sees (proc(5), mountinfo), the last mount over a place hiding those before. But not those that are mounted on itself:
 * they may be listed before it, as where the root is another one than at the start.
 */
export function parseMounts(mountinfo: string): Mount[] {
  const mounts = new Map<string, Mount & { readonly id: string }>();
  const parents = new Map<string, string>();
  for (const line of mountinfo.split('\n')) {
    if (line === '') continue;
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [root, mountPoint, type, source] = [fields[3], fields[4], fields[dash + 1], fields[dash + 2]].map(unescape);
    if (dash < 0 || root === undefined || mountPoint === undefined || type === undefined || source === undefined)
      throw new HoldfastError('internal.unexpected', {
        message: 'A line of mountinfo has not the form that proc(5) tells.',
      });
    const [id = '', parent = ''] = fields;
    parents.set(id, parent);
    // What lies below is hidden as well.
    for (const [at, other] of mounts)
      if (isInside(at, mountPoint) && !isMountedOn({ id: other.id, on: id, parents })) mounts.delete(at);
    mounts.set(mountPoint, { mountPoint, root, type, source, id });
  }
  return [...mounts.values()].map(({ id: _id, ...mount }) => mount);
}

/** Directly, or on what is. */
function isMountedOn(o: { id: string; on: string; parents: ReadonlyMap<string, string> }): boolean {
  const seen = new Set<string>();
  for (let at = o.parents.get(o.id); at !== undefined && !seen.has(at); at = o.parents.get(at)) {
    if (at === o.on) return true;
    seen.add(at);
  }
  return false;
}

function unescape(field: string | undefined): string | undefined {
  return field?.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** True for the folder itself and what is below it; on Windows small and capital letters are the same. */
export function isInside(path: string, folder: string, paths: Paths = nativePaths): boolean {
  const way = paths.relative(folder, path);
  return way !== '..' && !way.startsWith(`..${paths.sep}`) && !paths.isAbsolute(way);
}

/** The mount that a path lies on. Links in the path must have been followed. */
export function mountOf(mounts: readonly Mount[], path: string, paths: Paths = nativePaths): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts)
    if (
      isInside(path, mount.mountPoint, paths) &&
      (found === undefined || mount.mountPoint.length > found.mountPoint.length)
    )
      found = mount;
  return found;
}
