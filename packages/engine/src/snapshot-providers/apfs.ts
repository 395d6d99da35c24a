import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, HoldfastError } from '@holdfast/core';
import { isLeftover, ownName } from './owner-name.ts';
import type { SnapshotProvider, Tools } from './snapshot-provider.ts';

/** A volume; what is mounted from a snapshot has one number more, as the system volume since macOS 11. */
const volumeDevice = /^\/dev\/disk\d+s\d+$/;
const createdDate = /^Created local snapshot with date: (\d{4}-\d{2}-\d{2}-\d{6})$/m;
/** Folder of a mounted snapshot: whose it is and its date, with which it is removed. */
const folderName = /^(.+)@(\d{4}-\d{2}-\d{2}-\d{6})$/;

/**
 * Snapshots of APFS volumes, made by Time Machine's tmutil, which needs no entitlement of its own as making them directly
 * does, and mounted read-only below a folder of root's. One date has a snapshot of every volume that Time Machine backs up,
 * so all volumes of a backup share it. What a crash leaves macOS removes itself after a day.
 */
export function apfs(mountFolder = '/private/var/run/holdfast'): SnapshotProvider {
  const mounted = new Map<string, { folder: string; date: string; users: number }>();
  /** The last volume of a date removes its snapshots. */
  const letGo = async (date: string, { run }: Tools): Promise<void> => {
    if (![...mounted.values()].some((other) => other.date === date))
      await run('tmutil', ['deletelocalsnapshots', date]);
  };
  return {
    name: 'apfs',
    automatic: true,
    unfit: async ({ type, source, mountPoint }, { run, signal }) => {
      if (type !== 'apfs') return 'it is not APFS';
      if (!volumeDevice.test(source)) return 'it is mounted from a snapshot, in which nothing changes';
      const answer = await run('tmutil', ['isexcluded', mountPoint], signal);
      return /^\[Included\]/m.test(answer) ? undefined : 'Time Machine leaves it out, and makes no snapshots of it';
    },
    removeLeftovers: async (_mount, tools) => {
      let count = 0;
      for (const name of await folderNames(mountFolder)) {
        const [, owner, date] = folderName.exec(name) ?? [];
        if (owner === undefined || date === undefined || !isLeftover(owner)) continue;
        await removeLeftover(join(mountFolder, name), date, tools);
        count += 1;
      }
      return count;
    },
    create: async ({ source, root }, tools) => {
      const { run, signal } = tools;
      const held = mounted.get(source) ?? { folder: '', date: [...mounted.values()][0]?.date ?? '', users: 0 };
      if (held.users === 0) {
        if (held.date === '') held.date = await takeSnapshot(tools);
        held.folder = join(mountFolder, `${ownName()}@${held.date}`);
        try {
          await mkdir(held.folder, { recursive: true, mode: 0o700 });
          const snapshot = `com.apple.TimeMachine.${held.date}.local`;
          await run('mount_apfs', ['-o', 'ro,nobrowse', '-s', snapshot, source, held.folder], signal);
        } catch (error) {
          await removeFolder(held.folder);
          await letGo(held.date, tools);
          throw error;
        }
        mounted.set(source, held);
      }
      held.users += 1;
      return {
        readFrom: join(held.folder, root),
        // Volumes inside are mounts of their own.
        leftOut: [],
        remove: async () => {
          held.users -= 1;
          if (held.users > 0) return;
          mounted.delete(source);
          await run('umount', [held.folder]);
          await removeFolder(held.folder);
          await letGo(held.date, tools);
        },
      };
    },
  };
}

async function takeSnapshot({ run, signal }: Tools): Promise<string> {
  const printed = await run('tmutil', ['localsnapshot'], signal);
  const [, date] = createdDate.exec(printed) ?? [];
  if (date === undefined)
    throw new HoldfastError('backup.volume', { message: `tmutil made no snapshot; it said: ${printed.trim()}` });
  return date;
}

async function removeLeftover(folder: string, date: string, { run }: Tools): Promise<void> {
  const listed = await run('/sbin/mount', []);
  if (listed.includes(` on ${folder} (`)) await run('umount', [folder]);
  await removeFolder(folder);
  // A day later macOS has removed it.
  const snapshots = await run('tmutil', ['listlocalsnapshotdates']);
  if (snapshots.split('\n').includes(date)) await run('tmutil', ['deletelocalsnapshots', date]);
}

async function folderNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function removeFolder(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
