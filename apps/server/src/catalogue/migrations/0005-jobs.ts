import type { Kysely } from 'kysely';

/** What the first schema had of a job, as far as it is taken over. */
interface FirstJob {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  readonly agentId: string;
  readonly repositoryId: string;
  readonly sourcesJson: string;
  readonly excludesJson: string;
  readonly oneFileSystem: number;
  readonly tagsJson: string;
  readonly direction: string;
  readonly createdAt: string;
}

interface FirstComputer {
  readonly tenant: string;
  readonly id: string;
  readonly groupName: string;
}

/** Jobs with everything that an administrator decides, their sessions, and when they were due. */
export async function jobs(database: Kysely<unknown>): Promise<void> {
  const tables = database as Kysely<{
    jobs: FirstJob;
    jobMembers: Record<string, unknown>;
    laterJobs: Record<string, unknown>;
    computers: FirstComputer;
  }>;
  await database.schema
    .createTable('jobMembers')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('jobId', 'text', (column) => column.notNull())
    .addColumn('agentId', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('jobMembersKey', ['tenant', 'jobId', 'agentId', 'groupName'])
    .execute();
  await database.schema.createIndex('jobMembersByAgent').on('jobMembers').columns(['tenant', 'agentId']).execute();
  await database.schema.createIndex('jobMembersByGroup').on('jobMembers').columns(['tenant', 'groupName']).execute();
  await database.schema
    .createTable('laterJobs')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addColumn('enabled', 'integer', (column) => column.notNull())
    .addColumn('settingsJson', 'text', (column) => column.notNull())
    .addColumn('afterJobId', 'text')
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('changedAt', 'text', (column) => column.notNull())
    .addColumn('scheduledUntil', 'text', (column) => column.notNull())
    .addColumn('nextDueAt', 'text')
    .addPrimaryKeyConstraint('laterJobsKey', ['tenant', 'id'])
    .execute();
  for (const job of await tables.selectFrom('jobs').selectAll().execute()) {
    const { groupName } = await tables
      .selectFrom('computers')
      .select('groupName')
      .where('tenant', '=', job.tenant)
      .where('id', '=', job.agentId)
      .executeTakeFirstOrThrow();
    const { tenant, id: jobId, agentId } = job;
    await tables.insertInto('jobMembers').values({ tenant, jobId, agentId, groupName }).execute();
    const settings = {
      name: job.name,
      computers: [job.agentId],
      scope: { kind: 'folders', paths: textsOf(job.sourcesJson) },
      excludes: textsOf(job.excludesJson),
      oneFileSystem: job.oneFileSystem === 1,
      tags: textsOf(job.tagsJson),
      target: { kind: 'shared', repositoryId: job.repositoryId },
      direction: job.direction,
    };
    await tables
      .insertInto('laterJobs')
      .values({
        tenant: job.tenant,
        id: job.id,
        groupName,
        enabled: 1,
        settingsJson: JSON.stringify(settings),
        afterJobId: null,
        createdAt: job.createdAt,
        changedAt: job.createdAt,
        scheduledUntil: job.createdAt,
        nextDueAt: null,
      })
      .execute();
  }
  await database.schema.dropTable('jobs').execute();
  await database.schema.alterTable('laterJobs').renameTo('jobs').execute();
  await database.schema.createIndex('jobsByDue').on('jobs').columns(['tenant', 'nextDueAt']).execute();

  await database.schema
    .createTable('jobFirings')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('jobId', 'text', (column) => column.notNull())
    .addColumn('dueAt', 'text', (column) => column.notNull())
    .addColumn('firedAt', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('jobFiringsKey', ['tenant', 'jobId', 'dueAt'])
    .execute();

  await database.schema
    .createTable('sessions')
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('groupName', 'text', (column) => column.notNull())
    .addColumn('jobId', 'text')
    .addColumn('jobName', 'text')
    .addColumn('trigger', 'text', (column) => column.notNull())
    .addColumn('state', 'text')
    .addColumn('createdAt', 'text', (column) => column.notNull())
    .addColumn('startedAt', 'text')
    .addColumn('endedAt', 'text')
    .addColumn('lastBegunAt', 'text')
    .addColumn('planJson', 'text', (column) => column.notNull())
    .addColumn('notesJson', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('sessionsKey', ['tenant', 'id'])
    .execute();
  await database.schema.createIndex('sessionsByTime').on('sessions').columns(['tenant', 'createdAt']).execute();
  await database.schema.createIndex('sessionsByJob').on('sessions').columns(['tenant', 'jobId', 'createdAt']).execute();

  for (const name of ['jobSessionId', 'notBefore'])
    await database.schema.alterTable('runs').addColumn(name, 'text').execute();
  for (const [name, initial] of Object.entries({ attempt: 1, superseded: 0, processedBytes: 0, storedBytes: 0 }))
    await database.schema
      .alterTable('runs')
      .addColumn(name, 'integer', (column) => column.notNull().defaultTo(initial))
      .execute();
  await database.schema
    .createIndex('runsBySession')
    .on('runs')
    .columns(['tenant', 'jobSessionId', 'state', 'sequence'])
    .execute();

  // The computer whose own repository it is.
  await database.schema.alterTable('repositories').addColumn('ownerId', 'text').execute();
  await database.schema
    .createIndex('repositoriesByOwner')
    .on('repositories')
    .columns(['tenant', 'moverId', 'ownerId'])
    .unique()
    .execute();
}

function textsOf(json: string): unknown {
  return JSON.parse(json);
}
