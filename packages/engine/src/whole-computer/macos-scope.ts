import type { Mount } from '../snapshot-providers/mounts.ts';
import type { ChosenMounts } from './linux-mounts.ts';

const diskTypes = new Set(['apfs', 'hfs', 'exfat', 'msdos', 'ntfs', 'ufs']);

/** What macOS makes anew, beside what is mounted. The data volume is reached by its firmlinks, so its own place would repeat it. */
const own = [
  { path: '/System/Volumes', reason: 'shows the volumes of the system again' },
  { path: '/private/var/vm', reason: 'swap' },
  { path: '/.Spotlight-V100', reason: 'an index that macOS makes anew' },
  { path: '/.fseventsd', reason: 'a log of macOS' },
  { path: '/.Trashes', reason: 'thrown away' },
];

/** Which mounted file systems belong to the computer. By the manual of mount(8); never run on a real macOS. */
export function chooseMacosMounts(mounts: readonly Mount[]): ChosenMounts {
  const others = mounts.filter(({ mountPoint }) => mountPoint !== '/' && !mountPoint.startsWith('/System/Volumes/'));
  const isKept = ({ type, mountPoint }: Mount): boolean =>
    diskTypes.has(type) && !/^\/Volumes\/(\.timemachine|com\.apple\.TimeMachine)/.test(mountPoint);
  return {
    kept: others.filter(isKept).map(({ mountPoint }) => mountPoint),
    leftOut: others
      .filter((mount) => !isKept(mount))
      .map(({ mountPoint, type }) => ({ path: mountPoint, reason: `${type}: not on a disk of this computer` })),
    special: own,
  };
}
