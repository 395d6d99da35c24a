import type { TenantScope } from '../catalogue/catalogue.ts';
import { computersOf } from '../jobs/job-computers.ts';
import { RepositoryJobs } from '../jobs/repository-jobs.ts';
import { isZeroKnowledge, type RepositoryRow } from '../repositories.ts';

/**
 * How a computer gets at what it is to restore. `key`: it opens the repository by itself, with the key, which is faster. `executor`:
 * the repository's executor shows it the one snapshot, because the key would open what is of others as well.
 */
export type RestoreWay = 'key' | 'executor';

/** `key` only where all that is in the repository, and all that jobs and policies put there, is of that computer. */
export async function restoreWay(scope: TenantScope, repository: RepositoryRow, agentId: string): Promise<RestoreWay> {
  // It has the key already; in the zero-knowledge mode nobody else has.
  if (repository.executorId === agentId || isZeroKnowledge(repository)) return 'key';
  // Also what the caller may not see counts.
  const whole = scope.wholeTenant;
  const foreign = await whole.query
    .selectFrom('snapshots')
    .select('id')
    .where('repositoryId', '=', repository.id)
    .where('agentId', '!=', agentId)
    .limit(1)
    .executeTakeFirst();
  if (foreign) return 'executor';
  if (repository.ownerId !== null) return repository.ownerId === agentId ? 'key' : 'executor';
  const jobs = await RepositoryJobs.load(whole, repository.id);
  for (const settings of jobs.of(repository))
    if ((await computersOf(whole, settings)).some(({ id }) => id !== agentId)) return 'executor';
  return 'key';
}
