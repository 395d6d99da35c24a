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
  o: {
    repositoryId: string;
    /** An administrator vouches for the names of computers: what is nobody's goes to the one agent that has its name. */
    trustNames?: boolean;
    signal: AbortSignal;
  },
): Promise<{ added: number; removed: number; unreadable: number; hostnames: readonly string[] }> {
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
  const agents = o.trustNames ? await allAgents(scope) : await agentsOf(scope, repository);
  const owners = new Map([...present.values()].map(({ hostname }) => [hostname, onlyAgentOf(agents, hostname)]));
  await scope.transaction(async (inner) => {
    await unlistSnapshots(inner, repositoryId, gone);
    for (const [hostname, agentId] of owners)
      if (o.trustNames && agentId !== undefined) await claimSnapshots(inner, { repositoryId, hostname, agentId });
    for (const facts of found) {
      await inner.query
        .insertInto('snapshots')
        .values({
          id: facts.id,
          repositoryId,
          // If nobody is known to have made it, it is the repository's.
          agentId: owners.get(facts.hostname) ?? repository.moverId,
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
  return { added: found.length, removed: gone.length, unreadable, hostnames: [...owners.keys()].sort() };
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

async function allAgents({ query }: TenantScope): Promise<{ readonly id: string; readonly hostname: string }[]> {
  return query
    .selectFrom('computers')
    .select(['id', 'hostname'])
    .where('role', '=', 'agent')
    .where('revokedAt', 'is', null)
    .execute();
}

/** Who made a snapshot is known only where one computer alone has that name. */
function onlyAgentOf(
  agents: readonly { readonly id: string; readonly hostname: string }[],
  hostname: string,
): string | undefined {
  const [agent, another] = agents.filter((one) => one.hostname === hostname);
  return another ? undefined : agent?.id;
}

/** Gives the agent what was listed as the mover's, or is of a computer that was revoked. */
async function claimSnapshots(
  { query }: TenantScope,
  o: { repositoryId: string; hostname: string; agentId: string },
): Promise<void> {
  const nobodys = query
    .selectFrom('computers')
    .select('id')
    .where((row) => row.or([row('role', '=', 'mover'), row('revokedAt', 'is not', null)]));
  await query
    .updateTable('snapshots')
    .set({ agentId: o.agentId })
    .where('repositoryId', '=', o.repositoryId)
    .where('hostname', '=', o.hostname)
    .where('agentId', 'in', nobodys)
    .execute();
}
