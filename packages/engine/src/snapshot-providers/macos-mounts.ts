import { readFile } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { Mount } from './mounts.ts';
import type { Tools } from './snapshot-provider.ts';

/** Where folders of the sealed system volume continue on the data volume, without looking like a mount. */
const firmlinksFile = '/usr/share/firmlinks';
const dataVolume = '/System/Volumes/Data';

export async function macosMounts({ run, signal }: Tools): Promise<Mount[]> {
  return parseMacosMounts(await run('/sbin/mount', [], signal), await readFirmlinks());
}

async function readFirmlinks(): Promise<string> {
  try {
    return await readFile(firmlinksFile, 'utf8');
  } catch (error) {
    // Before macOS 10.15 there was one volume.
    if (errnoOf(error) !== 'ENOENT') throw error;
    return '';
  }
}

/** What mount(8) prints, and firmlinks as mounts of a folder of the data volume, which is what a program sees of them. */
export function parseMacosMounts(printed: string, firmlinks: string): Mount[] {
  const mounts = printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Mount => {
      const [, source, mountPoint, type] = /^(.+?) on (\/.*) \(([^(),]+)(?:, [^()]*)?\)$/.exec(line) ?? [];
      if (source === undefined || mountPoint === undefined || type === undefined)
        throw new HoldfastError('backup.volume', { message: `mount printed a line of another form: ${line}` });
      return { mountPoint, root: '/', type, source };
    });
  const data = mounts.find(({ mountPoint }) => mountPoint === dataVolume);
  if (data === undefined) return mounts;
  for (const line of firmlinks.split('\n')) {
    const [mountPoint, target] = line.split('\t');
    if (mountPoint?.startsWith('/') && target) mounts.push({ ...data, mountPoint, root: `/${target}` });
  }
  return mounts;
}
