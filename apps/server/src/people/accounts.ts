import { type Clock, HoldfastError } from '@holdfast/core';
import type { PersonRole, User } from '@holdfast/protocol';
import type { ExpressionBuilder, Selectable, Updateable } from 'kysely';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { AccountsTable, Database } from '../catalogue/schema.ts';
import { readJson } from '../json-column.ts';
import { maxListedRows } from '../limits.ts';
import type { Rights } from './caller.ts';

export type AccountRow = Selectable<AccountsTable>;

const groupNames = z.array(z.string()).min(1);

export function rightsOf(row: { readonly role: PersonRole; readonly groupsJson: string | null }): Rights {
  return { role: row.role, groups: groupsOf(row.groupsJson) };
}

export function groupsOf(json: string | null): ReadonlySet<string> | undefined {
  return json === null ? undefined : new Set(readJson(groupNames, json, 'groupsJson'));
}

export function groupsJson(groups: readonly string[] | undefined): string | null {
  return groups === undefined ? null : JSON.stringify([...new Set(groups)].toSorted());
}

export function actorOf({ name }: Pick<AccountRow, 'name'>): string {
  return `user/${name}`;
}

/** An administrator of everything: those who have to agree to each other's deletions. */
export function isFullAdministrator(row: Pick<AccountRow, 'role' | 'groupsJson' | 'disabledAt'>): boolean {
  return row.role === 'administrator' && row.groupsJson === null && row.disabledAt === null;
}

/** Throws `request.missing`. */
export async function loadAccount({ query }: TenantScope, id: string): Promise<AccountRow> {
  const row = await query.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
  if (!row) throw new HoldfastError('request.missing', { message: `There is no account ${id}.` });
  return row;
}

export async function findAccount({ query }: TenantScope, name: string): Promise<AccountRow | undefined> {
  return query.selectFrom('accounts').selectAll().where('name', '=', name).executeTakeFirst();
}

export async function listAccounts({ query }: TenantScope): Promise<AccountRow[]> {
  return query.selectFrom('accounts').selectAll().orderBy('name').limit(maxListedRows).execute();
}

export async function countFullAdministrators({ query }: TenantScope): Promise<number> {
  const rows = await query
    .selectFrom('accounts')
    .select('id')
    .where('role', '=', 'administrator')
    .where('groupsJson', 'is', null)
    .where('disabledAt', 'is', null)
    .execute();
  return rows.length;
}

/** Throws `request.conflict` when the name is taken. */
export async function insertAccount(
  scope: TenantScope,
  o: {
    name: string;
    displayName: string;
    role: PersonRole;
    groups: readonly string[] | undefined;
    passwordHash: string;
    /** Whether somebody else chose the password. Default true. */
    passwordChangeDue?: boolean;
    clock: Clock;
  },
  /** What belongs to it, in the same transaction. */
  besides?: (inside: TenantScope, row: AccountRow) => Promise<void>,
): Promise<AccountRow> {
  return scope.transaction(async (inside) => {
    if (await findAccount(inside, o.name))
      throw new HoldfastError('request.conflict', { message: `There is an account ${o.name} already.` });
    const row = await inside.query
      .insertInto('accounts')
      .values({
        id: crypto.randomUUID(),
        name: o.name,
        displayName: o.displayName,
        role: o.role,
        groupsJson: groupsJson(o.groups),
        passwordHash: o.passwordHash,
        passwordChangeDue: (o.passwordChangeDue ?? true) ? 1 : 0,
        createdAt: o.clock.now().toISOString(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await besides?.(inside, row);
    return row;
  });
}

/**
 * Changes the account as it was read: whether somebody has to agree was judged by that. Throws `request.changed` where somebody
 * else has changed it since.
 */
export async function updateAccount(
  { query }: TenantScope,
  before: AccountRow,
  after: Updateable<AccountsTable>,
): Promise<void> {
  const { numUpdatedRows } = await query
    .updateTable('accounts')
    .set(after)
    .where((row) => isAsRead(row, before))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw new HoldfastError('request.changed');
}

/** With everything it signs in with. Throws `request.changed` as `updateAccount`. */
export async function removeAccount(scope: TenantScope, before: AccountRow): Promise<void> {
  await scope.transaction(async ({ deleteFrom }) => {
    for (const table of ['credentials', 'secondFactors', 'recoveryCodes', 'outsideIdentities'] as const)
      await deleteFrom(table).where('accountId', '=', before.id).execute();
    const { numDeletedRows } = await deleteFrom('accounts')
      .where((row) => isAsRead(row, before))
      .executeTakeFirst();
    if (numDeletedRows === 0n) throw new HoldfastError('request.changed');
  });
}

function isAsRead(row: ExpressionBuilder<Database, 'accounts'>, before: AccountRow) {
  return row.and([
    row('id', '=', before.id),
    ...(['role', 'groupsJson', 'disabledAt', 'displayName'] as const).map((column) =>
      row(column, 'is not distinct from', before[column]),
    ),
  ]);
}

export function userView(row: AccountRow, secondFactors: User['secondFactors']): User {
  const groups = groupsOf(row.groupsJson);
  return {
    id: row.id,
    name: row.name,
    displayName: row.displayName,
    role: row.role,
    ...(groups ? { groups: [...groups] } : {}),
    createdAt: row.createdAt,
    passwordChangeDue: row.passwordChangeDue === 1,
    disabled: row.disabledAt !== null,
    secondFactors,
    ...(row.lastSignInAt === null ? {} : { lastSignInAt: row.lastSignInAt }),
  };
}
