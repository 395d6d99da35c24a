import { type Kysely, sql } from 'kysely';

/**
 * What is done in repositories by itself: settings, and when each kind of work was looked at.
 * Snapshots no longer need a run: some are found in a repository, and runs are forgotten after a time.
 */
export async function maintenance(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .alterTable('repositories')
    .addColumn('maintenanceJson', 'text', (column) => column.notNull().defaultTo('{}'))
    .execute();

  await database.schema
    .createTable('maintenanceStates')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('since', 'text', (column) => column.notNull())
    .addColumn('part', 'integer', (column) => column.notNull())
    .addColumn('lastRunId', 'text')
    .addPrimaryKeyConstraint('maintenanceStatesKey', ['tenant', 'repositoryId', 'kind'])
    .addForeignKeyConstraint('maintenanceStatesRepository', ['tenant', 'repositoryId'], 'repositories', [
      'tenant',
      'id',
    ])
    .execute();

  // Neither database can take a constraint of SQLite away: the table is made anew.
  const columns = [
    ...['tenant', 'id', 'repositoryId', 'agentId', 'runId', 'hostname'],
    ...['sourcesJson', 'tagsJson', 'takenAt', 'totalFiles', 'totalBytes', 'storedBytes'],
  ].map((name) => sql.ref(name));
  await database.schema
    .createTable('newSnapshots')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('runId', 'text')
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('sourcesJson', 'text', (column) => column.notNull())
    .addColumn('tagsJson', 'text', (column) => column.notNull())
    .addColumn('takenAt', 'text', (column) => column.notNull())
    .addColumn('totalFiles', 'integer', (column) => column.notNull())
    .addColumn('totalBytes', 'integer', (column) => column.notNull())
    .addColumn('storedBytes', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('snapshotsId', ['tenant', 'repositoryId', 'id'])
    .addForeignKeyConstraint('snapshotsPlace', ['tenant', 'repositoryId'], 'repositories', ['tenant', 'id'])
    .execute();
  await sql`insert into ${sql.table('newSnapshots')} (${sql.join(columns)}) select ${sql.join(columns)} from ${sql.table('snapshots')}`.execute(
    database,
  );
  await database.schema.dropTable('snapshots').execute();
  await database.schema.alterTable('newSnapshots').renameTo('snapshots').execute();
  await database.schema.createIndex('snapshotsByTime').on('snapshots').columns(['tenant', 'takenAt']).execute();
}
