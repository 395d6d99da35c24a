import { type Kysely, sql } from 'kysely';

/** Every table has the tenant in its primary key, and so every reference between tables stays within one tenant. */
export async function firstSchema(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('computers')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('platform', 'text', (column) => column.notNull())
    .addColumn('productVersion', 'text', (column) => column.notNull())
    .addColumn('portsJson', 'text', (column) => column.notNull())
    .addColumn('certificateSerial', 'text', (column) => column.notNull())
    .addColumn('certificateFingerprint', 'text', (column) => column.notNull())
    .addColumn('certificateExpiresAt', 'text', (column) => column.notNull())
    .addColumn('enrolledAt', 'text', (column) => column.notNull())
    .addColumn('lastSeenAt', 'text')
    .addColumn('revokedAt', 'text')
    .addPrimaryKeyConstraint('computersKey', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('certificates')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('serial', 'text', (column) => column.notNull().unique())
    .addColumn('computerId', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('keyHash', 'text', (column) => column.notNull())
    .addColumn('certificatePem', 'text', (column) => column.notNull())
    .addColumn('issuedAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addColumn('revokedAt', 'text')
    .addPrimaryKeyConstraint('certificatesKey', ['tenant', 'serial'])
    .addForeignKeyConstraint('certificatesComputer', ['tenant', 'computerId'], 'computers', ['tenant', 'id'])
    .execute();
  await database.schema
    .createIndex('certificatesByComputer')
    .on('certificates')
    .columns(['tenant', 'computerId'])
    .execute();

  await database.schema
    .createTable('joinTokens')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('tokenHash', 'text', (column) => column.notNull().unique())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addColumn('usesLeft', 'integer', (column) => column.notNull().check(sql`"usesLeft" >= 0`))
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('joinTokensKey', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('tokenUses')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('tokenHash', 'text', (column) => column.notNull())
    .addColumn('keyHash', 'text', (column) => column.notNull())
    .addColumn('computerId', 'text', (column) => column.notNull())
    .addColumn('serial', 'text', (column) => column.notNull())
    .addColumn('usedAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('tokenUsesKey', ['tenant', 'tokenHash', 'keyHash'])
    .addForeignKeyConstraint('tokenUsesComputer', ['tenant', 'computerId'], 'computers', ['tenant', 'id'])
    .addForeignKeyConstraint('tokenUsesCertificate', ['tenant', 'serial'], 'certificates', ['tenant', 'serial'])
    .execute();

  await database.schema
    .createTable('repositories')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('moverId', 'text', (column) => column.notNull())
    .addColumn('location', 'text', (column) => column.notNull())
    .addColumn('sealedPassword', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('initialisedAt', 'text')
    .addPrimaryKeyConstraint('repositoriesKey', ['tenant', 'id'])
    .addUniqueConstraint('repositoriesName', ['tenant', 'name'])
    .addForeignKeyConstraint('repositoriesMover', ['tenant', 'moverId'], 'computers', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('jobs')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('sourcesJson', 'text', (column) => column.notNull())
    .addColumn('excludesJson', 'text', (column) => column.notNull())
    .addColumn('oneFileSystem', 'integer', (column) => column.notNull())
    .addColumn('tagsJson', 'text', (column) => column.notNull())
    .addColumn('direction', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('jobsKey', ['tenant', 'id'])
    .addForeignKeyConstraint('jobsAgent', ['tenant', 'agentId'], 'computers', ['tenant', 'id'])
    .addForeignKeyConstraint('jobsRepository', ['tenant', 'repositoryId'], 'repositories', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('runs')
    .addColumn('sequence', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('jobId', 'text')
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('orderJson', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('sessionId', 'text', (column) => column.notNull())
    .addColumn('handedOver', 'integer', (column) => column.notNull())
    .addColumn('cancelRequested', 'integer', (column) => column.notNull())
    .addColumn('queuedAt', 'text', (column) => column.notNull())
    .addColumn('startedAt', 'text')
    .addColumn('endedAt', 'text')
    .addColumn('carrier', 'text')
    .addColumn('progressJson', 'text')
    .addColumn('resultJson', 'text')
    .addColumn('errorJson', 'text')
    .addColumn('problemsJson', 'text', (column) => column.notNull())
    .addColumn('problemCount', 'integer', (column) => column.notNull())
    .addColumn('degradationsJson', 'text', (column) => column.notNull())
    .addUniqueConstraint('runsId', ['tenant', 'id'])
    .addForeignKeyConstraint('runsAgent', ['tenant', 'agentId'], 'computers', ['tenant', 'id'])
    .addForeignKeyConstraint('runsRepository', ['tenant', 'repositoryId'], 'repositories', ['tenant', 'id'])
    .execute();
  await database.schema.createIndex('runsByState').on('runs').columns(['tenant', 'state', 'sequence']).execute();
  await database.schema.createIndex('runsByJob').on('runs').columns(['tenant', 'jobId', 'sequence']).execute();

  await database.schema
    .createTable('snapshots')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('runId', 'text', (column) => column.notNull())
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('sourcesJson', 'text', (column) => column.notNull())
    .addColumn('tagsJson', 'text', (column) => column.notNull())
    .addColumn('takenAt', 'text', (column) => column.notNull())
    .addColumn('totalFiles', 'integer', (column) => column.notNull())
    .addColumn('totalBytes', 'integer', (column) => column.notNull())
    .addColumn('storedBytes', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('snapshotsKey', ['tenant', 'repositoryId', 'id'])
    .addForeignKeyConstraint('snapshotsRepository', ['tenant', 'repositoryId'], 'repositories', ['tenant', 'id'])
    .addForeignKeyConstraint('snapshotsRun', ['tenant', 'runId'], 'runs', ['tenant', 'id'])
    .execute();
  await database.schema.createIndex('snapshotsByTime').on('snapshots').columns(['tenant', 'takenAt']).execute();

  await database.schema
    .createTable('audit')
    .addColumn('sequence', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('remoteAddress', 'text', (column) => column.notNull())
    .execute();
  await database.schema.createIndex('auditByTenant').on('audit').columns(['tenant', 'sequence']).execute();
}
