import type { TenantScope } from '../catalogue/catalogue.ts';
import type { RunRow } from './run-store.ts';

/**
 * Who has a run in his hands, among the instances of the server. A run under way names its instance; every change of that is one
 * statement that says whom it is taken from, so of several that try one succeeds.
 */

/** What agents do; the rest takes turns by repository. */
const agentKinds: readonly RunRow['kind'][] = ['backup', 'restore'];

/** A run under way of one instance, with what others may have asked of it meanwhile. */
export interface HeldRun {
  readonly id: string;
  readonly cancelRequested: number;
  readonly agentHeldBy: string | null;
  readonly agentRevokedAt: string | null;
}

/**
 * Queued runs whose turn is free and whose agent is not connected to another living instance, in their order: what this instance
 * may begin.
 */
export async function claimable(
  { query }: TenantScope,
  o: { others: readonly string[]; limit: number },
): Promise<RunRow[]> {
  if (o.limit <= 0) return [];
  let rows = query
    .selectFrom('runs')
    .innerJoin('computers', 'computers.id', 'runs.agentId')
    .selectAll('runs')
    .where('runs.state', '=', 'queued')
    .where((row) =>
      row.not(
        row.exists(
          row
            .selectFrom('runs as busy')
            .select('busy.id')
            .where('busy.state', '=', 'running')
            .where((busy) =>
              busy.or([
                busy.and([busy('runs.kind', 'in', agentKinds), busy('busy.turn', '=', busy.ref('runs.agentId'))]),
                busy.and([
                  busy('runs.kind', 'not in', agentKinds),
                  busy('busy.turn', '=', busy.ref('runs.repositoryId')),
                ]),
              ]),
            ),
        ),
      ),
    )
    .orderBy('runs.sequence')
    .limit(o.limit);
  if (o.others.length > 0)
    rows = rows.where((row) =>
      row.or([row('computers.heldBy', 'is', null), row('computers.heldBy', 'not in', o.others)]),
    );
  return rows.execute();
}

export async function heldRuns({ query }: TenantScope, instance: string): Promise<HeldRun[]> {
  return query
    .selectFrom('runs')
    .innerJoin('computers', 'computers.id', 'runs.agentId')
    .select(['runs.id', 'cancelRequested', 'computers.heldBy as agentHeldBy', 'computers.revokedAt as agentRevokedAt'])
    .where('runs.state', '=', 'running')
    .where('runs.heldBy', '=', instance)
    .execute();
}

/** Takes over runs whose instance lives no more, or of versions that had but one. */
export async function takeOver(
  scope: TenantScope,
  o: { instance: string; living: readonly string[]; limit: number },
): Promise<void> {
  if (o.limit <= 0) return;
  const orphans = await scope.query
    .selectFrom('runs')
    .select(['id', 'heldBy'])
    .where('state', '=', 'running')
    .where((row) => row.or([row('heldBy', 'is', null), row('heldBy', 'not in', o.living)]))
    .orderBy('sequence')
    .limit(o.limit)
    .execute();
  for (const { id, heldBy } of orphans) await passOn(scope, { id, from: heldBy, to: o.instance });
}

export async function passOn(
  { query }: TenantScope,
  o: { id: string; from: string | null; to: string },
): Promise<void> {
  await query
    .updateTable('runs')
    .set({ heldBy: o.to })
    .where('id', '=', o.id)
    .where('state', '=', 'running')
    .where('heldBy', 'is not distinct from', o.from)
    .execute();
}
