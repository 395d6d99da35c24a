import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { toHoldfastError } from '@holdfast/core';
import { Kysely, SqliteDialect, type SqliteStatement } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from './migrations.ts';
import { PostgresTypes } from './portable-types.ts';
import { type PostgresPlace, postgresDialect } from './postgres.ts';
import type { Database } from './schema.ts';

/** Another process (a backup, an administrator's shell) may hold the database for a moment. */
const busyTimeoutMs = 5_000;

/** To prepare a statement takes longer than most of them. There are some hundreds; those with long lists of values come once. */
const maxKeptStatements = 1_000;
const maxKeptStatementLength = 4_000;

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
    dialect: place.kind === 'sqlite' ? sqliteDialect(place.path) : postgresDialect(place),
  });
}

/** What brings its schema to another step. */
export function migratorOf(database: Kysely<Database>, place: DatabasePlace): Migrator {
  return new Migrator({
    db: place.kind === 'sqlite' ? database : database.withPlugin(new PostgresTypes()),
    provider: { getMigrations: async () => migrations },
  });
}

/** Mode of the file: that of its folder, 0700. */
function sqliteDialect(path: string): SqliteDialect {
  const sqlite = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  // FULL in WAL mode: a transaction is durable when it is committed, which is what the API reports.
  sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
  const kept = new Map<string, SqliteStatement>();
  return new SqliteDialect({
    database: {
      close: () => sqlite.close(),
      prepare: (sql) => {
        const known = kept.get(sql);
        if (known) return known;
        const prepared = statement(sqlite.prepare(sql));
        if (sql.length > maxKeptStatementLength) return prepared;
        if (kept.size >= maxKeptStatements) kept.clear();
        kept.set(sql, prepared);
        return prepared;
      },
    },
  });
}

/** What Kysely's SQLite dialect asks of a statement, on top of Node's. */
function statement(prepared: StatementSync): SqliteStatement {
  return {
    reader: prepared.columns().length > 0,
    all: (parameters) => prepared.all(...parameters.map(sqlValue)),
    run: (parameters) => prepared.run(...parameters.map(sqlValue)),
    iterate: (parameters) => prepared.iterate(...parameters.map(sqlValue)),
  };
}

function sqlValue(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`a value of type ${typeof value} can't be stored`);
}
