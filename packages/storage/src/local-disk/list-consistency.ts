import { statfs } from 'node:fs/promises';

/**
 * File systems on disks and in memory of this computer, by the `f_type` of statfs(2): ext, XFS, Btrfs, tmpfs, F2FS, ZFS, bcachefs.
 * One kernel has all their names. Those of networks, of FUSE and of layers may show another's new name late.
 */
const ownFileSystems: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
]);

/** Whether a list of the folder has everything that was there when it began, whoever made it. Where that isn't known: false. */
export async function listsAreConsistent(folder: string): Promise<boolean> {
  return process.platform === 'linux' && ownFileSystems.has((await statfs(folder)).type);
}
