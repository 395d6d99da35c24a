import { HoldfastError } from '@holdfast/core';
import { placedRepository, type Repository } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from './catalogue/catalogue.ts';
import { type PageRequest, readPage } from './catalogue/page.ts';
import type { RepositoriesTable } from './catalogue/schema.ts';
import type { ComputerRow } from './computers/computers.ts';
import type { Movers } from './computers/movers.ts';
import { maxListedRows } from './limits.ts';

export type RepositoryRow = Selectable<RepositoriesTable>;

export function repositoryView(row: RepositoryRow): Repository {
  return {
    id: row.id,
    name: row.name,
    group: row.groupName,
    moverId: row.moverId,
    location: row.location,
    createdAt: row.createdAt,
    ...(row.initialisedAt === null ? {} : { initialisedAt: row.initialisedAt }),
  };
}

/** Throws `request.missing`. */
export async function loadRepository(scope: TenantScope, id: string): Promise<RepositoryRow> {
  const row = await scope.query.selectFrom('repositories').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no repository ${id}.` });
  return row;
}

export async function listRepositories(scope: TenantScope): Promise<RepositoryRow[]> {
  return scope.query.selectFrom('repositories').selectAll().orderBy('createdAt').limit(maxListedRows).execute();
}

/** A page of the list, oldest first. */
export async function pageOfRepositories(
  scope: TenantScope,
  o: PageRequest,
): Promise<{ repositories: Repository[]; next?: string }> {
  const query = scope.query.selectFrom('repositories').selectAll();
  const order = { createdAt: 'text', id: 'text' } as const;
  const { items, ...rest } = await readPage(query, { ...o, order, view: repositoryView });
  return { repositories: items, ...rest };
}

/** Makes the place for a repository at its mover; where it is. Repeating it is harmless. */
export async function placeRepository(
  movers: Movers,
  o: { tenant: string; name: string; mover: ComputerRow; signal: AbortSignal },
): Promise<string> {
  const { tenant, name, mover, signal } = o;
  await movers.trust(tenant, mover, signal);
  const placed = await movers.links.request(mover, {
    method: 'POST',
    path: '/repositories',
    body: { tenant, repository: name },
    answer: placedRepository,
    signal,
  });
  return placed.location;
}

/** The repository with its place at the mover: one that belongs to a computer gets it when it is needed first. */
export async function loadPlacedRepository(
  scope: TenantScope,
  movers: Movers,
  o: { id: string; mover: ComputerRow; signal: AbortSignal },
): Promise<RepositoryRow> {
  const row = await loadRepository(scope, o.id);
  if (row.location !== '') return row;
  const { mover, signal } = o;
  const location = await placeRepository(movers, { tenant: scope.tenant, name: row.name, mover, signal });
  await scope.query.updateTable('repositories').set({ location }).where('id', '=', row.id).execute();
  return { ...row, location };
}
