import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@holdfast/core';
import { throwIfCancelled } from '../cancellation.ts';
import { listParallelism } from '../limits.ts';
import { isObjectId } from '../object-name.ts';
import type { ObjectInfo, ObjectType } from '../target.ts';
import type { Folders } from './folders.ts';
import type { Layout } from './layout.ts';

export interface Listing {
  readonly type: Exclude<ObjectType, 'config'>;
  readonly after: string;
  readonly pageSize: number;
  readonly signal: AbortSignal | undefined;
}

/** The objects of one type in pages, ascending. One folder of names is in memory at a time. */
export async function* listObjects(
  layout: Layout,
  folders: Folders,
  listing: Listing,
): AsyncGenerator<readonly ObjectInfo[]> {
  let page: ObjectInfo[] = [];
  for await (const { folder, ids } of idsByFolder(layout, folders, listing)) {
    for (let start = 0; start < ids.length; start += listParallelism) {
      throwIfCancelled(listing.signal);
      const some = await Promise.all(ids.slice(start, start + listParallelism).map((id) => infoOf(folder, id)));
      for (const info of some) {
        if (!info) continue;
        page.push(info);
        if (page.length < listing.pageSize) continue;
        yield page;
        page = [];
      }
    }
  }
  if (page.length > 0) yield page;
}

interface FolderIds {
  readonly folder: string;
  readonly ids: readonly string[];
}

async function* idsByFolder(layout: Layout, folders: Folders, listing: Listing): AsyncGenerator<FolderIds> {
  const top = layout.typeFolder(listing.type);
  if (!(await folders.exists(top))) return;
  const namesIn = async (folder: string): Promise<readonly string[]> =>
    (await namesOf(folder)).filter((name) => isObjectId(name) && name > listing.after).sort();
  if (listing.type !== 'data') {
    yield { folder: top, ids: await namesIn(top) };
    return;
  }
  const prefixes = (await namesOf(top)).filter((name) => /^[0-9a-f]{2}$/.test(name)).sort();
  for (const prefix of prefixes) {
    const folder = join(top, prefix);
    if (prefix < listing.after.slice(0, 2) || !(await folders.exists(folder))) continue;
    // A file in a folder that isn't its own can't be found by its name, so it is not an object.
    yield { folder, ids: (await namesIn(folder)).filter((id) => id.startsWith(prefix)) };
  }
}

async function namesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined for what is not a regular file, or has just been deleted. */
async function infoOf(folder: string, id: string): Promise<ObjectInfo | undefined> {
  try {
    const found = await lstat(join(folder, id));
    return found.isFile() ? { id, sizeBytes: found.size } : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
