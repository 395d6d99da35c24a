import { HoldfastError } from '@holdfast/core';
import type { TenantScope } from './catalogue.ts';

/** In a repository of several computers the caller may see the backups of some. @throws snapshot.missing */
export async function requireSnapshot(scope: TenantScope, o: { id: string; snapshotId: string }): Promise<void> {
  const found = await scope.query
    .selectFrom('snapshots')
    .select('id')
    .where('repositoryId', '=', o.id)
    .where('id', '=', o.snapshotId)
    .executeTakeFirst();
  if (found) return;
  throw new HoldfastError('snapshot.missing', {
    message: `No snapshot ${o.snapshotId} is listed in that repository.`,
    guidance: 'Refresh the list of the repository when another program may have made it.',
  });
}
