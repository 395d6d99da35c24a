import { join } from 'node:path';
import { isLeftover, ownName } from './owner-name.ts';
import type { SnapshotProvider } from './snapshot-provider.ts';

/** Snapshots of a dataset, read in its hidden folder `.zfs`, which is there also when it is not listed. */
export const zfs: SnapshotProvider = {
  name: 'zfs',
  automatic: true,
  unfit: async ({ type, root }) =>
    type !== 'zfs' ? 'it is not ZFS' : root === '/' ? undefined : 'what is mounted there is a folder, not a dataset',
  removeLeftovers: async ({ source }, { run, signal }) => {
    const listed = await run('zfs', ['list', '-H', '-d', '1', '-t', 'snapshot', '-o', 'name', source], signal);
    const names = listed.split('\n').filter((name) => isLeftover(name.slice(name.indexOf('@') + 1)));
    for (const name of names) await run('zfs', ['destroy', name]);
    return names.length;
  },
  create: async ({ source, mountPoint }, { run, signal }) => {
    const name = ownName();
    await run('zfs', ['snapshot', `${source}@${name}`], signal);
    return {
      readFrom: join(mountPoint, '.zfs', 'snapshot', name),
      // Datasets inside are mounts of their own.
      leftOut: [],
      remove: async () => {
        await run('zfs', ['destroy', `${source}@${name}`]);
      },
    };
  },
};
