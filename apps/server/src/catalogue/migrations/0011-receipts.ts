import { type Kysely, PostgresAdapter, sql } from 'kysely';

/** Receipts of restore drills: a chain for each tenant, which the database itself refuses to change. */
export async function receipts(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('receipts')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('runId', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('snapshotId', 'text', (column) => column.notNull())
    .addColumn('drillJson', 'text', (column) => column.notNull())
    .addColumn('jws', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('receiptsNumber', ['tenant', 'number'])
    .execute();
  await database.schema
    .createIndex('receiptsByAgent')
    .on('receipts')
    .columns(['tenant', 'agentId', 'outcome', 'number'])
    .execute();
  await database.schema
    .createTable('receiptHeads')
    .addColumn('tenant', 'text', (column) => column.notNull().primaryKey())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  const statements =
    database.getExecutor().adapter instanceof PostgresAdapter
      ? [
          sql`create function "refuseReceiptChange"() returns trigger language plpgsql as
            'begin raise exception ''receipts are append-only''; end'`,
          sql`create trigger "receiptsAppendOnly" before update or delete or truncate on "receipts"
            for each statement execute function "refuseReceiptChange"()`,
        ]
      : [
          sql`create trigger "receiptsUpdate" before update on "receipts" begin
            select raise(abort, 'receipts are append-only'); end`,
          sql`create trigger "receiptsDelete" before delete on "receipts" begin
            select raise(abort, 'receipts are append-only'); end`,
        ];
  for (const statement of statements) await statement.execute(database);
}
