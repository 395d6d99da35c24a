import { type Kysely, sql } from 'kysely';

/** For thousands of runs: the list of them in its order, and how many are under way of what. */
export async function runsUnderWay({ schema }: Kysely<unknown>): Promise<void> {
  await schema.createIndex('runsByTime').on('runs').columns(['tenant', 'sequence']).execute();
  await schema
    .createIndex('runsUnderWay')
    .on('runs')
    .columns(['tenant', 'repositoryId', 'jobSessionId'])
    .where(sql.ref('state'), '=', sql.lit('running'))
    .execute();
}
