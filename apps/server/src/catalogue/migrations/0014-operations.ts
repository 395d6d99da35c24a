import { type Kysely, sql } from 'kysely';

/** Notifications with their queue, the export of the audit, and who made what is declared in a file. */
export async function operations(database: Kysely<unknown>): Promise<void> {
  const table = (name: string) =>
    database.schema.createTable(name).addColumn('tenant', 'text', (column) => column.notNull());
  await table('notificationSettings')
    .addColumn('settingsJson', 'text', (column) => column.notNull())
    .addColumn('changedAt', 'text', (column) => column.notNull())
    .addColumn('summarisedUntil', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('notificationSettingsKey', ['tenant'])
    .execute();
  await table('notificationSecrets')
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('sealed', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('notificationSecretsKey', ['tenant', 'name'])
    .execute();
  await table('notificationCauses')
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('causeJson', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('notificationCausesKey', ['tenant', 'id'])
    .execute();
  await table('notificationConditions')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('since', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('notificationConditionsKey', ['tenant', 'kind', 'subject'])
    .execute();
  await table('notifications')
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('destination', 'text', (column) => column.notNull())
    .addColumn('recipient', 'text')
    .addColumn('eventJson', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('dueAt', 'text', (column) => column.notNull())
    .addColumn('claim', 'text')
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('lastErrorJson', 'text')
    .addPrimaryKeyConstraint('notificationsKey', ['tenant', 'id'])
    .execute();
  await database.schema
    .createIndex('notificationsDue')
    .on('notifications')
    .columns(['tenant', 'state', 'dueAt'])
    .execute();
  await table('auditExports')
    .addColumn('settingsJson', 'text', (column) => column.notNull())
    .addColumn('changedAt', 'text', (column) => column.notNull())
    .addColumn('exported', 'integer', (column) => column.notNull())
    .addColumn('claim', 'text')
    .addColumn('claimedUntil', 'text', (column) => column.notNull())
    .addColumn('lastSentAt', 'text')
    .addColumn('errorJson', 'text')
    .addPrimaryKeyConstraint('auditExportsKey', ['tenant'])
    .execute();
  // Empty: somebody made it by hand. Else the name of the declaration (`holdfast apply`) that made it.
  await database.schema
    .alterTable('groups')
    .addColumn('managedBy', 'text', (column) => column.notNull().defaultTo(sql.lit('')))
    .execute();
}
