import type { Kysely } from 'kysely';

/** The OAuth and OpenID provider: its clients, its signing keys, and what it has to remember; and providers elsewhere. */
export async function oauth(database: Kysely<unknown>): Promise<void> {
  await database.schema.alterTable('credentials').addColumn('clientId', 'text').execute();

  await database.schema
    .createTable('oauthClients')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('redirectUrisJson', 'text', (column) => column.notNull())
    .addColumn('secretHash', 'text')
    .addColumn('role', 'text')
    .addColumn('groupsJson', 'text')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('oauthClientsKey', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('oauthKeys')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('sealedKey', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('oauthKeysKey', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('oauthArtifacts')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('model', 'text', (column) => column.notNull())
    .addColumn('idHash', 'text', (column) => column.notNull())
    .addColumn('uidHash', 'text')
    .addColumn('userCodeMac', 'text')
    .addColumn('credentialId', 'text')
    .addColumn('sealedPayload', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addColumn('consumedAt', 'text')
    .addPrimaryKeyConstraint('oauthArtifactsKey', ['tenant', 'model', 'idHash'])
    .execute();
  for (const column of ['uidHash', 'userCodeMac', 'credentialId', 'expiresAt'])
    await database.schema
      .createIndex(`oauthArtifactsBy${column.charAt(0).toUpperCase()}${column.slice(1)}`)
      .on('oauthArtifacts')
      .columns(['tenant', column])
      .execute();
  await database.schema
    .createIndex('oauthArtifactsByAge')
    .on('oauthArtifacts')
    .columns(['tenant', 'model', 'createdAt'])
    .execute();

  await database.schema
    .createTable('identityProviders')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('settingsJson', 'text', (column) => column.notNull())
    .addColumn('sealedSecret', 'text')
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('identityProvidersKey', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('outsideIdentities')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('providerId', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('accountId', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('outsideIdentitiesKey', ['tenant', 'id'])
    .addUniqueConstraint('outsideIdentitiesOnce', ['tenant', 'providerId', 'subject'])
    .addForeignKeyConstraint('outsideIdentitiesProvider', ['tenant', 'providerId'], 'identityProviders', [
      'tenant',
      'id',
    ])
    .execute();
}
