import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { HoldfastError, hasCode } from '@holdfast/core';
import { temporaryFolder } from '@holdfast/core/testing';
import { recordedTools } from '../testing/recorded-tools.ts';
import { Holding, type HoldOptions } from './hold-volumes.ts';
import { lvm } from './lvm.ts';
import type { Mount } from './mounts.ts';
import { isGone, isLeftover, ownName } from './owner-name.ts';
import { zfs } from './zfs.ts';

/**
 * ZFS and LVM are not on the machines that run these tests: what is proven here is which programs are asked, in which order,
 * and that everything is removed again, not that they answer so. The calls of ZFS were run by hand against zfs-fuse, which
 * takes them, but has no folder `.zfs`. btrfs and fsfreeze are tested on real file systems.
 */

const gone = 'holdfast-999999999-1-1';

test('names tell whose they are', () => {
  const own = ownName();
  assert.match(own, /^holdfast-\d+-\d+-\d+$/);
  assert.notEqual(ownName(), own);
  assert.equal(isLeftover(own), false);
  assert.equal(isLeftover(gone), true);
  assert.equal(
    isLeftover(own.replace(/^holdfast-(\d+)-\d+/, 'holdfast-$1-1')),
    true,
    'our number, given again after a restart',
  );
  assert.equal(isLeftover('daily-1-2-3'), false);
});

test('where nobody tells when a process started, its number decides, whatever the clock says', () => {
  assert.equal(isGone(process.pid), false);
  assert.equal(isGone(1), false, 'another’s');
  assert.equal(isGone(999_999_999), true);
});

test('zfs: a snapshot of the dataset, read in .zfs; leftovers of processes that are gone are destroyed, others not', async () => {
  const mount: Mount = { mountPoint: '/pool', root: '/', type: 'zfs', source: 'tank/data' };
  const { tools, calls } = recordedTools({
    'zfs list': `tank/data@daily\ntank/data@${gone}\ntank/data@${ownName()}\n`,
  });
  assert.equal(await zfs.unfit(mount, tools), undefined);
  assert.match((await zfs.unfit({ ...mount, root: '/folder' }, tools)) ?? '', /not a dataset/);
  assert.match((await zfs.unfit({ ...mount, type: 'ext4' }, tools)) ?? '', /not ZFS/);
  assert.equal(await zfs.removeLeftovers(mount, tools), 1);
  const snapshot = await zfs.create(mount, tools);
  assert.match(snapshot.readFrom, /^\/pool\/\.zfs\/snapshot\/holdfast-/);
  await snapshot.remove();
  assert.deepEqual(calls, [
    'zfs list -H -d 1 -t snapshot -o name tank/data',
    `zfs destroy tank/data@${gone}`,
    'zfs snapshot tank/data@OWN',
    'zfs destroy tank/data@OWN',
  ]);
});

test('lvm: a snapshot volume is made, mounted read-only, unmounted and removed', async (t) => {
  const folder = temporaryFolder(t);
  const provider = lvm(folder);
  const mount: Mount = { mountPoint: '/data', root: '/', type: 'xfs', source: '/dev/mapper/vg-data' };
  const { tools, calls } = recordedTools({ 'lvs --noheadings --separator': '  vg|data|linear\n' });
  assert.equal(await provider.unfit(mount, tools), undefined);
  assert.match((await provider.unfit({ ...mount, source: '/dev/sda1' }, tools)) ?? '', /no logical volume/);
  const snapshot = await provider.create(mount, tools);
  await snapshot.remove();
  const lookUp = 'lvs --noheadings --separator | -o vg_name,lv_name,segtype /dev/mapper/vg-data';
  assert.deepEqual(calls, [
    lookUp,
    lookUp,
    'lvcreate --snapshot --name OWN --extents 20%ORIGIN vg/data',
    `mount -t xfs -o ro,nouuid /dev/vg/OWN ${folder}/OWN`,
    `umount ${folder}/OWN`,
    'lvremove --yes --force vg/OWN',
  ]);
});

test('lvm: what cannot be mounted is removed again, a thin volume needs no room, leftovers go with their mounts', async (t) => {
  const folder = temporaryFolder(t);
  const mount: Mount = { mountPoint: '/data', root: '/', type: 'ext4', source: '/dev/mapper/vg-data' };
  const { tools, calls } = recordedTools({
    'lvs --noheadings --separator': '  vg|data|thin\n',
    'lvs --noheadings -o lv_name': `  data\n  ${gone}\n  ${ownName()}\n`,
    'mount ': new HoldfastError('backup.volume', { message: 'mount failed: wrong fs type' }),
  });
  await assert.rejects(lvm(folder).create(mount, tools), /wrong fs type/);
  assert.deepEqual(calls.slice(1), [
    'lvcreate --snapshot --name OWN --setactivationskip n vg/data',
    `mount -t ext4 -o ro /dev/vg/OWN ${folder}/OWN`,
    'lvremove --yes --force vg/OWN',
  ]);
  calls.length = 0;
  mkdirSync(join(folder, gone));
  assert.equal(await lvm(folder).removeLeftovers(mount, tools), 1);
  assert.deepEqual(calls.slice(2), [`umount ${folder}/${gone}`, `lvremove --yes --force vg/${gone}`]);
});

test('a file system for which a named provider does not fit is an error, for auto a note; what was made before goes', async (t) => {
  const folder = temporaryFolder(t);
  for (const name of ['a', 'b']) mkdirSync(join(folder, name));
  const mounts: Mount[] = [
    { mountPoint: join(folder, 'a'), root: '/', type: 'zfs', source: 'tank/a' },
    { mountPoint: join(folder, 'b'), root: '/', type: 'ext4', source: '/dev/sdx' },
  ];
  for (const provider of ['zfs', 'auto'] as const) {
    const { tools, calls } = recordedTools({});
    const notes: string[] = [];
    const options: HoldOptions = {
      sources: [],
      provider,
      oneFileSystem: false,
      busyPaths: [],
      onNote: (note) => notes.push(note),
    };
    const holding = new Holding({ options, mounts, providers: [zfs], tools });
    await holding.holdSource(join(folder, 'a'));
    assert.deepEqual(holding.held, [{ mountPoint: join(folder, 'a'), provider: 'zfs' }]);
    const second = holding.holdSource(join(folder, 'b'));
    if (provider === 'auto') {
      await second;
      assert.match(notes.join(), /\(ext4\) is read as it is: zfs: it is not ZFS/);
      assert.equal(holding.places.length, 1);
    } else await assert.rejects(second, (error) => hasCode(error, 'backup.volume'));
    await holding.release();
    await holding.release();
    assert.equal(calls.filter((call) => call === 'zfs destroy tank/a@OWN').length, 1);
  }
});
