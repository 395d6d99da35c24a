import { type Clock, HoldfastError } from '@holdfast/core';
import type { GrantMode, HandedGrant } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { GrantsTable } from '../catalogue/identity-tables.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import { chunks } from '../jobs/chunks.ts';
import { grantGraceMs, maxInsertedRows, maxLiveGrants, maxRevokedGrants } from '../limits.ts';

/** Grants for use without a run are kept in the list of those that can be revoked: never their text, which is the secret. */

/** Throws `internal.limit` when there are too many of the repository that still count. */
export async function recordGrant(
  scope: TenantScope,
  o: {
    repositoryId: string;
    mode: GrantMode;
    note: string;
    actor: string;
    lifetimeMs: number;
    /** Throws when it may not be given any more, in the same transaction: whoever takes that right away then finds the grant, or there is none. */
    requireRight?: ((inner: TenantScope) => Promise<void>) | undefined;
    clock: Clock;
  },
): Promise<HandedGrant> {
  const now = o.clock.now();
  const { repositoryId, mode, note, actor } = o;
  return scope.transaction(async (inner) => {
    const { query } = inner;
    await o.requireRight?.(inner);
    await forgetExpired(inner, o.clock);
    const { count } = await query
      .selectFrom('grants')
      .select((row) => row.fn.countAll<number>().as('count'))
      .where('repositoryId', '=', repositoryId)
      // Those of policies are as many as there are agents.
      .where('policyId', 'is', null)
      .executeTakeFirstOrThrow();
    // Revoked ones are counted as well: the mover has to know of each until its end.
    if (count >= maxLiveGrants)
      throw new HoldfastError('internal.limit', {
        message: `The repository has ${maxLiveGrants} grants that have not expired, as many as one may have.`,
      });
    const row = await query
      .insertInto('grants')
      .values({
        ...{ id: crypto.randomUUID(), repositoryId, mode, note, actor },
        createdAt: now.toISOString(),
        expiresAt: new Date(now.getTime() + o.lifetimeMs).toISOString(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return view(row);
  });
}

/** Those that are still good for something. */
export async function pageOfGrants(
  scope: TenantScope,
  o: PageRequest & { repositoryId?: string | undefined; clock: Clock },
): Promise<{ grants: HandedGrant[]; next?: string }> {
  let rows = scope.query
    .selectFrom('grants')
    .selectAll()
    .where('revokedAt', 'is', null)
    .where('expiresAt', '>', o.clock.now().toISOString());
  if (o.repositoryId !== undefined) rows = rows.where('repositoryId', '=', o.repositoryId);
  const { items, ...rest } = await readPage(rows, {
    ...o,
    order: { createdAt: 'text', id: 'text' },
    newestFirst: true,
    view,
  });
  return { grants: items, ...rest };
}

/** Gives the repository whose mover has to be told. Repeating it is harmless. Throws `request.missing`. */
export async function revokeGrant(scope: TenantScope, o: { id: string; clock: Clock }): Promise<string> {
  const row = await scope.query
    .updateTable('grants')
    .set((grant) => ({ revokedAt: grant.fn.coalesce('revokedAt', grant.val(o.clock.now().toISOString())) }))
    .where('id', '=', o.id)
    .returning('repositoryId')
    .executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no grant ${o.id}.` });
  return row.repositoryId;
}

/**
 * Revokes standing grants of policies, which are in the list from now on. In a transaction. Throws `internal.limit` when a mover
 * would have to know of more than it can.
 */
export async function recordRevoked(
  scope: TenantScope,
  o: {
    grants: readonly {
      id: string;
      repositoryId: string;
      moverId: string;
      policyId: string;
      agentId: string;
      handedOutAt: string;
      grantExpiresAt: string;
    }[];
    clock: Clock;
  },
): Promise<void> {
  if (o.grants.length === 0) return;
  const { query } = scope;
  await forgetExpired(scope, o.clock);
  const revokedAt = o.clock.now().toISOString();
  for (const some of chunks(o.grants, maxInsertedRows)) {
    const rows = some.map(({ id, repositoryId, policyId, agentId, handedOutAt, grantExpiresAt }) => ({
      ...{ id, repositoryId, policyId, mode: 'append' as const, note: 'policy', actor: `agent/${agentId}` },
      ...{ createdAt: handedOutAt, expiresAt: grantExpiresAt, revokedAt },
    }));
    await query.insertInto('grants').values(rows).execute();
    const ids = some.map(({ id }) => id);
    await query.updateTable('policyHandouts').set({ grantId: null }).where('grantId', 'in', ids).execute();
  }
  for (const moverId of new Set(o.grants.map((grant) => grant.moverId)))
    await revokedGrantsOf(scope, { moverId, clock: o.clock });
}

async function forgetExpired({ deleteFrom }: TenantScope, clock: Clock): Promise<void> {
  await deleteFrom('grants').where('expiresAt', '<=', overSince(clock)).execute();
}

/** What a mover has to refuse although it is signed. Throws `internal.limit`, rather than forget one. */
export async function revokedGrantsOf(scope: TenantScope, o: { moverId: string; clock: Clock }): Promise<string[]> {
  const rows = await scope.query
    .selectFrom('grants')
    .innerJoin('repositories', 'repositories.id', 'grants.repositoryId')
    .select('grants.id')
    .where('repositories.moverId', '=', o.moverId)
    .where('revokedAt', 'is not', null)
    .where('expiresAt', '>', overSince(o.clock))
    .limit(maxRevokedGrants + 1)
    .execute();
  if (rows.length > maxRevokedGrants)
    throw new HoldfastError('internal.limit', {
      message: `More than ${maxRevokedGrants} grants of mover ${o.moverId} are revoked and not yet expired.`,
    });
  return rows.map(({ id }) => id);
}

/** Grants that expired before this are refused by every mover, whatever its clock says. */
function overSince(clock: Clock): string {
  return new Date(clock.now().getTime() - grantGraceMs).toISOString();
}

function view(row: Selectable<GrantsTable>): HandedGrant {
  const { id, repositoryId, mode, note, actor, createdAt, expiresAt } = row;
  return { id, repositoryId, mode, note, actor, createdAt, expiresAt };
}
