import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, hasCode, systemClock } from '@holdfast/core';
import { type FoundRepository, kitPasswordIn, repositoryName } from '@holdfast/protocol';
import { openLocalDisk } from '@holdfast/storage';
import { maxFoundKeys, maxFoundRepositories } from './limits.ts';

/** What is in the storage of this mover, whoever put it there: a page of the repositories of a tenant, by name. */
export async function findRepositories(
  root: string,
  o: { readonly tenant: string; readonly after: string },
): Promise<{ repositories: FoundRepository[]; next?: string }> {
  const names = (await namesIn(join(root, o.tenant))).filter((name) => name > o.after).sort();
  const page = names.slice(0, maxFoundRepositories);
  const repositories: FoundRepository[] = [];
  for (const name of page) {
    const found = await lookAt(join(root, o.tenant, name));
    if (found) repositories.push({ name, ...found });
  }
  const last = page.at(-1);
  return { repositories, ...(names.length > page.length && last !== undefined ? { next: last } : {}) };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && repositoryName.safeParse(entry.name).success)
      .map(({ name }) => name);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined: the folder is no repository, or nothing was ever stored in it. */
async function lookAt(path: string): Promise<Omit<FoundRepository, 'name'> | undefined> {
  try {
    await using disk = await openLocalDisk({ path, clock: systemClock });
    if (!(await disk.stat({ type: 'config', id: '' }))) return undefined;
    const kitPasswords: FoundRepository['kitPasswords'] = [];
    for await (const page of disk.list('key', { pageSize: maxFoundKeys })) {
      for (const { id } of page) {
        const sealed = kitPasswordIn(await disk.read({ type: 'key', id }));
        if (sealed) kitPasswords.push(sealed);
      }
      break;
    }
    return { location: path, kitPasswords };
  } catch (error) {
    if (hasCode(error, 'repository.missing')) return undefined;
    throw error;
  }
}
