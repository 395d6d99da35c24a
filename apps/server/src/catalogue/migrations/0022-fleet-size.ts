import { type Kysely, sql } from 'kysely';

/** For thousands of computers: lists in their order, what each of them has, what movers are told, and sessions that were counted. */
export async function fleetSize(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema.createIndex('computersByTime').on('computers').columns(['tenant', 'enrolledAt', 'id']).execute();
  // Step 6 made the table anew and left out what step 4 had made.
  await schema.createIndex('snapshotsByAgent').on('snapshots').columns(['tenant', 'agentId', 'takenAt']).execute();
  await schema
    .createIndex('runsByRepository')
    .on('runs')
    .columns(['tenant', 'repositoryId', 'kind', 'state'])
    .execute();
  await schema
    .createIndex('certificatesRevoked')
    .on('certificates')
    .columns(['expiresAt', 'serial'])
    .where(sql.ref('revokedAt'), 'is not', null)
    .execute();
  await schema.alterTable('sessions').addColumn('totalsJson', 'text').execute();
}
