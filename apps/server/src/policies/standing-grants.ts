import type { Clock } from '@holdfast/core';
import type { JobSettings } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { recordRevoked } from '../identity/handed-grants.ts';
import { computersOf } from '../jobs/job-computers.ts';
import { settingsOf } from '../jobs/job-rows.ts';
import { handoutsKeptMs, standingGrantMs } from '../limits.ts';

/**
 * The grants with which agents run policies. An agent has one for each policy and repository: every contact renews it under the
 * same id, and it is revoked as soon as the policy is no longer that agent's, or has another repository.
 */

/** Notes what an agent is handed. Gives the id of its grant. */
export async function recordHandout(
  scope: TenantScope,
  o: { agentId: string; policyId: string; repositoryId: string; now: Date },
): Promise<string> {
  const { now, ...key } = o;
  const known = await scope.query
    .selectFrom('policyHandouts')
    .select('grantId')
    .where('agentId', '=', o.agentId)
    .where('policyId', '=', o.policyId)
    .where('repositoryId', '=', o.repositoryId)
    .executeTakeFirst();
  const grantId = known?.grantId ?? crypto.randomUUID();
  const handed = {
    grantId,
    handedOutAt: now.toISOString(),
    grantExpiresAt: new Date(now.getTime() + standingGrantMs).toISOString(),
  };
  await scope.query
    .insertInto('policyHandouts')
    .values({ ...key, ...handed })
    .onConflict((conflict) => conflict.columns(['tenant', 'agentId', 'policyId', 'repositoryId']).doUpdateSet(handed))
    .execute();
  await scope
    .deleteFrom('policyHandouts')
    .where('agentId', '=', o.agentId)
    .where('grantExpiresAt', '<', new Date(now.getTime() - handoutsKeptMs).toISOString())
    .execute();
  return grantId;
}

/** What may have lost policies: all agents of a policy that was changed, an agent that was moved, the agents of a group. */
export type Losing = { readonly policyId: string } | { readonly agentId: string } | { readonly groupName: string };

/**
 * Revokes the grants for policies that agents no longer have, or have with another repository. In the transaction that changed what
 * they have. Gives the ids of the movers that have to be told. Throws `internal.limit` when a mover would have to know too many.
 */
export async function revokeLostGrants(inner: TenantScope, losing: Losing, clock: Clock): Promise<Set<string>> {
  // Whoever changes a policy need not see the groups of all agents and repositories that it had.
  const scope = inner.wholeTenant;
  let held = scope.query
    .selectFrom('policyHandouts')
    .innerJoin('repositories', 'repositories.id', 'policyHandouts.repositoryId')
    .select(['policyHandouts.agentId', 'policyHandouts.policyId', 'policyHandouts.repositoryId'])
    .select(['policyHandouts.grantId', 'policyHandouts.handedOutAt', 'policyHandouts.grantExpiresAt'])
    .select(['repositories.moverId', 'repositories.ownerId'])
    .where('policyHandouts.grantId', 'is not', null);
  if ('policyId' in losing) held = held.where('policyHandouts.policyId', '=', losing.policyId);
  else if ('agentId' in losing) held = held.where('policyHandouts.agentId', '=', losing.agentId);
  else
    held = held.where(
      'policyHandouts.agentId',
      'in',
      scope.query.selectFrom('computers').select('id').where('groupName', '=', losing.groupName),
    );
  const lost: Parameters<typeof recordRevoked>[1]['grants'][number][] = [];
  for (const [policyId, rows] of Map.groupBy(await held.execute(), (row) => row.policyId)) {
    const present = await presentOf(scope, policyId);
    for (const { grantId, ...row } of rows)
      if (grantId !== null && !(present?.agents.has(row.agentId) && goesTo(present.target, row)))
        lost.push({ ...row, id: grantId });
  }
  await recordRevoked(scope, { grants: lost, clock });
  return new Set(lost.map(({ moverId }) => moverId));
}

/** Whom a policy is about; undefined for one that nobody runs. */
async function presentOf(
  scope: TenantScope,
  policyId: string,
): Promise<{ agents: ReadonlySet<string>; target: JobSettings['target'] } | undefined> {
  const row = await scope.query
    .selectFrom('jobs')
    .select('settingsJson')
    .where('id', '=', policyId)
    .where('enabled', '=', 1)
    .executeTakeFirst();
  if (!row) return undefined;
  const settings = settingsOf(row);
  return { agents: new Set((await computersOf(scope, settings)).map(({ id }) => id)), target: settings.target };
}

function goesTo(
  target: JobSettings['target'],
  row: { agentId: string; repositoryId: string; moverId: string; ownerId: string | null },
): boolean {
  if (target.kind === 'shared') return row.repositoryId === target.repositoryId;
  return row.moverId === target.moverId && row.ownerId === row.agentId;
}
