import type { Kysely } from 'kysely';

/** Policies stand among the jobs, and who is in them among the members of jobs; what agents were handed stands by itself. */
export async function policies(database: Kysely<unknown>): Promise<void> {
  for (const table of ['jobs', 'jobMembers'])
    await database.schema
      .alterTable(table)
      .addColumn('kind', 'text', (column) => column.notNull().defaultTo('job'))
      .execute();
  await database.schema
    .createTable('policyHandouts')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('policyId', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('handedOutAt', 'text', (column) => column.notNull())
    .addColumn('grantExpiresAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('policyHandoutsKey', ['tenant', 'agentId', 'policyId', 'repositoryId'])
    .execute();
}
