import { sql } from 'kysely';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { DatabasePlace } from '../catalogue/database.ts';
import { catalogueTables } from '../catalogue/kept-tables.ts';
import { maxCountedRows } from './limits.ts';

/** Which database it is, how far its schema is, and how much is in each table. Numbers, of all tenants, as the metrics are. */
export async function catalogueFacts(catalogue: Catalogue, place: DatabasePlace): Promise<Record<string, unknown>> {
  const database = catalogue.system;
  const isPostgres = place.kind === 'postgres';
  const version = isPostgres
    ? sql<{ value: string }>`select version() as value`
    : sql<{ value: string }>`select sqlite_version() as value`;
  const migrations = await sql<{
    name: string;
    timestamp: string;
  }>`select name, timestamp from kysely_migration order by name`.execute(database);
  const tables = [];
  for (const table of catalogueTables) {
    // Never all of a large one: the database answers others meanwhile.
    const some = sql`select 1 from ${sql.table(table)} limit ${sql.lit(maxCountedRows)}`;
    const { rows } = await sql<{ count: number }>`select count(*) as count from (${some}) as counted`.execute(database);
    const bytes = isPostgres
      ? (
          await sql<{ bytes: number }>`select pg_total_relation_size(quote_ident(${table})::regclass) as bytes`.execute(
            database,
          )
        ).rows
      : [];
    const count = Number(rows[0]?.count ?? 0);
    tables.push({
      ...{ table, rows: count, ...(count === maxCountedRows ? { orMore: true } : {}) },
      ...(bytes[0] ? { bytes: Number(bytes[0].bytes) } : {}),
    });
  }
  return {
    kind: place.kind,
    version: (await version.execute(database)).rows[0]?.value,
    ...(isPostgres ? {} : await fileFacts(catalogue)),
    migrations: migrations.rows.map(({ name, timestamp }) => ({ migration: name, at: timestamp })),
    tables,
  };
}

async function fileFacts(catalogue: Catalogue): Promise<Record<string, unknown>> {
  const pragma = async (name: 'page_count' | 'page_size' | 'freelist_count'): Promise<number> =>
    Number(
      Object.values(
        (await sql<Record<string, number>>`pragma ${sql.raw(name)}`.execute(catalogue.system)).rows[0] ?? {},
      )[0] ?? 0,
    );
  const pageBytes = await pragma('page_size');
  return { bytes: (await pragma('page_count')) * pageBytes, freeBytes: (await pragma('freelist_count')) * pageBytes };
}

/** How many there are of what, of a tenant. */
export async function countsOf({ query }: TenantScope): Promise<Record<string, unknown>> {
  const count = query.fn.countAll().as('count');
  const numbers = <Row extends { count: unknown }>(rows: readonly Row[]) =>
    rows.map((row) => ({ ...row, count: Number(row.count) }));
  return {
    computers: numbers(
      await query
        .selectFrom('computers')
        .groupBy(['role', 'platform', 'productVersion'])
        .select(['role', 'platform', 'productVersion', count])
        .execute(),
    ),
    revokedComputers: Number(
      (await query.selectFrom('computers').where('revokedAt', 'is not', null).select(count).executeTakeFirst())
        ?.count ?? 0,
    ),
    groups: numbers(await query.selectFrom('groups').groupBy('type').select(['type', count]).execute()),
    repositories: numbers(
      await query.selectFrom('repositories').groupBy('zeroKnowledge').select(['zeroKnowledge', count]).execute(),
    ),
    jobs: numbers(
      await query.selectFrom('jobs').groupBy(['kind', 'enabled']).select(['kind', 'enabled', count]).execute(),
    ),
    runs: numbers(await query.selectFrom('runs').groupBy(['kind', 'state']).select(['kind', 'state', count]).execute()),
    snapshots: numbers(await query.selectFrom('snapshots').select(count).execute()),
    accounts: numbers(await query.selectFrom('accounts').groupBy('role').select(['role', count]).execute()),
    bandwidthRules: numbers(await query.selectFrom('bandwidthRules').select(count).execute()),
  };
}
