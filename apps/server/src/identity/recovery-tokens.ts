import { randomBytes } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { RecoveryScope, RecoveryToken } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { RecoveryTokensTable } from '../catalogue/identity-tables.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import type { Vault } from '../vault.ts';
import { checkScope, scopeOf } from './recovery-scope.ts';

export type RecoveryTokenRow = Selectable<RecoveryTokensTable>;

/** Short enough to type: its guesses are counted, and the catalogue has no hash that could be searched. */
const tokenBytes = 8;

/** What the catalogue keeps of a token: of its 16 digits, without what sets them apart. */
export function recoveryTokenMac(vault: Vault, digits: string): string {
  return vault.mac('recovery-token', digits);
}

/** Makes a token; its text is known to the caller only. Throws as `checkScope` does. */
export async function createRecoveryToken(
  scope: TenantScope,
  o: {
    named: RecoveryScope;
    note: string;
    actor: string;
    uses: number;
    lifetimeMs: number;
    vault: Vault;
    clock: Clock;
  },
): Promise<RecoveryToken & { readonly token: string }> {
  const digits = randomBytes(tokenBytes).toString('hex');
  const now = o.clock.now();
  return scope.transaction(async (inside) => {
    await checkScope(inside, o.named);
    await inside.deleteFrom('recoveryTokens').where('expiresAt', '<=', now.toISOString()).execute();
    const row = await inside.query
      .insertInto('recoveryTokens')
      .values({
        ...{ id: crypto.randomUUID(), tokenMac: recoveryTokenMac(o.vault, digits), note: o.note, actor: o.actor },
        ...{ scopeJson: JSON.stringify(o.named), usesLeft: o.uses, createdAt: now.toISOString() },
        expiresAt: new Date(now.getTime() + o.lifetimeMs).toISOString(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return { ...view(row), token: digits.match(/.{4}/g)?.join('-') ?? digits };
  });
}

/** Those that have neither expired nor been revoked, used up ones too. */
export async function pageOfRecoveryTokens(
  scope: TenantScope,
  o: PageRequest & { clock: Clock },
): Promise<{ tokens: RecoveryToken[]; next?: string }> {
  const rows = scope.query
    .selectFrom('recoveryTokens')
    .selectAll()
    .where('revokedAt', 'is', null)
    .where('expiresAt', '>', o.clock.now().toISOString());
  const order = { createdAt: 'text', id: 'text' } as const;
  const { items, ...rest } = await readPage(rows, { ...o, order, newestFirst: true, view });
  return { tokens: items, ...rest };
}

/** Takes one use within the caller's transaction. Throws `auth.recovery`, which says nothing of why. */
export async function takeRecoveryToken(
  { query }: TenantScope,
  o: { tokenMac: string; remoteAddress: string; clock: Clock },
): Promise<RecoveryTokenRow> {
  const now = o.clock.now().toISOString();
  const row = await query
    .updateTable('recoveryTokens')
    .set((token) => ({ usesLeft: token('usesLeft', '-', 1), lastUsedAt: now, lastUsedFrom: o.remoteAddress }))
    .where('tokenMac', '=', o.tokenMac)
    .where('usesLeft', '>', 0)
    .where('revokedAt', 'is', null)
    .where('expiresAt', '>', now)
    .returningAll()
    .executeTakeFirst();
  if (!row) throw new HoldfastError('auth.recovery');
  return row;
}

function view(row: RecoveryTokenRow): RecoveryToken {
  return {
    ...{ id: row.id, note: row.note, scope: scopeOf(row.scopeJson), actor: row.actor, usesLeft: row.usesLeft },
    ...{ createdAt: row.createdAt, expiresAt: row.expiresAt },
    ...(row.lastUsedAt === null ? {} : { lastUsedAt: row.lastUsedAt }),
    ...(row.lastUsedFrom === null ? {} : { lastUsedFrom: row.lastUsedFrom }),
  };
}
