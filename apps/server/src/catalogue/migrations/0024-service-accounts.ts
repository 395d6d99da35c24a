import type { Kysely } from 'kysely';

/** Accounts of machines, which prove themselves with certificates. */
export async function serviceAccounts(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('serviceAccounts')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('role', 'text')
    .addColumn('groupsJson', 'text')
    .addColumn('grantsJson', 'text')
    .addColumn('computerId', 'text')
    .addColumn('certificatesJson', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('lastTokenAt', 'text')
    .addColumn('lastTokenFrom', 'text')
    .addPrimaryKeyConstraint('serviceAccountsKey', ['tenant', 'id'])
    .addUniqueConstraint('serviceAccountsName', ['tenant', 'name'])
    .addForeignKeyConstraint('serviceAccountsComputer', ['tenant', 'computerId'], 'computers', ['tenant', 'id'])
    .execute();
}
