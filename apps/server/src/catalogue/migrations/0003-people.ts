import { auditHash, firstAuditHash } from '@holdfast/protocol';
import { type Kysely, PostgresAdapter, sql } from 'kysely';

/** Accounts and what they sign in with, approvals, the audit as a chain, and the group that a repository belongs to. */
export async function people(database: Kysely<unknown>): Promise<void> {
  await accountTables(database);
  await database.schema
    .alterTable('repositories')
    .addColumn('groupName', 'text', (column) => column.notNull().defaultTo('default'))
    .execute();
  await sql`update "repositories" set "groupName" = (select "groupName" from "computers"
    where "computers"."tenant" = "repositories"."tenant" and "computers"."id" = "repositories"."moverId")`.execute(
    database,
  );
  await chainAudit(database);
}

async function accountTables(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('accounts')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('displayName', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('groupsJson', 'text')
    .addColumn('passwordHash', 'text', (column) => column.notNull())
    .addColumn('passwordChangeDue', 'integer', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('lastSignInAt', 'text')
    .addColumn('disabledAt', 'text')
    .addPrimaryKeyConstraint('accountsKey', ['tenant', 'id'])
    .addUniqueConstraint('accountsName', ['tenant', 'name'])
    .execute();

  await database.schema
    .createTable('credentials')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('tokenHash', 'text', (column) => column.notNull().unique())
    .addColumn('accountId', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('role', 'text')
    .addColumn('groupsJson', 'text')
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('lastUsedAt', 'text', (column) => column.notNull())
    .addColumn('idleExpiresAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addColumn('secondFactorAt', 'text')
    .addColumn('challenge', 'text')
    .addColumn('remoteAddress', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('credentialsKey', ['tenant', 'id'])
    .addForeignKeyConstraint('credentialsAccount', ['tenant', 'accountId'], 'accounts', ['tenant', 'id'])
    .execute();
  await database.schema
    .createIndex('credentialsByAccount')
    .on('credentials')
    .columns(['tenant', 'accountId'])
    .execute();

  await database.schema
    .createTable('secondFactors')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('accountId', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('sealedSecret', 'text')
    .addColumn('lastStep', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('credentialId', 'text')
    .addColumn('publicKey', 'text')
    .addColumn('signCount', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('confirmedAt', 'text')
    .addPrimaryKeyConstraint('secondFactorsKey', ['tenant', 'id'])
    .addUniqueConstraint('secondFactorsCredential', ['tenant', 'credentialId'])
    .addForeignKeyConstraint('secondFactorsAccount', ['tenant', 'accountId'], 'accounts', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('recoveryCodes')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('accountId', 'text', (column) => column.notNull())
    .addColumn('codeHash', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('recoveryCodesKey', ['tenant', 'accountId', 'codeHash'])
    .addForeignKeyConstraint('recoveryCodesAccount', ['tenant', 'accountId'], 'accounts', ['tenant', 'id'])
    .execute();

  await database.schema
    .createTable('approvals')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('route', 'text', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('shownJson', 'text', (column) => column.notNull())
    .addColumn('sealedRequest', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('accountId', 'text')
    .addColumn('tokenId', 'text')
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('expiresAt', 'text', (column) => column.notNull())
    .addColumn('decidedBy', 'text')
    .addColumn('decidedAt', 'text')
    .addColumn('errorJson', 'text')
    .addPrimaryKeyConstraint('approvalsKey', ['tenant', 'id'])
    .execute();
  await database.schema.createIndex('approvalsByTime').on('approvals').columns(['tenant', 'createdAt']).execute();
}

/** As the audit stands between these two steps of the migration. */
interface AuditTables {
  audit: {
    tenant: string;
    sequence: number;
    number: number;
    at: string;
    actor: string;
    action: string;
    subject: string;
    outcome: 'done';
    remoteAddress: string;
    requestId: string;
    detailsJson: string;
    previousHash: string;
    hash: string;
  };
  auditHeads: { tenant: string; number: number; hash: string };
}

async function chainAudit(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .alterTable('audit')
    .addColumn('number', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  for (const [name, value] of Object.entries({
    outcome: 'done',
    requestId: '',
    detailsJson: '{}',
    previousHash: '',
    hash: '',
  }))
    await database.schema
      .alterTable('audit')
      .addColumn(name, 'text', (column) => column.notNull().defaultTo(value))
      .execute();
  await database.schema
    .createTable('auditHeads')
    .addColumn('tenant', 'text', (column) => column.notNull().primaryKey())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await chainOldRecords(database);
  await database.schema.createIndex('auditByNumber').unique().on('audit').columns(['tenant', 'number']).execute();
  await refuseChanges(database);
}

/** What was written before there was a chain is in it as it is found now. */
async function chainOldRecords(database: Kysely<AuditTables>): Promise<void> {
  const heads = new Map<string, { number: number; hash: string }>();
  for await (const row of oldRecords(database)) {
    const head = heads.get(row.tenant) ?? { number: 0, hash: firstAuditHash };
    const { at, actor, action, subject, outcome, remoteAddress, requestId } = row;
    const number = head.number + 1;
    const record = { number, at, actor, action, subject, outcome, remoteAddress, requestId, details: {} };
    const hash = auditHash(row.tenant, head.hash, record);
    await database
      .updateTable('audit')
      .set({ number, previousHash: head.hash, hash })
      .where('sequence', '=', row.sequence)
      .execute();
    heads.set(row.tenant, { number, hash });
  }
  for (const [tenant, head] of heads)
    await database
      .insertInto('auditHeads')
      .values({ tenant, ...head })
      .execute();
}

/** A page at a time: there may be more than memory holds. */
async function* oldRecords(database: Kysely<AuditTables>) {
  let after = 0;
  for (;;) {
    const rows = await database
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(1000)
      .execute();
    yield* rows;
    const last = rows.at(-1);
    if (!last) return;
    after = last.sequence;
  }
}

/** The database itself refuses to change or delete a record. */
async function refuseChanges(database: Kysely<unknown>): Promise<void> {
  const statements =
    database.getExecutor().adapter instanceof PostgresAdapter
      ? [
          sql`create function "refuseAuditChange"() returns trigger language plpgsql as
            'begin raise exception ''the audit log is append-only''; end'`,
          sql`create trigger "auditAppendOnly" before update or delete or truncate on "audit"
            for each statement execute function "refuseAuditChange"()`,
        ]
      : [
          sql`create trigger "auditUpdate" before update on "audit" begin
            select raise(abort, 'the audit log is append-only'); end`,
          sql`create trigger "auditDelete" before delete on "audit" begin
            select raise(abort, 'the audit log is append-only'); end`,
        ];
  for (const statement of statements) await statement.execute(database);
}
