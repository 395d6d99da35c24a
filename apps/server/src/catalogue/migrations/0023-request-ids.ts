import type { Kysely } from 'kysely';

/** The request that asked for a run: every process that works on it says it in its log. */
export async function requestIds(database: Kysely<unknown>): Promise<void> {
  // Null: nobody asked, the schedule or an agent began it.
  await database.schema.alterTable('runs').addColumn('requestId', 'text').execute();
}
