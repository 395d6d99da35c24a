import { type Kysely, PostgresAdapter, sql } from 'kysely';

/**
 * What lists are ordered by: jobs by their name, which the settings have too, and hundreds of thousands of runs by their end and sizes.
 * And which run of a kind was the last one of a repository, among all its backups.
 */
export async function listOrders(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .alterTable('jobs')
    .addColumn('name', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
  const name = isPostgres ? sql`"settingsJson"::json ->> 'name'` : sql`json_extract("settingsJson", '$.name')`;
  await sql`update "jobs" set "name" = ${name}`.execute(database);
  await schema.createIndex('jobsByName').on('jobs').columns(['tenant', 'kind', 'name', 'id']).execute();
  await schema
    .createIndex('runsOfRepositoryByKind')
    .on('runs')
    .columns(['tenant', 'repositoryId', 'kind', 'sequence'])
    .execute();
  // Only of what has ended: the progress of thousands that run changes none of these.
  for (const [index, column] of [
    ['runsByEndAlone', 'endedAt'],
    ['runsByProcessed', 'processedBytes'],
    ['runsByStored', 'storedBytes'],
  ] as const)
    await schema
      .createIndex(index)
      .on('runs')
      .columns(['tenant', column, 'sequence'])
      .where(sql.ref('endedAt'), 'is not', null)
      .execute();
}
