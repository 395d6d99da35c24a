import { type Kysely, sql } from 'kysely';

/** Repositories that an agent is the executor of, also those whose key only that computer has, and work in them that waits for it. */
export async function zeroKnowledge(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  // Null: the mover in front of it.
  await schema.alterTable('repositories').addColumn('executorId', 'text').execute();
  await schema
    .alterTable('repositories')
    .addColumn('zeroKnowledge', 'integer', (column) => column.notNull().defaultTo(sql.lit(0)))
    .execute();
  // A computer that comes to keep its key for itself gets another repository: the server knows the key of the first.
  await schema.dropIndex('repositoriesByOwner').execute();
  await schema
    .createIndex('repositoriesByOwner')
    .on('repositories')
    .columns(['tenant', 'moverId', 'ownerId', 'zeroKnowledge'])
    .unique()
    .execute();
  // Since when work that is due waits for the executor to be there.
  await schema.alterTable('maintenanceStates').addColumn('delayedSince', 'text').execute();
}
