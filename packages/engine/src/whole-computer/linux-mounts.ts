import { join, relative } from 'node:path';
import { isInside, type Mount, mountOf } from '../snapshot-providers/mounts.ts';
import type { LeftOut } from './mount-patterns.ts';

/** Read-only by their nature: what is in them is the file that they are made of, or a medium that is not the computer's. */
const images = new Set(['squashfs', 'iso9660', 'udf', 'erofs', 'cramfs', 'romfs']);
/** On disks or flash of this computer, though they need no block device, or manage their devices themselves. */
const diskTypes = new Set(['zfs', 'bcachefs', 'ubifs', 'jffs2']);
const networkTypes = new Set([
  ...['nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', 'ncpfs', 'afs', 'coda', 'ceph', 'lustre', 'glusterfs', 'orangefs'],
  ...['9p', 'virtiofs', 'davfs', 'beegfs', 'gpfs', 'vboxsf', 'vmhgfs', 'acfs'],
]);
/** Folders at the top of a file system in which it shows former states of itself. */
const ownSnapshots: ReadonlyMap<string, string> = new Map([
  ['btrfs', '.snapshots'],
  ['zfs', '.zfs'],
]);

export interface ChosenMounts {
  /** Mount points. */
  readonly kept: readonly string[];
  readonly leftOut: readonly LeftOut[];
  /** Folders that are left out if they are there. */
  readonly special: readonly LeftOut[];
}

/**
 * Which mounted file systems belong to the computer: the one at the root, whatever it is, and all that need a block device (those
 * without `nodev` in /proc/filesystems), once each.
 */
export function chooseLinuxMounts(mounts: readonly Mount[], filesystems: string): ChosenMounts {
  const blockTypes = new Set(
    filesystems
      .split('\n')
      .filter((line) => line.startsWith('\t'))
      .map((line) => line.trim()),
  );
  const kept: Mount[] = [];
  const leftOut: LeftOut[] = [];
  const special: LeftOut[] = [];
  // What holds more of a file system comes before what holds a part of it.
  const order = mounts.toSorted((a, b) => rank(a) - rank(b) || a.root.length - b.root.length);
  for (const mount of order) {
    const reason =
      mount.mountPoint === '/' ? undefined : (reasonOf(mount.type, blockTypes) ?? repeats(mount, { kept, mounts }));
    if (reason !== undefined) {
      leftOut.push({ path: mount.mountPoint, reason });
      continue;
    }
    kept.push(mount);
    const snapshots = ownSnapshots.get(mount.type);
    if (snapshots !== undefined)
      special.push({ path: join(mount.mountPoint, snapshots), reason: 'former states of the file system itself' });
  }
  return { kept: kept.map(({ mountPoint }) => mountPoint).sort(), leftOut: leftOut.sort(byPath), special };
}

function rank({ mountPoint }: Mount): number {
  return mountPoint === '/' ? 0 : 1;
}

/** Undefined for what is kept. */
function reasonOf(type: string, blockTypes: ReadonlySet<string>): string | undefined {
  if (images.has(type)) return `${type}: an image that is only read`;
  if (blockTypes.has(type) || diskTypes.has(type)) return undefined;
  if (networkTypes.has(type)) return `${type}: not on this computer`;
  if (type === 'overlay' || type === 'aufs') return `${type}: shows other folders, as containers do`;
  if (type === 'tmpfs' || type === 'ramfs') return `${type}: in memory`;
  if (type === 'fuse' || type.startsWith('fuse.')) return `${type}: made up by a program, or not on this computer`;
  return `${type}: made up by the system`;
}

/** Bind mounts, and file systems that are mounted twice, where the other place is in the backup and can be seen. */
function repeats(mount: Mount, o: { kept: readonly Mount[]; mounts: readonly Mount[] }): string | undefined {
  for (const other of o.kept) {
    if (other.source !== mount.source || other.type !== mount.type || !isInside(mount.root, other.root)) continue;
    const there = join(other.mountPoint, relative(other.root, mount.root));
    // What is mounted over it there hides it.
    if (mountOf(o.mounts, there) === other) return `shows ${there} again`;
  }
  return undefined;
}

/** Files that the kernel swaps to (proc(5), swaps). */
export function parseSwapFiles(swaps: string): string[] {
  return swaps.split('\n').flatMap((line) => {
    const [path, type] = line.split(/\s+/);
    if (type !== 'file' || !path?.startsWith('/') || path.endsWith('\\040(deleted)')) return [];
    return [path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))];
  });
}

function byPath(a: LeftOut, b: LeftOut): number {
  return a.path < b.path ? -1 : Number(a.path > b.path);
}
