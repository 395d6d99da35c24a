import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { recordedTools } from '../testing/recorded-tools.ts';
import { apfs } from './apfs.ts';
import { Holding } from './hold-volumes.ts';
import { parseMacosMounts } from './macos-mounts.ts';
import { mountOf } from './mounts.ts';
import { ownName } from './owner-name.ts';

/** There is no macOS where these tests run: what is proven is which programs are asked, and what is made of what they print. */

const printedMounts = `/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
/dev/disk3s6 on /System/Volumes/VM (apfs, local, noexec, journaled, noatime, nobrowse)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse, protect, root data)
map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)
/dev/disk4s2 on /Volumes/Ann's disk (2) on top (apfs, local, nodev, nosuid, journaled, noowners)
/dev/disk5s1 on /Volumes/STICK (msdos)
//ann@server._smb._tcp.local/share on /Volumes/share (smbfs, nodev, nosuid, mounted by ann)
`;
const firmlinks = '/AppleInternal\tAppleInternal\n/Applications\tApplications\n/Users\tUsers\n/private\tprivate\n';
const mounts = parseMacosMounts(printedMounts, firmlinks);
const data = { mountPoint: '/Users', root: '/Users', type: 'apfs', source: '/dev/disk3s5' };
const made = `NOTE: local snapshots are considered purgeable and may be removed at any time by deleted(8).
Created local snapshot with date: 2026-01-31-101112
`;

test('mounts are read with all characters of their names; firmlinks are folders of the data volume', () => {
  assert.equal(mounts.length, 12);
  assert.equal(mountOf(mounts, '/usr/bin')?.source, '/dev/disk3s1s1');
  assert.deepEqual(mountOf(mounts, '/Users/ann'), data);
  assert.equal(mountOf(mounts, "/Volumes/Ann's disk (2) on top/x")?.source, '/dev/disk4s2');
  assert.deepEqual(mountOf(mounts, '/Volumes/STICK'), {
    mountPoint: '/Volumes/STICK',
    root: '/',
    type: 'msdos',
    source: '/dev/disk5s1',
  });
  assert.equal(
    parseMacosMounts('/dev/disk1s1 on / (apfs, local)\n', firmlinks).length,
    1,
    'one volume, as it once was',
  );
  for (const line of ['nonsense', '/dev/disk1s1 on relative (apfs)', '/dev/disk1s1 on / (apfs', ' on / (apfs)'])
    assert.throws(() => parseMacosMounts(line, ''), /another form/);
});

test('volumes of one backup share a date and one mount each; the last one removes the snapshots', async (t) => {
  const folder = temporaryFolder(t);
  const { tools, calls } = recordedTools({ 'tmutil isexcluded': '[Included]    /x\n', 'tmutil localsnapshot': made });
  const notes: string[] = [];
  const holding = new Holding({
    options: { sources: [], provider: 'auto', oneFileSystem: true, busyPaths: [], onNote: (note) => notes.push(note) },
    mounts,
    providers: [apfs(folder)],
    tools,
    foreign: {
      paths: posix,
      locate: async (path) => ({ folder: path, whole: true, real: path }),
    },
  });
  const sources = ['/Users/ann', '/Applications', "/Volumes/Ann's disk (2) on top/photos", '/bin', '/Volumes/STICK'];
  for (const source of sources) await holding.holdSource(source);
  const [main = '', disk = ''] = readdirSync(folder).sort();
  assert.deepEqual(
    holding.places.map(({ path, readFrom }) => [String(path), String(readFrom)]),
    [
      ['/Users/ann', join(folder, main, 'Users/ann')],
      ['/Applications', join(folder, main, 'Applications')],
      ["/Volumes/Ann's disk (2) on top/photos", join(folder, disk, 'photos')],
    ],
  );
  assert.deepEqual(notes, [
    '/ (apfs) is read as it is: apfs: it is mounted from a snapshot, in which nothing changes.',
    '/Volumes/STICK (msdos) is read as it is: apfs: it is not APFS.',
  ]);
  await holding.release();
  const mountOptions = 'mount_apfs -o ro,nobrowse -s com.apple.TimeMachine.2026-01-31-101112.local';
  assert.deepEqual(calls, [
    'tmutil isexcluded /Users',
    'tmutil localsnapshot',
    `${mountOptions} /dev/disk3s5 ${folder}/OWN@2026-01-31-101112`,
    'tmutil isexcluded /Applications',
    "tmutil isexcluded /Volumes/Ann's disk (2) on top",
    `${mountOptions} /dev/disk4s2 ${folder}/OWN@2026-01-31-101112`,
    `umount ${folder}/OWN@2026-01-31-101112`,
    `umount ${folder}/OWN@2026-01-31-101112`,
    'tmutil deletelocalsnapshots 2026-01-31-101112',
  ]);
  assert.deepEqual(readdirSync(folder), []);
});

test('a volume that Time Machine leaves out is not for it; what it does not make is an error', async (t) => {
  const folder = temporaryFolder(t);
  const excluded = recordedTools({ 'tmutil isexcluded': '[Excluded]    /Volumes/x\n' });
  assert.match((await apfs(folder).unfit(data, excluded.tools)) ?? '', /leaves it out/);
  for (const printed of ['', 'Created local snapshot with date: yesterday\n', 'Failed to create local snapshot.\n'])
    await assert.rejects(
      apfs(folder).create(data, recordedTools({ 'tmutil localsnapshot': printed }).tools),
      /tmutil made no snapshot/,
    );
});

test('a snapshot that cannot be mounted is removed again, with its folder', async (t) => {
  const folder = temporaryFolder(t);
  const refused = new HoldfastError('backup.volume', { message: 'mount_apfs failed: Operation not permitted' });
  const { tools, calls } = recordedTools({ 'tmutil localsnapshot': made, mount_apfs: refused });
  await assert.rejects(apfs(folder).create(data, tools), (error) => error === refused);
  assert.equal(calls.at(-1), 'tmutil deletelocalsnapshots 2026-01-31-101112');
  assert.deepEqual(readdirSync(folder), []);
});

test('leftovers are unmounted and removed, unless macOS was first; what others made stays', async (t) => {
  const folder = temporaryFolder(t);
  const [first, second] = ['holdfast-999999999-1-1@2026-01-30-101112', 'holdfast-999999999-1-2@2026-01-29-101112'];
  const others = [`${ownName()}@2026-01-31-101112`, 'holdfast-999999999-1-3', 'something else'];
  for (const name of [first, second, ...others]) mkdirSync(join(folder, name));
  const { tools, calls } = recordedTools({
    '/sbin/mount': `${printedMounts}com.apple.TimeMachine.x.local@/dev/disk3s5 on ${folder}/${first} (apfs, local, read-only)\n`,
    'tmutil listlocalsnapshotdates': 'Snapshot dates for all disks:\n2026-01-30-101112\n2026-01-31-101112\n',
  });
  assert.equal(await apfs(folder).removeLeftovers(data, tools), 2);
  assert.deepEqual(
    calls.filter((call) => !/^\/sbin\/mount|listlocal/.test(call)),
    [`umount ${folder}/${first}`, 'tmutil deletelocalsnapshots 2026-01-30-101112'],
  );
  assert.deepEqual(readdirSync(folder).sort(), others.sort());
});
