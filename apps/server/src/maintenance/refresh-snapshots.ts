import { HoldfastError } from '@holdfast/core';
import type { SnapshotFacts } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { maxHostnameCharacters, maxRefreshedSnapshots } from '../limits.ts';
import { isZeroKnowledge, loadExecutor, loadRepository, type RepositoryRow } from '../repositories.ts';
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
  queries: Pick<RepositoryQueries, 'ask'>,
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
  const known = new Set(listed.map(({ id }) => id));
  const present = new Set<string>();
  const found: SnapshotFacts[] = [];
  const hostnames = new Set<string>();
  const repository = await loadRepository(scope, repositoryId);
  // Where names are not told, all is of the one computer that has the key.
  const own = isZeroKnowledge(repository) ? await loadExecutor(scope, repository) : undefined;
  let unreadable = 0;
  for (let after: string | undefined, more = true; more; ) {
    const query = { kind: 'snapshots', limit: pageEntries, ...(after === undefined ? {} : { after }) } as const;
    const page = await queries.ask<'snapshots'>(scope, { repositoryId, query, signal });
    for (const facts of page.answer.snapshots) {
      const hostname = own?.hostname ?? storedName(facts.hostname);
      hostnames.add(hostname);
      if (!known.has(facts.id) && !present.has(facts.id)) found.push({ ...facts, hostname });
      present.add(facts.id);
    }
    unreadable += page.unreadable;
    const { next } = page.answer;
    if (present.size > maxRefreshedSnapshots || (next !== undefined && next <= (after ?? '')))
      throw new HoldfastError('internal.limit', {
        message: `The list of snapshots that the executor gives does not end: ${present.size} until now.`,
      });
    after = next;
    more = after !== undefined;
  }
  const gone = unreadable > 0 ? [] : [...known].filter((id) => !present.has(id));
  const owners = own
    ? new Map([[own.hostname, own.id]])
    : await ownersOf(scope, repository, { hostnames, trustNames: o.trustNames ?? false });
  await scope.transaction(async (inner) => {
    await unlistSnapshots(inner, repositoryId, gone);
    if (o.trustNames)
      for (const [hostname, agentId] of owners) await claimSnapshots(inner, { repositoryId, hostname, agentId });
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
  return { added: found.length, removed: gone.length, unreadable, hostnames: [...hostnames].sort() };
}

/** As the catalogue keeps it, on whatever database. */
function storedName(hostname: string): string {
  return hostname.replaceAll('\0', '\uFFFD').slice(0, maxHostnameCharacters).toWellFormed();
}

/**
 * Who made the snapshots of each name: the one agent that has it, if it is known to back up to the repository. Computers name
 * themselves: another that takes one of their names, be it in another group or of one that was revoked, must not come by what others
 * have put into a repository. Where names are trusted it is the one that has joined.
 */
async function ownersOf(
  scope: TenantScope,
  repository: RepositoryRow,
  { hostnames, trustNames }: { readonly hostnames: ReadonlySet<string>; readonly trustNames: boolean },
): Promise<ReadonlyMap<string, string>> {
  const agents = scope.query.selectFrom('computers').select(['id', 'hostname']).where('role', '=', 'agent');
  const named = Map.groupBy(
    await (trustNames ? agents.where('revokedAt', 'is', null) : agents).execute(),
    ({ hostname }) => storedName(hostname),
  );
  const known = trustNames ? undefined : await agentsOf(scope, repository);
  const owners = new Map<string, string>();
  for (const hostname of hostnames) {
    const [agent, another] = named.get(hostname) ?? [];
    if (agent && !another && (known?.has(agent.id) ?? true)) owners.set(hostname, agent.id);
  }
  return owners;
}

/** The agents that are known to back up to a repository, and are of its group. */
async function agentsOf(
  { query }: TenantScope,
  { id, ownerId, groupName }: RepositoryRow,
): Promise<ReadonlySet<string>> {
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
  const rows = await query
    .selectFrom('computers')
    .select('id')
    .where('role', '=', 'agent')
    .where('groupName', '=', groupName)
    .where((row) => row.or([row('id', 'in', running), row('id', 'in', listed), row('id', '=', ownerId ?? '')]))
    .execute();
  return new Set(rows.map((row) => row.id));
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
