import type { Kysely } from 'kysely';

/** What happened in each run, and how fast it went. */
export async function runRecords(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('runLog')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('runId', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('level', 'text', (column) => column.notNull())
    .addColumn('process', 'text', (column) => column.notNull())
    .addColumn('writer', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('runLogKey', ['tenant', 'runId', 'number'])
    .execute();
  await database.schema
    .createTable('runStatistics')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('runId', 'text', (column) => column.notNull())
    .addColumn('statisticsJson', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('runStatisticsKey', ['tenant', 'runId'])
    .execute();
}
