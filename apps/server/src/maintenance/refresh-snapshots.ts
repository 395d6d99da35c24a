import type { SnapshotFacts } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { loadRepository, type RepositoryRow } from '../repositories.ts';
import { unlistSnapshots } from '../runs/run-store.ts';
import type { RepositoryQueries } from './repository-queries.ts';

const pageEntries = 1_000;

/**
 * Makes the catalogue's list of a repository's snapshots agree with what is in it: another program may have added or removed some,
 * and a forget may have been cut off before it could tell. Nothing is unlisted when a snapshot cannot be read, because it would be
 * among those that are missing from the list.
 */
export async function refreshSnapshots(
  scope: TenantScope,
  queries: RepositoryQueries,
  o: { repositoryId: string; signal: AbortSignal },
): Promise<{ added: number; removed: number; unreadable: number }> {
  const { repositoryId, signal } = o;
  // Before the repository is looked into: what a backup adds meanwhile is not taken for removed.
  const listed = await scope.query
    .selectFrom('snapshots')
    .select('id')
    .where('repositoryId', '=', repositoryId)
    .execute();
  const present = new Map<string, SnapshotFacts>();
  let unreadable = 0;
  for (let after: string | undefined, more = true; more; ) {
    const query = { kind: 'snapshots', limit: pageEntries, ...(after === undefined ? {} : { after }) } as const;
    const page = await queries.ask<'snapshots'>(scope, { repositoryId, query, signal });
    for (const facts of page.answer.snapshots) present.set(facts.id, facts);
    unreadable += page.unreadable;
    after = page.answer.next;
    more = after !== undefined;
  }
  const known = new Set(listed.map(({ id }) => id));
  const gone = unreadable > 0 ? [] : [...known].filter((id) => !present.has(id));
  const found = [...present.values()].filter(({ id }) => !known.has(id));
  const repository = await loadRepository(scope, repositoryId);
  const agents = await agentsOf(scope, repository);
  await scope.transaction(async (inner) => {
    await unlistSnapshots(inner, repositoryId, gone);
    for (const facts of found) {
      const [agent, another] = agents.filter(({ hostname }) => hostname === facts.hostname);
      await inner.query
        .insertInto('snapshots')
        .values({
          id: facts.id,
          repositoryId,
          // Who made it is known only where one computer alone has that name. Else it is the repository's.
          agentId: agent && !another ? agent.id : repository.moverId,
          runId: null,
          hostname: facts.hostname,
          sourcesJson: JSON.stringify(facts.sources),
          tagsJson: JSON.stringify(facts.tags),
          takenAt: facts.takenAt,
          totalFiles: facts.totalFiles ?? 0,
          totalBytes: facts.totalBytes ?? 0,
          storedBytes: facts.storedBytes ?? 0,
        })
        .onConflict((conflict) => conflict.columns(['tenant', 'repositoryId', 'id']).doNothing())
        .execute();
    }
  });
  return { added: found.length, removed: gone.length, unreadable };
}

/**
 * The agents that are known to back up to a repository, and are of its group. Computers name themselves: another that takes one of
 * their names must not come by what others have put into a repository.
 */
async function agentsOf(
  { query }: TenantScope,
  { id, ownerId, groupName }: RepositoryRow,
): Promise<{ readonly id: string; readonly hostname: string }[]> {
  const running = query
    .selectFrom('runs')
    .select('agentId')
    .where('repositoryId', '=', id)
    .where('kind', '=', 'backup');
  const listed = query
    .selectFrom('snapshots')
    .select('agentId')
    .where('repositoryId', '=', id)
    .where('runId', 'is not', null);
  return query
    .selectFrom('computers')
    .select(['id', 'hostname'])
    .where('role', '=', 'agent')
    .where('groupName', '=', groupName)
    .where((row) => row.or([row('id', 'in', running), row('id', 'in', listed), row('id', '=', ownerId ?? '')]))
    .execute();
}
