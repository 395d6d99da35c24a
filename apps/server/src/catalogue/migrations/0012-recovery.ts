import { type Kysely, sql } from 'kysely';

/** Recovery kits, which repositories have a key for them, and the configuration backups that are sealed to them. */
export async function recovery(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('recoveryKits')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('publicKey', 'text', (column) => column.notNull())
    .addColumn('sealedAuthKey', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('createdBy', 'text', (column) => column.notNull())
    .addColumn('confirmedAt', 'text')
    .addColumn('replacedAt', 'text')
    .addPrimaryKeyConstraint('recoveryKitsKey', ['tenant', 'id'])
    .execute();
  await database.schema
    .createIndex('recoveryKitInForce')
    .unique()
    .on('recoveryKits')
    .columns(['tenant'])
    .where(sql.ref('replacedAt'), 'is', null)
    .execute();
  await database.schema.alterTable('repositories').addColumn('kitId', 'text').execute();
  await database.schema
    .alterTable('repositories')
    .addColumn('formerKitKeys', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();

  await database.schema
    .createTable('configurationBackups')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('dueAt', 'text', (column) => column.notNull())
    .addColumn('startedAt', 'text', (column) => column.notNull())
    .addColumn('endedAt', 'text')
    .addColumn('kitId', 'text')
    .addColumn('name', 'text')
    .addColumn('bytes', 'integer')
    .addColumn('placesJson', 'text', (column) => column.notNull().defaultTo('[]'))
    .addColumn('errorJson', 'text')
    .addPrimaryKeyConstraint('configurationBackupsKey', ['tenant', 'id'])
    .addUniqueConstraint('configurationBackupsOnce', ['tenant', 'dueAt'])
    .execute();
}
