import type { Kysely } from 'kysely';

/** What the identity service hands out: grants, recovery tokens, and certificates for recoveries. */
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

  await database.schema
    .createTable('recoveryTokens')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('tokenMac', 'text', (column) => column.notNull().unique())
    .addColumn('note', 'text', (column) => column.notNull())
    .addColumn('scopeJson', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('usesLeft', 'integer', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addColumn('lastUsedAt', 'text')
    .addColumn('lastUsedFrom', 'text')
    .addColumn('revokedAt', 'text')
    .addPrimaryKeyConstraint('recoveryTokensKey', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('recoveryAccesses')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('tokenId', 'text')
    .addColumn('accountId', 'text')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('scopeJson', 'text', (column) => column.notNull())
    .addColumn('hostname', 'text', (column) => column.notNull())
    .addColumn('remoteAddress', 'text', (column) => column.notNull())
    .addColumn('serial', 'text', (column) => column.notNull().unique())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('keyHash', 'text', (column) => column.notNull())
    .addColumn('certificatePem', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addColumn('lastUsedAt', 'text')
    .addColumn('revokedAt', 'text')
    .addPrimaryKeyConstraint('recoveryAccessesKey', ['tenant', 'id'])
    .addUniqueConstraint('recoveryAccessesOnce', ['tenant', 'tokenId', 'keyHash'])
    .execute();
}
