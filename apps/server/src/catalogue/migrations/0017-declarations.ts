import { type Kysely, sql } from 'kysely';

/** Jobs and policies are declared in files as groups are, and standing grants of policies can be revoked. */
export async function declarations(database: Kysely<unknown>): Promise<void> {
  // As that of groups: empty, or the name of the declaration that it is of.
  await database.schema
    .alterTable('jobs')
    .addColumn('managedBy', 'text', (column) => column.notNull().defaultTo(sql.lit('')))
    .execute();
  await database.schema.alterTable('policyHandouts').addColumn('grantId', 'text').execute();
  await database.schema.alterTable('grants').addColumn('policyId', 'text').execute();
}
