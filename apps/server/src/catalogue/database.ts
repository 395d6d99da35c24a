import { toHoldfastError } from '@holdfast/core';
import { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from './migrations.ts';
import { PostgresTypes } from './portable-types.ts';
import { type PostgresPlace, postgresDialect } from './postgres.ts';
import type { Database } from './schema.ts';
import { SqliteDialect } from './sqlite-driver.ts';

/** Where the catalogue is. */
export type DatabasePlace =
  | { readonly kind: 'sqlite'; readonly path: string }
  | ({ readonly kind: 'postgres' } & PostgresPlace);

/** Opens the catalogue's database and brings it to the present schema. */
export async function openDatabase(place: DatabasePlace): Promise<Kysely<Database>> {
  const database = connectDatabase(place);
  try {
    const { error } = await migratorOf(database, place).migrateToLatest();
    if (error !== undefined) throw toHoldfastError(error);
    return database;
  } catch (error) {
    await database.destroy();
    throw error;
  }
}

/** The database as it is, whatever its schema. */
export function connectDatabase(place: DatabasePlace): Kysely<Database> {
  return new Kysely<Database>({
    dialect: place.kind === 'sqlite' ? new SqliteDialect(place.path) : postgresDialect(place),
  });
}

/** What brings its schema to another step. */
export function migratorOf(database: Kysely<Database>, place: DatabasePlace): Migrator {
  return new Migrator({
    db: place.kind === 'sqlite' ? database : database.withPlugin(new PostgresTypes()),
    provider: { getMigrations: async () => migrations },
  });
}
