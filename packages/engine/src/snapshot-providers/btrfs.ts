import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from './mounts.ts';
import { isLeftover, ownName } from './owner-name.ts';
import type { SnapshotProvider, Tools } from './snapshot-provider.ts';

/** The inode of every subvolume's root. */
const subvolumeInode = 256n;

/** Read-only snapshots of a subvolume, in a hidden folder of itself: no other place is sure to be on the same file system. */
export const btrfs: SnapshotProvider = {
  name: 'btrfs',
  automatic: true,
  unfit: async ({ type, mountPoint }) => {
    if (type !== 'btrfs') return 'it is not btrfs';
    const { ino } = await stat(mountPoint, { bigint: true });
    return ino === subvolumeInode ? undefined : 'what is mounted there is a folder, not a subvolume';
  },
  removeLeftovers: async ({ mountPoint }, tools) => {
    const names = (await readdir(mountPoint)).filter((name) => name.startsWith('.') && isLeftover(name.slice(1)));
    for (const name of names) await remove(join(mountPoint, name), tools);
    return names.length;
  },
  create: async (mount, tools) => {
    const path = join(mount.mountPoint, `.${ownName()}`);
    // Listed before, so that the snapshot itself is not among them.
    const leftOut = await nestedSubvolumes(mount, tools);
    await tools.run('btrfs', ['subvolume', 'snapshot', '-r', mount.mountPoint, path], tools.signal);
    return { readFrom: path, leftOut, remove: () => remove(path, { run: tools.run }) };
  },
};

async function remove(path: string, { run }: Pick<Tools, 'run'>): Promise<void> {
  await run('btrfs', ['subvolume', 'delete', path]);
}

/** Subvolumes inside, which are empty folders in a snapshot. Other snapshots of ours are not among them. */
async function nestedSubvolumes({ root, mountPoint }: Mount, { run, signal }: Tools): Promise<string[]> {
  const listed = await run('btrfs', ['subvolume', 'list', '-o', mountPoint], signal);
  const above = root === '/' ? '' : `${root.slice(1)}/`;
  return [...listed.matchAll(/ path (.+)$/gm)]
    .map(([, path = '']) => path)
    .filter((path) => path.startsWith(above))
    .map((path) => path.slice(above.length))
    .filter((path) => !/^\.holdfast-\d+-\d+-\d+$/.test(path));
}
