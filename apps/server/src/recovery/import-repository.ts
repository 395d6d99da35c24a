import { type Clock, HoldfastError } from '@holdfast/core';
import { type FoundRepository, foundRepositories, type Repository } from '@holdfast/protocol';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { ComputerRow } from '../computers/computers.ts';
import type { Movers } from '../computers/movers.ts';
import { maxImportedHosts } from '../limits.ts';
import { refreshSnapshots } from '../maintenance/refresh-snapshots.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import {
  loadRepository,
  placeRepository,
  type RepositoryRow,
  refuseZeroKnowledge,
  repositoryView,
} from '../repositories.ts';
import type { Vault } from '../vault.ts';

/** A page of what is in the storage of a mover. */
export async function storedRepositories(
  movers: Movers,
  o: { tenant: string; mover: ComputerRow; after?: string | undefined; signal: AbortSignal },
): Promise<{ repositories: FoundRepository[]; next?: string | undefined }> {
  const { tenant, mover, after, signal } = o;
  await movers.trust(tenant, mover, signal);
  const query = new URLSearchParams({ tenant, ...(after === undefined ? {} : { repository: after }) });
  return movers.links.request(mover, {
    method: 'GET',
    path: `/repositories?${query.toString()}`,
    answer: foundRepositories,
    signal,
  });
}

/**
 * Enters a repository that is in the storage of a mover, with its snapshots; one that is known is at this mover from now on. Its
 * password is proven by opening it, and nothing is changed when it does not open.
 * @throws repository.missing, repository.password
 */
export async function importRepository(
  scope: TenantScope,
  o: {
    readonly name: string;
    readonly mover: ComputerRow;
    readonly password: string | undefined;
    readonly group: string | undefined;
    readonly catalogue: Catalogue;
    readonly movers: Movers;
    readonly queries: RepositoryQueries;
    readonly vault: Vault;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<{ repository: Repository; entered: boolean; snapshots: number; unreadable: number; hostnames: string[] }> {
  const { name, mover, signal } = o;
  await requireStored(o.movers, { tenant: scope.tenant, name, mover, signal });
  const location = await placeRepository(o.movers, { tenant: scope.tenant, name, mover, signal });
  const known = await scope.query.selectFrom('repositories').selectAll().where('name', '=', name).executeTakeFirst();
  const id = known?.id ?? crypto.randomUUID();
  await (known ? moveTo(scope, known, { ...o, location }) : enter(scope, { ...o, id, location }));
  try {
    const whole = o.catalogue.tenant(scope.tenant);
    const found = await refreshSnapshots(whole, o.queries, { repositoryId: id, trustNames: true, signal });
    return {
      repository: repositoryView(await loadRepository(scope, id)),
      entered: !known,
      snapshots: found.added,
      unreadable: found.unreadable,
      hostnames: found.hostnames.slice(0, maxImportedHosts),
    };
  } catch (error) {
    if (known) await restoreRow(scope, known);
    else await scope.deleteFrom('repositories').where('id', '=', id).execute();
    throw error;
  }
}

/** Making the place would make an empty repository of a mistyped name. */
async function requireStored(
  movers: Movers,
  o: { tenant: string; name: string; mover: ComputerRow; signal: AbortSignal },
): Promise<void> {
  for (let after: string | undefined; ; ) {
    const page = await storedRepositories(movers, { ...o, after });
    if (page.repositories.some(({ name }) => name === o.name)) return;
    // A mover that comes back to the same names is not followed for ever.
    if (page.next === undefined || page.next > o.name || page.next <= (after ?? '')) break;
    after = page.next;
  }
  throw new HoldfastError('repository.missing', {
    message: `There is no repository ${o.tenant}/${o.name} in the storage of mover ${o.mover.hostname}.`,
  });
}

async function moveTo(
  { query, tenant }: TenantScope,
  known: RepositoryRow,
  o: { mover: ComputerRow; location: string; password: string | undefined; vault: Vault; clock: Clock },
): Promise<void> {
  // It belongs to its owner alone.
  if (o.password !== undefined) refuseZeroKnowledge(known, 'take its password');
  await query
    .updateTable('repositories')
    .set({
      moverId: o.mover.id,
      location: o.location,
      initialisedAt: known.initialisedAt ?? o.clock.now().toISOString(),
      ...(o.password === undefined
        ? {}
        : { sealedPassword: o.vault.seal(o.password, { tenant, repositoryId: known.id }) }),
    })
    .where('id', '=', known.id)
    .execute();
}

async function restoreRow({ query }: TenantScope, known: RepositoryRow): Promise<void> {
  const { id, moverId, location, initialisedAt, sealedPassword } = known;
  await query
    .updateTable('repositories')
    .set({ moverId, location, initialisedAt, sealedPassword })
    .where('id', '=', id)
    .execute();
}

async function enter(
  { query, tenant }: TenantScope,
  o: {
    id: string;
    name: string;
    group: string | undefined;
    mover: ComputerRow;
    location: string;
    password: string | undefined;
    vault: Vault;
    clock: Clock;
  },
): Promise<void> {
  if (o.password === undefined)
    throw new HoldfastError('repository.password', {
      message: `Repository ${o.name} is not known here: its password is needed.`,
      guidance: 'Give the words of the recovery kit, or the password itself.',
    });
  const now = o.clock.now().toISOString();
  await query
    .insertInto('repositories')
    .values({
      id: o.id,
      name: o.name,
      groupName: o.group ?? o.mover.groupName,
      moverId: o.mover.id,
      location: o.location,
      sealedPassword: o.vault.seal(o.password, { tenant, repositoryId: o.id }),
      createdAt: now,
      initialisedAt: now,
    })
    .execute();
}
