import type { Kysely } from 'kysely';

/** Computers that the server does not dial, and the tokens with which they join. */
export async function preinstalled(database: Kysely<unknown>): Promise<void> {
  for (const table of ['computers', 'joinTokens'])
    await database.schema
      .alterTable(table)
      .addColumn('preinstalled', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
}
