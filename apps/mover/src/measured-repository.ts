import { join } from 'node:path';
import { systemClock } from '@holdfast/core';
import { openLocalDisk } from '@holdfast/storage';
import { measureTarget } from './usage.ts';

/** What the objects of a repository take, counted by listing them. Throws `repository.missing`. */
export async function measureRepository(
  root: string,
  o: { readonly tenant: string; readonly repository: string },
): Promise<{ usedBytes: number; objects: number }> {
  await using disk = await openLocalDisk({ path: join(root, o.tenant, o.repository), clock: systemClock });
  return await measureTarget(disk);
}
