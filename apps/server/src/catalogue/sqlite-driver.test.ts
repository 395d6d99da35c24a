import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { temporaryFolder } from '@holdfast/core/testing';
import { Kysely, sql } from 'kysely';
import { SqliteDialect } from './sqlite-driver.ts';

interface Tables {
  readonly things: { readonly name: string; readonly content: string | null };
}

/** A database with one table, and a connection of somebody else who sees what is committed. */
async function open(t: TestContext) {
  const path = join(temporaryFolder(t), 'database.sqlite');
  const database = new Kysely<Tables>({ dialect: new SqliteDialect(path) });
  t.after(() => database.destroy());
  await database.schema
    .createTable('things')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('content', 'text')
    .execute();
  const other = new DatabaseSync(path);
  t.after(() => other.close());
  const committed = (): unknown[] =>
    other
      .prepare('select name from things order by name')
      .all()
      .map(({ name }) => name);
  const insert = async (name: string, content: string | null = null): Promise<void> =>
    void (await database.insertInto('things').values({ name, content }).execute());
  const read = async (): Promise<string[]> =>
    (await database.selectFrom('things').select('name').orderBy('name').execute()).map(({ name }) => name);
  return { database, committed, insert, read };
}

const names = Array.from({ length: 50 }, (_, number) => `thing ${String(number).padStart(2, '0')}`);

test('what is written at the same time is committed at once, and is durable when it is answered', async (t) => {
  const { committed, insert } = await open(t);
  const seen = await Promise.all(
    names.map(async (name) => {
      await insert(name);
      return committed();
    }),
  );
  // Whoever was answered first found that all of them were there.
  for (const one of seen) assert.deepEqual(one, names);
});

test('of statements and transactions that are committed together one that fails leaves nothing, and the others stay', async (t) => {
  const { database, committed, insert } = await open(t);
  const outcomes = await Promise.allSettled([
    insert('a'),
    insert('a'),
    database.transaction().execute(async (transaction) => {
      await transaction.insertInto('things').values({ name: 'b', content: null }).execute();
      await transaction.insertInto('things').values({ name: 'a', content: null }).execute();
    }),
    database.transaction().execute(async (transaction) => {
      await transaction.insertInto('things').values({ name: 'c', content: null }).execute();
      await transaction.updateTable('things').set({ content: 'changed' }).where('name', '=', 'c').execute();
    }),
    insert('d'),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
  );
  assert.deepEqual(committed(), ['a', 'c', 'd']);
});

test('who only reads waits for no transaction, and sees nothing of it before it is committed', async (t) => {
  const { database, insert, read } = await open(t);
  const [inside, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const long = database.transaction().execute(async (transaction) => {
    await transaction.insertInto('things').values({ name: 'a', content: null }).execute();
    inside.resolve();
    await go.promise;
    assert.equal((await transaction.selectFrom('things').select('name').execute()).length, 1);
  });
  await inside.promise;
  const beside = insert('b');
  assert.deepEqual(await read(), []);
  go.resolve();
  await Promise.all([long, beside]);
  assert.deepEqual(await read(), ['a', 'b']);
});

test('when the database itself gives up, all that were to be committed fail, and the next ones do not', async (t) => {
  const { database, committed, insert } = await open(t);
  await insert('before');
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database);
  await sql`pragma max_page_count = ${sql.lit((rows[0]?.page_count ?? 0) + 2)}`.execute(database);
  const outcomes = await Promise.allSettled([
    insert('a'),
    insert('b', 'x'.repeat(100_000)),
    database.transaction().execute(async (transaction) => {
      await transaction.insertInto('things').values({ name: 'c', content: null }).execute();
    }),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  );
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') assert.match(String(outcome.reason), /database or disk is full/);
  assert.deepEqual(committed(), ['before', 'c']);
});

test('what waits for its commit is committed before the database is closed', async (t) => {
  const { database, committed, insert } = await open(t);
  const written = Promise.all(names.map((name) => insert(name)));
  // Each has had its turn then, and none is committed.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  assert.deepEqual(committed(), []);
  await database.destroy();
  await written;
  assert.deepEqual(committed(), names);
});

test('a transaction of many statements lets others have their turn, and is still one', async (t) => {
  const { database, insert, read } = await open(t);
  const count = sql<number>`with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 50000)
    select count(*) as count from numbers`;
  const seen: string[][] = [];
  let isOver = false;
  const others = (async () => {
    for (; !isOver; await nextTurn()) seen.push(await read());
  })();
  await database.transaction().execute(async (transaction) => {
    await transaction.insertInto('things').values({ name: 'begun', content: null }).execute();
    for (let done = 0; done < 50; done += 1) await count.execute(transaction);
  });
  isOver = true;
  await others;
  await insert('later');
  assert.deepEqual(await read(), ['begun', 'later']);
  // They had many turns, and saw nothing of it until it was committed.
  assert.ok(seen.filter((names) => names.length === 0).length > 3, `${seen.length} turns`);
});
