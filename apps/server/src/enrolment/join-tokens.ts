import type { Clock } from '@holdfast/core';
import { HoldfastError } from '@holdfast/core';
import type { EnrollableRole } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { hashToken, newToken } from '../bearer-token.ts';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import type { JoinTokensTable } from '../catalogue/schema.ts';
import { loadOpenGroup } from '../inventory/groups.ts';

export interface JoinToken {
  readonly id: string;
  readonly role: EnrollableRole;
  readonly group: string;
  readonly usesLeft: number;
  readonly expiresAt: string;
  readonly createdAt: string;
  readonly preinstalled: boolean;
}

export function joinTokenHash(token: string): string {
  return hashToken(token).toString('hex');
}

/** Makes a token. Its text is known to the caller only: the catalogue keeps a hash. */
export async function createJoinToken(
  scope: TenantScope,
  o: {
    role: EnrollableRole;
    group: string;
    uses: number;
    lifetimeMs: number;
    /** The server will not dial the computers that join with it. */
    preinstalled: boolean;
    clock: Clock;
  },
): Promise<JoinToken & { readonly token: string }> {
  const group = await loadOpenGroup(scope, o.group, o.clock);
  const token = newToken('hfj');
  const now = o.clock.now();
  const row = {
    id: crypto.randomUUID(),
    tokenHash: joinTokenHash(token),
    role: o.role,
    groupName: o.group,
    usesLeft: o.uses,
    preinstalled: o.preinstalled || group.type === 'preinstalled' ? 1 : 0,
    createdAt: now.toISOString(),
    expiresAt: new Date(now.getTime() + o.lifetimeMs).toISOString(),
  };
  await scope.query.insertInto('joinTokens').values(row).execute();
  return { ...view(row), token };
}

/** Tokens that can still be used. Others are removed on the way. */
export async function usableJoinTokens(
  scope: TenantScope,
  o: PageRequest & { clock: Clock },
): Promise<{ tokens: JoinToken[]; next?: string }> {
  const now = o.clock.now().toISOString();
  await scope
    .deleteFrom('joinTokens')
    .where((row) => row.or([row('expiresAt', '<=', now), row('usesLeft', '=', 0)]))
    .execute();
  const query = scope.query.selectFrom('joinTokens').selectAll();
  const { items, ...rest } = await readPage(query, { ...o, order: { createdAt: 'text', id: 'text' }, view });
  return { tokens: items, ...rest };
}

export async function deleteJoinToken(scope: TenantScope, id: string): Promise<void> {
  const { numDeletedRows } = await scope.deleteFrom('joinTokens').where('id', '=', id).executeTakeFirst();
  if (numDeletedRows === 0n) throw new HoldfastError('request.missing', { message: `There is no join token ${id}.` });
}

/**
 * Takes one use of a token within the caller's transaction. Throws `auth.token` without saying which of unknown, expired,
 * used up or made for another role it is: only the person who made the token needs to know.
 */
export async function useJoinToken(
  scope: TenantScope,
  o: { tokenHash: string; role: EnrollableRole; clock: Clock },
): Promise<{ readonly group: string; readonly preinstalled: number }> {
  const row = await scope.query
    .updateTable('joinTokens')
    .set((token) => ({ usesLeft: token('usesLeft', '-', 1) }))
    .where('tokenHash', '=', o.tokenHash)
    .where('role', '=', o.role)
    .where('usesLeft', '>', 0)
    .where('expiresAt', '>', o.clock.now().toISOString())
    .returning(['groupName', 'preinstalled'])
    .executeTakeFirst();
  if (!row) throw new HoldfastError('auth.token');
  await loadOpenGroup(scope, row.groupName, o.clock);
  return { group: row.groupName, preinstalled: row.preinstalled };
}

function view(
  row: Pick<
    Selectable<JoinTokensTable>,
    'id' | 'role' | 'groupName' | 'usesLeft' | 'expiresAt' | 'createdAt' | 'preinstalled'
  >,
): JoinToken {
  return {
    id: row.id,
    role: row.role,
    group: row.groupName,
    usesLeft: row.usesLeft,
    preinstalled: row.preinstalled === 1,
    expiresAt: row.expiresAt,
    createdAt: row.createdAt,
  };
}
