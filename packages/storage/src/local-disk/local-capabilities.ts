import { statfs } from 'node:fs/promises';
import { localParallelRequests, maxObjectSizeBytes } from '../limits.ts';
import type { TargetCapabilities } from '../target.ts';

/**
 * File systems on disks and in memory of this computer, by the `f_type` of statfs(2): ext, XFS, Btrfs, tmpfs, F2FS, ZFS, bcachefs.
 * One kernel has all their names. Those of networks, of FUSE and of layers may show another's new name late.
 */
const ownFileSystems: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
]);

/** What a repository in this folder can do. Where nobody knows whether lists may be late, they may. */
export async function localCapabilities(folder: string): Promise<TargetCapabilities> {
  return {
    createIfAbsent: true,
    retention: true,
    serverTime: false,
    rangedRead: true,
    consistentLists: process.platform === 'linux' && ownFileSystems.has((await statfs(folder)).type),
    maxObjectSizeBytes,
    maxParallelRequests: localParallelRequests,
  };
}
