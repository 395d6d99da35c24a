import { HoldfastError } from '@holdfast/core';
import { type RecoveryScope, recoveryScope } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { readJson } from '../json-column.ts';

/**
 * Which backups a recovery may have. A repository's key opens all of it, so it is given only where what is named is all that is in it;
 * of other repositories the executor gives what is named, as it was.
 */

export function scopeOf(scopeJson: string): RecoveryScope {
  return readJson(recoveryScope, scopeJson, 'scopeJson');
}

/** The snapshots that the catalogue knows among them. */
export function recoverableSnapshots({ query }: TenantScope, scope: RecoveryScope) {
  return query
    .selectFrom('snapshots')
    .where((row) =>
      row.or([
        ...(scope.repositories.length > 0 ? [row('repositoryId', 'in', scope.repositories)] : []),
        ...(scope.computers.length > 0 ? [row('agentId', 'in', scope.computers)] : []),
        ...scope.snapshots.map((one) => row.and([row('repositoryId', '=', one.repositoryId), row('id', '=', one.id)])),
      ]),
    );
}

/** Throws `request.missing` for what is not there, or has no backup. */
export async function checkScope(scope: TenantScope, named: RecoveryScope): Promise<void> {
  for (const id of named.repositories) await requireRow(scope, 'repositories', id);
  for (const id of named.computers) await requireRow(scope, 'computers', id);
  const known = await recoverableSnapshots(scope, { ...named, repositories: [], computers: [] })
    .select(['repositoryId', 'id'])
    .execute();
  const missing = named.snapshots.find(
    (one) => !known.some(({ repositoryId, id }) => repositoryId === one.repositoryId && id === one.id),
  );
  if (missing) throw new HoldfastError('request.missing', { message: `There is no snapshot ${missing.id} there.` });
  const rows = await recoverableSnapshots(scope, named).select('repositoryId').distinct().execute();
  if (rows.length === 0 && named.repositories.length === 0)
    throw new HoldfastError('request.missing', { message: 'There is no backup of what is named.' });
}

/** Throws `auth.forbidden` unless the recovery may have the key of the repository: asked when it is made and at every grant. */
export async function checkRepository(scope: TenantScope, named: RecoveryScope, repositoryId: string): Promise<void> {
  if (named.repositories.includes(repositoryId)) return;
  const inIt = await scope.query
    .selectFrom('snapshots')
    .select('agentId')
    .where('repositoryId', '=', repositoryId)
    .distinct()
    .execute();
  const ofNamedSnapshots = await recoverableSnapshots(scope, { ...named, repositories: [], computers: [] })
    .select('agentId')
    .distinct()
    .execute();
  const allowed = new Set([...named.computers, ...ofNamedSnapshots.map(({ agentId }) => agentId)]);
  const shown = await recoverableSnapshots(scope, named)
    .select('id')
    .where('repositoryId', '=', repositoryId)
    .limit(1)
    .execute();
  if (shown.length > 0 && inIt.every(({ agentId }) => allowed.has(agentId))) return;
  throw new HoldfastError('auth.forbidden', {
    message: `Repository ${repositoryId} holds backups of other computers, and its key opens all of them.`,
    guidance:
      'Take the files without the key: `holdfast recovery download`. Or name the whole repository, or restore by the server.',
  });
}

/** Whether a snapshot is among those that the recovery may have: asked at every request. */
export async function isRecoverable(
  scope: TenantScope,
  named: RecoveryScope,
  o: { readonly repositoryId: string; readonly snapshotId: string },
): Promise<boolean> {
  const [row] = await recoverableSnapshots(scope, named)
    .select('id')
    .where('repositoryId', '=', o.repositoryId)
    .where('id', '=', o.snapshotId)
    .execute();
  return row !== undefined;
}

async function requireRow({ query }: TenantScope, table: 'repositories' | 'computers', id: string): Promise<void> {
  const row = await query.selectFrom(table).select('id').where('id', '=', id).executeTakeFirst();
  if (row) return;
  const what = table === 'computers' ? 'computer' : 'repository';
  throw new HoldfastError('request.missing', { message: `There is no ${what} ${id}.` });
}
