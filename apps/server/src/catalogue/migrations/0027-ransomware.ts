import { type Kysely, sql } from 'kysely';

/** What the comparison of backups with earlier ones has found, and of each backup whether it is to be compared, and with which. */
export async function ransomware({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('ransomwareAlerts')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('raisedAt', 'text', (column) => column.notNull())
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('snapshotId', 'text', (column) => column.notNull())
    .addColumn('comparedWith', 'text', (column) => column.notNull())
    .addColumn('findingsJson', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('settledAt', 'text')
    .addColumn('settledBy', 'text')
    .addPrimaryKeyConstraint('ransomwareAlertsKey', ['tenant', 'id'])
    .execute();
  for (const [name, ...columns] of [
    ['ransomwareAlertsByTime', 'raisedAt', 'id'],
    ['ransomwareAlertsByState', 'state', 'raisedAt'],
    ['ransomwareAlertsByAgent', 'agentId', 'raisedAt'],
  ] as const)
    await schema
      .createIndex(name)
      .on('ransomwareAlerts')
      .columns(['tenant', ...columns])
      .execute();
  // Empty for what was there before: backups from now on are compared with each other.
  for (const name of ['listedAt', 'backupSet'])
    await schema
      .alterTable('snapshots')
      .addColumn(name, 'text', (column) => column.notNull().defaultTo(''))
      .execute();
  for (const name of ['newFiles', 'analysisDue'])
    await schema
      .alterTable('snapshots')
      .addColumn(name, 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
  await schema
    .createIndex('snapshotsByListing')
    .on('snapshots')
    .columns(['tenant', 'repositoryId', 'agentId', 'listedAt'])
    .execute();
  await schema
    .createIndex('snapshotsToAnalyse')
    .on('snapshots')
    .columns(['tenant', 'repositoryId'])
    .where(sql.ref('analysisDue'), '=', sql.lit(1))
    .execute();
}
