import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMacosMounts } from '../snapshot-providers/macos-mounts.ts';
import { parseMounts } from '../snapshot-providers/mounts.ts';
import { chooseLinuxMounts, parseSwapFiles } from './linux-mounts.ts';
import { chooseMacosMounts } from './macos-scope.ts';

const filesystems =
  'nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\n\text4\n\tbtrfs\n\txfs\n\tfuseblk\n\tsquashfs\nnodev\tfuse\nnodev\toverlay\n';

test('on Linux what needs a block device is kept, once; the root always; each of the others with its reason', () => {
  const mountinfo = [
    '1 0 0:1 / / rw - overlay overlay rw',
    '2 1 0:2 / /proc rw - proc proc rw',
    '3 1 0:3 / /run rw - tmpfs tmpfs rw',
    '4 3 8:1 / /run/media/usb rw - ext4 /dev/sdc1 rw',
    '5 1 8:2 / /srv rw - xfs /dev/sdb1 rw',
    '6 1 8:2 /data /data rw - xfs /dev/sdb1 rw',
    '7 1 8:2 / /srv-again rw - xfs /dev/sdb1 rw',
    '8 1 8:2 /hidden /shown rw - xfs /dev/sdb1 rw',
    '9 5 0:4 / /srv/hidden rw - tmpfs tmpfs rw',
    '10 1 0:5 /@home /home rw - btrfs /dev/sda3 rw',
    '11 1 0:5 /@var /var rw - btrfs /dev/sda3 rw',
    '12 1 7:0 / /snap/core ro - squashfs /dev/loop0 ro',
    '13 1 0:6 / /net rw - nfs4 server:/x rw',
    '14 1 0:7 / /ssh rw - fuse.sshfs me@there: rw',
    '15 1 0:8 / /win rw - fuseblk /dev/sdd1 rw',
    '16 1 0:9 / /tank rw - zfs tank rw',
    '17 11 0:10 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw',
  ].join('\n');
  const { kept, leftOut, special } = chooseLinuxMounts(parseMounts(mountinfo), filesystems);
  // `/shown` is kept, because where else it would be another file system hides it.
  assert.deepEqual(kept, ['/', '/home', '/run/media/usb', '/shown', '/srv', '/tank', '/var', '/win']);
  assert.deepEqual(Object.fromEntries(leftOut.map(({ path, reason }) => [path, reason])), {
    '/data': 'shows /srv/data again',
    '/net': 'nfs4: not on this computer',
    '/proc': 'proc: made up by the system',
    '/run': 'tmpfs: in memory',
    '/snap/core': 'squashfs: an image that is only read',
    '/srv-again': 'shows /srv again',
    '/srv/hidden': 'tmpfs: in memory',
    '/ssh': 'fuse.sshfs: made up by a program, or not on this computer',
    '/var/lib/docker/overlay2/1/merged': 'overlay: shows other folders, as containers do',
  });
  assert.deepEqual(special.map(({ path }) => path).sort(), ['/home/.snapshots', '/tank/.zfs', '/var/.snapshots']);
});

test('files that are swapped to are found, whatever they are called', () => {
  const swaps =
    'Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2 partition 1 0 -2\n/swap\\040file file\t1 0 -3\n/gone\\040(deleted) file 1 0 -4\n';
  assert.deepEqual(parseSwapFiles(swaps), ['/swap file']);
  assert.deepEqual(parseSwapFiles(''), []);
});

test('on macOS disks are kept, and what repeats or is not there is not', () => {
  const printed = [
    '/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)',
    'devfs on /dev (devfs, local, nobrowse)',
    '/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)',
    '/dev/disk5s1 on /Volumes/Extra (hfs, local, journaled)',
    '//me@nas/share on /Volumes/share (smbfs, nodev, nosuid, mounted by me)',
    '',
  ].join('\n');
  const { kept, leftOut, special } = chooseMacosMounts(parseMacosMounts(printed, ''));
  assert.deepEqual(kept, ['/Volumes/Extra']);
  assert.deepEqual(
    leftOut.map(({ path }) => path),
    ['/dev', '/Volumes/share'],
  );
  assert.ok(special.some(({ path }) => path === '/System/Volumes'));
});
