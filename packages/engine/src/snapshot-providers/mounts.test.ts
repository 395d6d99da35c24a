import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInside, mountOf, parseMounts } from './mounts.ts';

const mountinfo = `25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
26 25 0:22 /@home /home rw,relatime shared:2 master:3 - btrfs /dev/sdb rw,subvol=/@home
27 25 8:3 / /mnt/with\\040space rw - xfs /dev/mapper/vg-data rw
28 26 0:40 / /home/old rw - tmpfs tmpfs rw
29 25 8:9 / /home rw - ext4 /dev/sdc rw
30 25 0:50 / /pool rw - zfs tank/data rw
`;

test('mounts are read with their escapes; what a later one hides is gone', () => {
  const mounts = parseMounts(mountinfo);
  assert.deepEqual(
    mounts.map(({ mountPoint, type }) => `${mountPoint} ${type}`),
    ['/ ext4', '/mnt/with space xfs', '/home ext4', '/pool zfs'],
  );
  assert.deepEqual(mountOf(mounts, '/home/ann')?.source, '/dev/sdc');
  assert.deepEqual(mountOf(mounts, '/homes')?.mountPoint, '/');
  assert.deepEqual(mountOf(mounts, '/mnt/with space/x')?.source, '/dev/mapper/vg-data');
  assert.equal(isInside('/home', '/home'), true);
  assert.equal(isInside('/homes', '/home'), false);
  assert.equal(isInside('/anything', '/'), true);
});

test('what is mounted on a file system that is listed after it is not hidden by it', () => {
  const listed = `22 27 0:21 / /proc rw - proc proc rw
24 22 0:23 / /proc/deep rw - tmpfs tmpfs rw
27 1 254:0 / / rw - ext4 /dev/vda rw
28 27 0:25 / /proc rw - tmpfs tmpfs rw
`;
  assert.deepEqual(
    parseMounts(listed).map(({ mountPoint, type }) => `${mountPoint} ${type}`),
    ['/ ext4', '/proc tmpfs'],
  );
});

test('a line of another form is refused', () => {
  assert.throws(() => parseMounts('nonsense\n'), /proc\(5\)/);
});
