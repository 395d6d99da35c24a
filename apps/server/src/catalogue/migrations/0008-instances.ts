import { type Kysely, sql } from 'kysely';

/** Several instances of the server on one catalogue: who lives, who has which agent and which run, and what must be the same. */
export async function instances(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('instances')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('beat', 'integer', (column) => column.notNull())
    .addColumn('startedAt', 'text', (column) => column.notNull())
    .execute();
  await database.schema
    .createTable('sharedFacts')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('value', 'text', (column) => column.notNull())
    .execute();

  await database.schema.alterTable('computers').addColumn('heldBy', 'text').execute();
  for (const name of ['heldBy', 'turn']) await database.schema.alterTable('runs').addColumn(name, 'text').execute();
  await database.schema
    .createIndex('runsInTurn')
    .unique()
    .on('runs')
    .columns(['tenant', 'turn'])
    .where(sql.ref('state'), '=', sql.lit('running'))
    .execute();
}
