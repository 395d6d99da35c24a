import { HoldfastError } from '@holdfast/core';
import { placedRepository, type Repository, type Routes } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { z } from 'zod';
import type { TenantScope } from './catalogue/catalogue.ts';
import { holds, readPage, totalOf } from './catalogue/page.ts';
import type { RepositoriesTable } from './catalogue/schema.ts';
import { type ComputerRow, loadUsableComputer } from './computers/computers.ts';
import type { Movers } from './computers/movers.ts';
import { maxListedRows } from './limits.ts';
import type { Vault } from './vault.ts';

export type RepositoryRow = Selectable<RepositoriesTable>;

export function repositoryView(row: RepositoryRow): Repository {
  return {
    id: row.id,
    name: row.name,
    group: row.groupName,
    moverId: row.moverId,
    location: row.location,
    createdAt: row.createdAt,
    zeroKnowledge: isZeroKnowledge(row),
    ...(row.executorId === null ? {} : { executorId: row.executorId }),
    ...(row.ownerId === null ? {} : { ownerId: row.ownerId }),
    ...(row.usedBytes === null ? {} : { usedBytes: row.usedBytes }),
    ...(row.measuredAt === null ? {} : { measuredAt: row.measuredAt }),
    ...(row.initialisedAt === null ? {} : { initialisedAt: row.initialisedAt }),
  };
}

/** Whether only the computer that is its executor has the key. */
export function isZeroKnowledge({ zeroKnowledge }: Pick<RepositoryRow, 'zeroKnowledge'>): boolean {
  return zeroKnowledge === 1;
}

/** The password, for whoever is to open it; undefined in the zero-knowledge mode. */
export function passwordOf(
  row: Pick<RepositoryRow, 'tenant' | 'id' | 'sealedPassword' | 'zeroKnowledge'>,
  vault: Vault,
): string | undefined {
  const { tenant, id, sealedPassword } = row;
  return isZeroKnowledge(row) ? undefined : vault.open(sealedPassword, { tenant, repositoryId: id });
}

/** @throws zero-knowledge.server */
export function refuseZeroKnowledge(row: Pick<RepositoryRow, 'name' | 'zeroKnowledge'>, what: string): void {
  if (!isZeroKnowledge(row)) return;
  throw new HoldfastError('zero-knowledge.server', {
    message: `Repository ${row.name} is of the zero-knowledge mode: the server has no key for it, and can't ${what}.`,
  });
}

/** Who works in it. */
export function executorIdOf({ executorId, moverId }: Pick<RepositoryRow, 'executorId' | 'moverId'>): string {
  return executorId ?? moverId;
}

/** Throws `request.missing`, `channel.revoked`. */
export function loadExecutor(scope: TenantScope, row: RepositoryRow): Promise<ComputerRow> {
  return row.executorId === null
    ? loadUsableComputer(scope, row.moverId, 'mover')
    : loadUsableComputer(scope, row.executorId, 'agent');
}

/** Throws `request.missing`. */
export async function loadRepository(scope: TenantScope, id: string): Promise<RepositoryRow> {
  const [row] = await loadRepositories(scope, [id]);
  return requireRepository(row, id);
}

/** Those that there are. */
export async function loadRepositories({ query }: TenantScope, ids: readonly string[]): Promise<RepositoryRow[]> {
  return query.selectFrom('repositories').selectAll().where('id', 'in', ids).execute();
}

/** What `loadRepository` gives, or throws, of a row that was read. */
export function requireRepository(row: RepositoryRow | undefined, id: string): RepositoryRow {
  if (!row) throw new HoldfastError('request.missing', { message: `There is no repository ${id}.` });
  return row;
}

export async function listRepositories(scope: TenantScope): Promise<RepositoryRow[]> {
  return scope.query.selectFrom('repositories').selectAll().orderBy('createdAt').limit(maxListedRows).execute();
}

/** Columns that each order has; the last one makes it a total one. */
const orders = {
  created: { createdAt: 'text', id: 'text' },
  name: { name: 'text', id: 'text' },
  usedBytes: { usedBytes: 'number', id: 'text' },
} as const;

export async function pageOfRepositories(
  scope: TenantScope,
  o: z.output<Routes['repositories']['query']>,
): Promise<{ repositories: Repository[]; next?: string; total?: number }> {
  let query = scope.query.selectFrom('repositories').selectAll();
  const { text } = o;
  if (o.id !== undefined) query = query.where('id', '=', o.id);
  if (text !== undefined) query = query.where((row) => holds(row.ref('name'), text));
  if (o.group !== undefined) query = query.where('groupName', '=', o.group);
  if (o.moverId !== undefined) query = query.where('moverId', '=', o.moverId);
  // By what was never measured nothing can be ordered.
  if (o.measured !== undefined || o.sort === 'usedBytes')
    query = query.where('usedBytes', (o.measured ?? true) ? 'is not' : 'is', null);
  const sort = o.measured === false && o.sort === 'usedBytes' ? 'created' : o.sort;
  const page = { ...o, order: orders[sort], newestFirst: o.order === 'desc', view: repositoryView };
  const { items, ...rest } = await readPage(query, page);
  return { repositories: await withDelays(scope, items), ...rest, ...(await totalOf(query, o.total)) };
}

/** Work that is due in some of them and waits for their executors. */
async function withDelays({ query }: TenantScope, repositories: Repository[]): Promise<Repository[]> {
  const rows = await query
    .selectFrom('maintenanceStates')
    .select(['repositoryId', 'kind', 'delayedSince as since'])
    .where('delayedSince', 'is not', null)
    .where('repositoryId', 'in', ['', ...repositories.map(({ id }) => id)])
    .orderBy('kind')
    .execute();
  const delays = Map.groupBy(rows, ({ repositoryId }) => repositoryId);
  return repositories.map((repository) => ({
    ...repository,
    delayed: (delays.get(repository.id) ?? []).flatMap(({ kind, since }) => (since === null ? [] : { kind, since })),
  }));
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
