import { HoldfastError, toHoldfastError } from '@holdfast/core';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Migrator } from 'kysely/migration';
import { loadedValuesAtOnce } from '../limits.ts';
import { connectDatabase, type DatabasePlace, migratorOf } from './database.ts';
import type { DumpedLine, DumpedValue } from './dump.ts';
import { keptTables } from './kept-tables.ts';
import { migrations } from './migrations.ts';
import type { Database } from './schema.ts';

/** What a dump of this program is of: the name of the last step of its schema. */
export const presentSchema = Object.keys(migrations).sort().at(-1) ?? '';

/** Tables whose rows get numbers from the database. */
const numbered = ['runs', 'audit'] as const;

/** The schema itself begins with a row here: the default group. */
const beginning = 'groups';

type AnyTables = Record<string, Record<string, DumpedValue>>;

/**
 * Fills an empty database with a dump, all or nothing, and brings it to the present schema. `settle` is done before it is committed.
 * @throws request.conflict when there is anything in the database; configuration.damaged for a dump of a newer program
 */
export async function loadCatalogue(
  place: DatabasePlace,
  o: {
    readonly schema: string;
    readonly lines: AsyncIterable<DumpedLine>;
    readonly settle: (transaction: Transaction<Database>) => Promise<void>;
  },
): Promise<{ rows: number }> {
  if (!Object.hasOwn(migrations, o.schema))
    throw new HoldfastError('configuration.damaged', {
      message: `The configuration backup is of schema ${o.schema.slice(0, 40)}, which this version does not know.`,
      guidance: 'Restore it with the version of Holdfast that made it, or with a later one.',
    });
  const database = connectDatabase(place);
  try {
    const migrator = migratorOf(database, place);
    await requireEmpty(database, { place, migrator, schema: o.schema });
    const { error } = await migrator.migrateTo(o.schema);
    if (error !== undefined) throw toHoldfastError(error);
    const rows = await database.transaction().execute(async (transaction) => {
      const count = await insertAll(transaction, o.lines, place.kind === 'postgres' ? storable : (value) => value);
      if (place.kind === 'postgres') await continueNumbers(transaction);
      return count;
    });
    const { error: later } = await migrator.migrateToLatest();
    if (later !== undefined) throw toHoldfastError(later);
    await database.transaction().execute(async (transaction) => {
      // Of a server that was started on it for a moment: the restored one has other keys.
      await (transaction as unknown as Transaction<AnyTables>).deleteFrom('sharedFacts').execute();
      await o.settle(transaction);
    });
    return { rows };
  } finally {
    await database.destroy();
  }
}

/** Tables may be there, as a server that was started for a moment or an attempt that failed leaves them, but nothing in them. */
async function requireEmpty(
  database: Kysely<Database>,
  o: { readonly place: DatabasePlace; readonly migrator: Migrator; readonly schema: string },
): Promise<void> {
  const conflict = (why: string): HoldfastError =>
    new HoldfastError('request.conflict', {
      message: `${o.place.kind === 'sqlite' ? o.place.path : 'The database'} ${why}: nothing was changed.`,
      guidance: 'Restore into an empty database; move the present one away if it is of no use.',
    });
  const steps = await o.migrator.getMigrations();
  if (steps.some(({ name, executedAt }) => executedAt !== undefined && name > o.schema))
    throw conflict('has the tables of a newer version');
  const present = new Set((await database.introspection.getTables()).map(({ name }) => name));
  for (const table of keptTables) {
    if (!present.has(table) || table === beginning) continue;
    const row = await database
      .selectFrom(table as keyof Database)
      .select('tenant')
      .limit(1)
      .executeTakeFirst();
    if (row) throw conflict(`holds ${table} already`);
  }
}

async function insertAll(
  transaction: Transaction<Database>,
  lines: AsyncIterable<DumpedLine>,
  stored: (value: DumpedValue) => DumpedValue,
): Promise<number> {
  const tables = transaction as unknown as Transaction<AnyTables>;
  await transaction.deleteFrom(beginning).execute();
  let into: { readonly table: string; readonly columns: readonly string[] } | undefined;
  let waiting: Record<string, DumpedValue>[] = [];
  let count = 0;
  const insert = async (): Promise<void> => {
    if (into && waiting.length > 0) await tables.insertInto(into.table).values(waiting).execute();
    count += waiting.length;
    waiting = [];
  };
  for await (const line of lines) {
    if ('table' in line) {
      await insert();
      if (!keptTables.includes(line.table)) throw unknownTable(line.table);
      into = line;
      continue;
    }
    const { columns } = into ?? { columns: [] };
    if (line.row.length !== columns.length || columns.length === 0) throw unknownTable(into?.table ?? '');
    waiting.push(Object.fromEntries(columns.map((column, at) => [column, stored(line.row[at] ?? null)])));
    if (waiting.length * columns.length >= loadedValuesAtOnce) await insert();
  }
  await insert();
  return count;
}

/** The database numbers on from the highest that was loaded; SQLite does so by itself. */
async function continueNumbers(transaction: Transaction<Database>): Promise<void> {
  for (const table of numbered)
    await sql`select setval(pg_get_serial_sequence(${`"${table}"`}, 'sequence'),
      (select coalesce(max("sequence"), 0) + 1 from ${sql.table(table)}), false)`.execute(transaction);
}

/** SQLite keeps texts with the character of number 0, PostgreSQL does not: one strange host name must not cost the whole catalogue. */
function storable(value: DumpedValue): DumpedValue {
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD') : value;
}

function unknownTable(table: string): HoldfastError {
  return new HoldfastError('configuration.damaged', {
    message: `The configuration backup has rows of ${JSON.stringify(table.slice(0, 60))} that do not fit.`,
  });
}
