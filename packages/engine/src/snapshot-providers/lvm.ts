import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { isLeftover, ownName } from './owner-name.ts';
import type { SnapshotProvider, Tools } from './snapshot-provider.ts';

/** Room for what changes while a backup runs, of volumes that are not thin. When it is used up, reading fails; nothing else does. */
const changesShare = '20%ORIGIN';

interface Volume {
  readonly group: string;
  readonly name: string;
  readonly thin: boolean;
}

/** Snapshots of a logical volume, mounted read-only below a folder of root's. */
export function lvm(mountFolder = '/run/holdfast'): SnapshotProvider {
  return {
    name: 'lvm',
    automatic: true,
    unfit: async ({ source, root }, tools) => {
      if (root !== '/') return 'what is mounted there is a folder';
      if (!source.startsWith('/dev/mapper/') && !source.startsWith('/dev/dm-')) return 'it is on no logical volume';
      return (await findVolume(source, tools)) === undefined ? 'it is on no logical volume' : undefined;
    },
    removeLeftovers: async ({ source }, tools) => {
      const volume = await findVolume(source, tools);
      if (volume === undefined) return 0;
      const listed = await tools.run('lvs', ['--noheadings', '-o', 'lv_name', volume.group], tools.signal);
      const names = listed
        .split('\n')
        .map((line) => line.trim())
        .filter(isLeftover);
      for (const name of names) {
        if ((await mountedNames(mountFolder)).includes(name))
          await unmount(join(mountFolder, name), tools, 'if mounted');
        await tools.run('lvremove', ['--yes', '--force', `${volume.group}/${name}`]);
      }
      return names.length;
    },
    create: async ({ source, type }, tools) => {
      const volume = await findVolume(source, tools);
      if (volume === undefined)
        throw new HoldfastError('backup.volume', { message: `${source} is no logical volume any more.` });
      const name = ownName();
      const origin = `${volume.group}/${volume.name}`;
      const room = volume.thin ? ['--setactivationskip', 'n'] : ['--extents', changesShare];
      await tools.run('lvcreate', ['--snapshot', '--name', name, ...room, origin], tools.signal);
      const removeVolume = async (): Promise<void> => {
        await tools.run('lvremove', ['--yes', '--force', `${volume.group}/${name}`]);
      };
      const folder = join(mountFolder, name);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        // A copy has the identity of its origin, which XFS refuses to mount twice.
        const options = type === 'xfs' ? 'ro,nouuid' : 'ro';
        await tools.run('mount', ['-t', type, '-o', options, `/dev/${volume.group}/${name}`, folder], tools.signal);
      } catch (error) {
        await removeVolume();
        throw error;
      }
      return {
        readFrom: folder,
        leftOut: [],
        remove: async () => {
          await unmount(folder, tools, 'always');
          await removeVolume();
        },
      };
    },
  };
}

async function findVolume(device: string, { run, signal }: Tools): Promise<Volume | undefined> {
  let answer: string;
  try {
    const fields = 'vg_name,lv_name,segtype';
    answer = await run('lvs', ['--noheadings', '--separator', '|', '-o', fields, device], signal);
  } catch (error) {
    signal?.throwIfAborted();
    // No LVM here, or a device that is none of its volumes: `unfit` says so.
    if (error instanceof HoldfastError) return undefined;
    throw error;
  }
  const [group, name, kind] = answer.trim().split('|');
  return group && name ? { group, name, thin: kind === 'thin' } : undefined;
}

async function mountedNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function unmount(folder: string, { run }: Pick<Tools, 'run'>, when: 'always' | 'if mounted'): Promise<void> {
  try {
    await run('umount', [folder]);
  } catch (error) {
    // A crash between making the folder and mounting leaves only the folder.
    if (when === 'always') throw error;
  }
  await rmdir(folder);
}
