import type { Kysely } from 'kysely';

/** Limits of what passes between addresses. */
export async function bandwidthRules(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('bandwidthRules')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('settingsJson', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('changedAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('bandwidthRulesKey', ['tenant', 'id'])
    .addUniqueConstraint('bandwidthRulesName', ['tenant', 'name'])
    .execute();
}
