import type { Kysely } from 'kysely';

/** What is being changed, until the audit has it. */
export async function auditIntents(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('auditIntents')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('instance', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('entryJson', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('auditIntentsKey', ['tenant', 'id'])
    .execute();
}
