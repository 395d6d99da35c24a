import { HoldfastError } from '@holdfast/core';
import type { Repository } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from './catalogue/catalogue.ts';
import { type PageRequest, readPage } from './catalogue/page.ts';
import type { RepositoriesTable } from './catalogue/schema.ts';
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
