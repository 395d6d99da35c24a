import type { Kysely } from 'kysely';

/** Requests that are done once however often they come, with their answers. */
export async function idempotency(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('idempotentRequests')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('requestHash', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('sealedAnswer', 'text')
    .addPrimaryKeyConstraint('idempotentRequestsKey', ['tenant', 'id'])
    .execute();
  await database.schema
    .createIndex('idempotentRequestsByTime')
    .on('idempotentRequests')
    .columns(['tenant', 'at'])
    .execute();
}
