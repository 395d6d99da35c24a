import { HoldfastError } from '@holdfast/core';
import { sql, type Transaction } from 'kysely';
import { dumpedRowsAtOnce } from '../limits.ts';
import { connectDatabase, type DatabasePlace } from './database.ts';
import { keptTables } from './kept-tables.ts';
import type { Database } from './schema.ts';

/** What the rows after it are of, or a row. Both databases give the same, so that a dump of one may be loaded into the other. */
export type DumpedLine =
  | { readonly table: string; readonly columns: readonly string[] }
  | { readonly row: readonly DumpedValue[] };
export type DumpedValue = string | number | null;

type AnyRow = Readonly<Record<string, unknown>>;

/** Everything that is to be kept, as it was at one moment, whatever is written meanwhile. */
export async function* dumpCatalogue(place: DatabasePlace): AsyncGenerator<DumpedLine> {
  const database = connectDatabase(place);
  try {
    // One snapshot for all tables; to SQLite the level means nothing, as each transaction there sees one.
    const transaction = await database.startTransaction().setIsolationLevel('repeatable read').execute();
    try {
      const rowsOf = place.kind === 'sqlite' ? sqliteRows : postgresRows;
      for (const table of keptTables) {
        let columns: readonly string[] | undefined;
        for await (const row of rowsOf(transaction, table)) {
          if (!columns) {
            columns = Object.keys(row).sort();
            yield { table, columns };
          }
          yield { row: columns.map((column) => dumpedValue(row[column], `${table}.${column}`)) };
        }
      }
    } finally {
      await transaction.rollback().execute();
    }
  } finally {
    await database.destroy();
  }
}

function sqliteRows(transaction: Transaction<Database>, table: string): AsyncIterable<AnyRow> {
  return transaction
    .selectFrom(table as keyof Database)
    .selectAll()
    .stream();
}

/** By a cursor: the driver would hold a whole table. */
async function* postgresRows(transaction: Transaction<Database>, table: string): AsyncGenerator<AnyRow> {
  await sql`declare "dumped" no scroll cursor for select * from ${sql.table(table)}`.execute(transaction);
  for (;;) {
    const { rows } = await sql<AnyRow>`fetch ${sql.lit(dumpedRowsAtOnce)} from "dumped"`.execute(transaction);
    yield* rows;
    if (rows.length < dumpedRowsAtOnce) break;
  }
  await sql`close "dumped"`.execute(transaction);
}

function dumpedValue(value: unknown, where: string): DumpedValue {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  throw new HoldfastError('internal.unexpected', { message: `${where} holds a ${typeof value}, which is not kept.` });
}
