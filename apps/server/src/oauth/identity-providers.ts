import { type Clock, HoldfastError } from '@holdfast/core';
import {
  type IdentityProvider,
  type IdentityProviderSettings,
  identityProviderSettings,
  type OutsideIdentity,
} from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { IdentityProvidersTable } from '../catalogue/oauth-tables.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import { readJson } from '../json-column.ts';
import { maxIdentityProviders } from '../limits.ts';
import type { Vault } from '../vault.ts';

export interface StoredProvider {
  readonly row: Selectable<IdentityProvidersTable>;
  readonly settings: IdentityProviderSettings;
}

/** The oldest first, as their buttons stand. */
export async function listProviders({ query }: TenantScope): Promise<StoredProvider[]> {
  const rows = await query.selectFrom('identityProviders').selectAll().orderBy('createdAt').orderBy('id').execute();
  return rows.map((row) => ({ row, settings: settingsOf(row) }));
}

/** Throws `request.missing`. */
export async function loadProvider({ query }: TenantScope, id: string): Promise<StoredProvider> {
  const row = await query.selectFrom('identityProviders').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no identity provider ${id}.` });
  return { row, settings: settingsOf(row) };
}

/** Throws `internal.limit`. */
export async function insertProvider(
  scope: TenantScope,
  o: {
    id: string;
    settings: IdentityProviderSettings;
    secret: string | undefined;
    actor: string;
    vault: Vault;
    clock: Clock;
  },
): Promise<StoredProvider> {
  const { id, settings, secret, actor, vault } = o;
  return scope.transaction(async (inside) => {
    if ((await listProviders(inside)).length >= maxIdentityProviders)
      throw new HoldfastError('internal.limit', { message: `There are ${maxIdentityProviders} identity providers.` });
    const row = await inside.query
      .insertInto('identityProviders')
      .values({
        ...{ id, actor, settingsJson: JSON.stringify(settings), createdAt: o.clock.now().toISOString() },
        sealedSecret: secret === undefined ? null : vault.seal(secret, placeOfSecret(scope, id)),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return { row, settings };
  });
}

export function secretOf(scope: TenantScope, { row }: StoredProvider, vault: Vault): string | undefined {
  return row.sealedSecret === null ? undefined : vault.open(row.sealedSecret, placeOfSecret(scope, row.id));
}

/** Throws `request.missing`. */
export async function deleteProvider(scope: TenantScope, id: string): Promise<void> {
  await scope.transaction(async ({ deleteFrom }) => {
    await deleteFrom('outsideIdentities').where('providerId', '=', id).execute();
    const { numDeletedRows } = await deleteFrom('identityProviders').where('id', '=', id).executeTakeFirst();
    if (numDeletedRows === 0n)
      throw new HoldfastError('request.missing', { message: `There is no identity provider ${id}.` });
  });
}

/** Throws `request.conflict` when the subject has an account already. */
export async function insertIdentity(
  { query }: TenantScope,
  o: { providerId: string; subject: string; accountId: string; clock: Clock },
) {
  const { providerId, subject, accountId } = o;
  const row = await query
    .insertInto('outsideIdentities')
    .values({ id: crypto.randomUUID(), providerId, subject, accountId, createdAt: o.clock.now().toISOString() })
    .onConflict((conflict) => conflict.columns(['tenant', 'providerId', 'subject']).doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) throw new HoldfastError('request.conflict', { message: `${subject} has an account already.` });
  return row;
}

export async function accountOfIdentity(
  { query }: TenantScope,
  o: { providerId: string; subject: string },
): Promise<string | undefined> {
  const row = await query
    .selectFrom('outsideIdentities')
    .select('accountId')
    .where('providerId', '=', o.providerId)
    .where('subject', '=', o.subject)
    .executeTakeFirst();
  return row?.accountId;
}

export async function pageOfIdentities(
  { query }: TenantScope,
  o: PageRequest & { providerId: string },
): Promise<{ identities: OutsideIdentity[]; next?: string }> {
  const rows = query.selectFrom('outsideIdentities').selectAll().where('providerId', '=', o.providerId);
  const order = { createdAt: 'text', id: 'text' } as const;
  const { items, ...rest } = await readPage(rows, { ...o, order, view: (row) => row });
  const accounts = await query
    .selectFrom('accounts')
    .select(['id', 'name'])
    .where('id', 'in', ['', ...items.map(({ accountId }) => accountId)])
    .execute();
  const names = new Map(accounts.map(({ id, name }) => [id, name]));
  const identities = items.flatMap(({ id, subject, accountId: userId, createdAt }) => {
    const userName = names.get(userId);
    return userName === undefined ? [] : [{ id, subject, userId, userName, createdAt }];
  });
  return { identities, ...rest };
}

/** Throws `request.missing`. */
export async function deleteIdentity(
  { deleteFrom }: TenantScope,
  o: { providerId: string; id: string },
): Promise<void> {
  const { numDeletedRows } = await deleteFrom('outsideIdentities')
    .where('id', '=', o.id)
    .where('providerId', '=', o.providerId)
    .executeTakeFirst();
  if (numDeletedRows === 0n) throw new HoldfastError('request.missing', { message: `There is no identity ${o.id}.` });
}

export function providerView({ row, settings }: StoredProvider, redirectUri: string): IdentityProvider {
  const { id, actor, createdAt, sealedSecret } = row;
  return { ...settings, id, redirectUri, hasSecret: sealedSecret !== null, actor, createdAt };
}

function settingsOf({ settingsJson }: { settingsJson: string }): IdentityProviderSettings {
  return readJson(identityProviderSettings, settingsJson, 'identityProviders.settingsJson');
}

function placeOfSecret({ tenant }: TenantScope, id: string) {
  return { tenant, kind: 'identity-provider', id } as const;
}
