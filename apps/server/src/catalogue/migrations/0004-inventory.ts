import { type Kysely, sql } from 'kysely';

/** Protection groups, out of the names that computers, tokens and repositories gave theirs, and the computers that they expect. */
export async function inventory(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('groups')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('exclusionsJson', 'text', (column) => column.notNull())
    .addColumn('csvFile', 'text')
    .addColumn('rescanAt', 'text')
    .addColumn('enabled', 'integer', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('nextRescanAt', 'text')
    .addColumn('lastRescanJson', 'text')
    .addPrimaryKeyConstraint('groupsKey', ['tenant', 'groupName'])
    .execute();
  await database.schema
    .createTable('expectedComputers')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('address', 'text')
    .addColumn('platform', 'text')
    .addColumn('comment', 'text')
    .addColumn('addedAt', 'text', (column) => column.notNull())
    .addColumn('noLongerListedAt', 'text')
    .addPrimaryKeyConstraint('expectedComputersKey', ['tenant', 'groupName', 'name'])
    .addForeignKeyConstraint('expectedComputersGroup', ['tenant', 'groupName'], 'groups', ['tenant', 'groupName'])
    .execute();

  const now = new Date().toISOString();
  await sql`insert into "groups" ("tenant", "groupName", "type", "exclusionsJson", "rescanAt", "enabled", "createdAt")
    select "tenant", "groupName", 'individual', '[]', '21:00', 1, ${sql.lit(now)} from (
      select "tenant", "groupName" from "computers" union select "tenant", "groupName" from "joinTokens"
      union select "tenant", "groupName" from "repositories" union select 'local', 'default') as "named"`.execute(
    database,
  );
  // The expected computers are looked for by name and by address.
  await sql`create index "computersByHostname" on "computers" ("tenant", lower("hostname"))`.execute(database);
  await database.schema.createIndex('computersByAddress').on('computers').columns(['tenant', 'address']).execute();
  await database.schema
    .createIndex('snapshotsByAgent')
    .on('snapshots')
    .columns(['tenant', 'agentId', 'takenAt'])
    .execute();
  await database.schema.createIndex('computersByGroup').on('computers').columns(['tenant', 'groupName']).execute();
}
