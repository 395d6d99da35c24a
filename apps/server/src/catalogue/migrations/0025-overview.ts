import { type Kysely, PostgresAdapter, type RawBuilder, sql } from 'kysely';

/**
 * What lists and the overview ask of every computer, kept where they read it: when it was last backed up and drilled, and how that went.
 * The database itself keeps it up, whatever writes the snapshots, receipts and runs. Beside it how much each repository takes, by day.
 */
export async function overview(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  // Empty: never. So that an order by them is one of texts.
  for (const name of ['lastBackupAt', 'lastDrillAt', 'lastResult', 'lastResultAt'])
    await schema
      .alterTable('computers')
      .addColumn(name, 'text', (column) => column.notNull().defaultTo(''))
      .execute();
  await schema.alterTable('runs').addColumn('errorCode', 'text').execute();
  await schema.alterTable('repositories').addColumn('usedBytes', 'integer').execute();
  await schema.alterTable('repositories').addColumn('measuredAt', 'text').execute();
  await schema
    .createTable('repositoryUsage')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('repositoryId', 'text', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull())
    .addColumn('usedBytes', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('repositoryUsageKey', ['tenant', 'repositoryId', 'day'])
    .execute();
  await schema
    .createTable('groupUsage')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull())
    .addColumn('usedBytes', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('groupUsageKey', ['tenant', 'groupName', 'day'])
    .execute();

  for (const [name, table, ...columns] of [
    ['computersByBackup', 'computers', 'lastBackupAt', 'id'],
    ['computersByName', 'computers', 'hostname', 'id'],
    ['runsByEnd', 'runs', 'state', 'endedAt'],
    ['runsByKind', 'runs', 'kind', 'sequence'],
    ['runsByAgent', 'runs', 'agentId', 'sequence'],
    ['runsOfRepository', 'runs', 'repositoryId', 'sequence'],
    ['sessionsByState', 'sessions', 'state', 'createdAt'],
    ['repositoriesByUse', 'repositories', 'usedBytes', 'id'],
    ['repositoriesByMover', 'repositories', 'moverId', 'id'],
  ] as const)
    await schema
      .createIndex(name)
      .on(table)
      .columns(['tenant', ...columns])
      .execute();

  const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
  for (const statement of [...present(isPostgres), ...triggers(isPostgres)]) await statement.execute(database);
}

/** Of what is there already. */
function present(isPostgres: boolean): RawBuilder<unknown>[] {
  const code = isPostgres ? sql`"errorJson"::json ->> 'code'` : sql`json_extract("errorJson", '$.code')`;
  const last = sql`select "id" from "runs" r where r."tenant" = "computers"."tenant" and r."agentId" = "computers"."id"
    and r."kind" = 'backup' and r."endedAt" is not null order by r."sequence" desc limit 1`;
  return [
    sql`update "computers" set
      "lastBackupAt" = coalesce((select max("takenAt") from "snapshots" s
        where s."tenant" = "computers"."tenant" and s."agentId" = "computers"."id"), ''),
      "lastDrillAt" = coalesce((select max("at") from "receipts" r
        where r."tenant" = "computers"."tenant" and r."agentId" = "computers"."id" and r."outcome" = 'good'), ''),
      "lastResult" = coalesce((select "state" from "runs" where "id" = (${last})), ''),
      "lastResultAt" = coalesce((select "endedAt" from "runs" where "id" = (${last})), '')`,
    sql`update "runs" set "errorCode" = ${code} where "errorJson" is not null`,
  ];
}

/** The row that each of them changes is the one of the computer that the new or old row names. */
function triggers(isPostgres: boolean): RawBuilder<unknown>[] {
  const backups = (row: 'new' | 'old') =>
    `update "computers" set "lastBackupAt" = coalesce((select max("takenAt") from "snapshots" s
      where s."tenant" = ${row}."tenant" and s."agentId" = ${row}."agentId"), '')
      where "tenant" = ${row}."tenant" and "id" = ${row}."agentId";`;
  const drills = `update "computers" set "lastDrillAt" = new."at"
    where "tenant" = new."tenant" and "id" = new."agentId" and "lastDrillAt" < new."at";`;
  const results = `update "computers" set "lastResult" = new."state", "lastResultAt" = new."endedAt"
    where "tenant" = new."tenant" and "id" = new."agentId" and "lastResultAt" <= new."endedAt";`;
  const isBackupEnd = `new."kind" = 'backup' and new."endedAt" is not null`;
  const all = [
    { name: 'snapshotsAdded', on: 'insert', table: 'snapshots', work: backups('new') },
    { name: 'snapshotsRemoved', on: 'delete', table: 'snapshots', work: backups('old') },
    { name: 'snapshotsMoved', on: 'update of "agentId"', table: 'snapshots', work: backups('old') + backups('new') },
    { name: 'drillsAdded', on: 'insert', table: 'receipts', when: `new."outcome" = 'good'`, work: drills },
    { name: 'backupsReported', on: 'insert', table: 'runs', when: isBackupEnd, work: results },
    { name: 'backupsEnded', on: 'update of "endedAt"', table: 'runs', when: isBackupEnd, work: results },
  ];
  return all.flatMap(({ name, on, table, when, work }) => {
    const head = `create trigger "${name}" after ${on} on "${table}" for each row${when ? ` when (${when})` : ''}`;
    if (!isPostgres) return [sql.raw(`${head} begin ${work} end`)];
    return [
      sql.raw(
        `create function "${name}Do"() returns trigger language plpgsql as $do$ begin ${work} return null; end $do$`,
      ),
      sql.raw(`${head} execute function "${name}Do"()`),
    ];
  });
}
