import type { Kysely } from 'kysely';

/** What the identity service hands out: grants. */
export async function identity(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('grants')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('mode', 'text', (column) => column.notNull())
    .addColumn('note', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addColumn('revokedAt', 'text')
    .addPrimaryKeyConstraint('grantsKey', ['tenant', 'id'])
    .addForeignKeyConstraint('grantsRepository', ['tenant', 'repositoryId'], 'repositories', ['tenant', 'id'])
    .execute();
}
