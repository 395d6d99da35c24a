import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { openSqliteCatalogue, testCatalogue } from '../testing/test-database.ts';
import type { Catalogue } from './catalogue.ts';
import type { Database } from './schema.ts';

/** What belongs to the installation: who shares the catalogue, and what the migrations keep for themselves. */
const withoutTenant = new Set(['instances', 'sharedFacts', 'kysely_migration', 'kysely_migration_lock']);

async function tenantTables(catalogue: Catalogue) {
  const tables = await catalogue.system.introspection.getTables();
  return tables.filter(({ name }) => !withoutTenant.has(name));
}

test('a tenant sees, changes and deletes nothing of another, in every table that there is', async (t) => {
  const catalogue = await testCatalogue(t.fullName);
  t.after(() => catalogue[Symbol.asyncDispose]());
  const tables = await tenantTables(catalogue);
  assert.ok(tables.length >= 9, `${tables.length} tables`);
  const insertAll = async (database: Kysely<unknown> | typeof catalogue.system): Promise<void> => {
    for (const table of tables) {
      const columns = table.columns.filter(({ isAutoIncrementing }) => !isAutoIncrementing);
      const values = columns.map((column) => {
        if (column.name === 'tenant') return 'theirs';
        return /int|real|double/i.test(column.dataType) ? 1 : `theirs ${column.name}`;
      });
      const names = sql.join(columns.map(({ name }) => sql.ref(name)));
      await sql`insert into ${sql.table(table.name)} (${names}) values (${sql.join(values)})`.execute(database);
    }
  };
  // Without foreign keys: whatever each table holds, it is of the other tenant.
  if (catalogue.notices) {
    await catalogue.system.transaction().execute(async (transaction) => {
      await sql`set local session_replication_role = replica`.execute(transaction);
      await insertAll(transaction);
    });
  } else {
    await sql`pragma foreign_keys = off`.execute(catalogue.system);
    await insertAll(catalogue.system);
  }
  const [ours, theirs] = [catalogue.tenant('ours'), catalogue.tenant('theirs')];
  for (const { name, columns } of tables) {
    const table = name as keyof Database;
    assert.deepEqual(await ours.query.selectFrom(table).selectAll().execute(), [], name);
    const before = await theirs.query.selectFrom(table).selectAll().execute();
    assert.equal(before.length, 1, name);
    const text = columns.find((column) => column.name !== 'tenant' && /text/i.test(column.dataType))?.name;
    // The audit and receipts refuse both, whoever asks.
    const changes = [
      ours.deleteFrom(table).execute(),
      ...(text === undefined
        ? []
        : [
            ours.query
              .updateTable(table)
              .set({ [text]: 'changed' })
              .execute(),
          ]),
    ];
    const outcomes = await Promise.allSettled(changes);
    if (name !== 'audit' && name !== 'receipts')
      assert.ok(
        outcomes.every(({ status }) => status === 'fulfilled'),
        name,
      );
    assert.deepEqual(await theirs.query.selectFrom(table).selectAll().execute(), before, name);
  }
});

test('every table has the tenant in a key, and every reference stays within one tenant', async (t) => {
  const catalogue = await openSqliteCatalogue();
  t.after(() => catalogue[Symbol.asyncDispose]());
  for (const { name } of await tenantTables(catalogue)) {
    const keys = await sql<{ columns: string }>`
      select group_concat(name) as columns from pragma_table_info(${name}) where pk > 0
      union all
      select (select group_concat(name) from pragma_index_info(list.name)) from pragma_index_list(${name}) as list
        where list."unique" = 1`.execute(catalogue.system);
    const inKey = keys.rows.some(({ columns }) => columns?.split(',').includes('tenant'));
    assert.ok(inKey, `${name}: ${JSON.stringify(keys.rows)}`);
    const references = await sql<{ columns: string }>`
      select group_concat("from") as columns from pragma_foreign_key_list(${name}) group by id`.execute(
      catalogue.system,
    );
    for (const { columns } of references.rows)
      assert.ok(columns.split(',').includes('tenant'), `${name} refers by ${columns}`);
  }
});
