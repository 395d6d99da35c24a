import { type Kysely, sql } from 'kysely';

/** For thousands of agents on PostgreSQL: what waits by itself, of no session, and the few movers among all computers. */
export async function queueOfAFleet({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createIndex('runsWaitingAlone')
    .on('runs')
    .columns(['tenant', 'sequence'])
    .where((run) =>
      run.and([run(sql.ref('state'), '=', sql.lit('queued')), run(sql.ref('jobSessionId'), 'is', sql.lit(null))]),
    )
    .execute();
  await schema.createIndex('computersByRole').on('computers').columns(['tenant', 'role', 'enrolledAt', 'id']).execute();
}
