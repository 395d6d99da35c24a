import { HoldfastError } from '@holdfast/core';
import { type Destination, type NotifyConfig, notifyConfigSchema, secretsOf } from '@holdfast/notify';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { readJson } from '../json-column.ts';
import { maxNotificationSecrets } from '../limits.ts';
import type { Vault } from '../vault.ts';

export interface StoredSettings {
  readonly config: NotifyConfig;
  readonly changedAt: string;
  readonly summarisedUntil: string;
}

/** Undefined: nobody is notified. */
export async function loadSettings({ query }: Pick<TenantScope, 'query'>): Promise<StoredSettings | undefined> {
  const row = await query.selectFrom('notificationSettings').selectAll().executeTakeFirst();
  if (!row) return undefined;
  const { settingsJson, changedAt, summarisedUntil } = row;
  return {
    config: readJson(notifyConfigSchema, settingsJson, 'notificationSettings.settingsJson'),
    changedAt,
    summarisedUntil,
  };
}

/** The names of those that are kept. */
export async function keptSecrets({ query }: Pick<TenantScope, 'query'>): Promise<string[]> {
  return (await query.selectFrom('notificationSecrets').select('name').orderBy('name').execute()).map(
    ({ name }) => name,
  );
}

/**
 * Throws `request.invalid` where a secret is named that neither is given nor was kept before for the same place: who may change
 * settings is never shown a secret, and must not have it sent elsewhere either.
 */
export async function saveSettings(
  scope: TenantScope,
  o: {
    readonly config: NotifyConfig;
    readonly secrets: Readonly<Record<string, string>>;
    readonly vault: Vault;
    readonly now: Date;
  },
): Promise<void> {
  const named = secretsOf(o.config);
  if (named.length > maxNotificationSecrets)
    throw new HoldfastError('internal.limit', { message: `More than ${maxNotificationSecrets} secrets are named.` });
  const settingsJson = JSON.stringify(o.config);
  const now = o.now.toISOString();
  await scope.transaction(async (inner) => {
    const kept = await keptSecrets(inner);
    const unknown = named.filter((name) => !Object.hasOwn(o.secrets, name) && !kept.includes(name));
    if (unknown.length > 0)
      throw new HoldfastError('request.invalid', {
        message: `The settings name secrets that the server does not have: ${unknown.join(', ')}.`,
        guidance: 'Send them along.',
      });
    const before = (await loadSettings(inner))?.config.destinations ?? {};
    const moved = movedSecrets(before, o.config.destinations).filter((name) => !Object.hasOwn(o.secrets, name));
    if (moved.length > 0)
      throw new HoldfastError('request.invalid', {
        message: `These secrets were given for destinations that were set otherwise: ${moved.join(', ')}.`,
        guidance: 'Send them along again.',
      });
    const { query, deleteFrom } = inner;
    for (const name of kept)
      if (!named.includes(name)) await deleteFrom('notificationSecrets').where('name', '=', name).execute();
    for (const name of named) {
      const secret = Object.hasOwn(o.secrets, name) ? o.secrets[name] : undefined;
      if (secret === undefined) continue;
      const sealed = o.vault.seal(secret.trimEnd(), { tenant: inner.tenant, kind: 'notification', id: name });
      await query
        .insertInto('notificationSecrets')
        .values({ name, sealed })
        .onConflict((conflict) => conflict.columns(['tenant', 'name']).doUpdateSet({ sealed }))
        .execute();
    }
    await query
      .insertInto('notificationSettings')
      .values({ settingsJson, changedAt: now, summarisedUntil: now })
      .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ settingsJson, changedAt: now }))
      .execute();
  });
}

/** Names of secrets that destinations name which are other places now, or are signed in to otherwise. Who is written to may change. */
function movedSecrets(before: NotifyConfig['destinations'], after: NotifyConfig['destinations']): string[] {
  const placeOf = (destination: Destination): string =>
    JSON.stringify({ ...destination, ...('to' in destination ? { to: [] } : {}) });
  const known = new Set(Object.values(before).map(placeOf));
  const others = Object.entries(after).filter(([, destination]) => !known.has(placeOf(destination)));
  return secretsOf({ destinations: Object.fromEntries(others) });
}

/** With all that waits, and what was told of. */
export async function deleteSettings(scope: TenantScope): Promise<void> {
  await scope.transaction(async ({ deleteFrom }) => {
    for (const table of [
      'notificationSettings',
      'notificationSecrets',
      'notificationCauses',
      'notificationConditions',
      'notifications',
    ] as const)
      await deleteFrom(table).execute();
  });
}

/** Throws `usage.configuration` for one that is not there. */
export async function openSecret(scope: TenantScope, name: string, vault: Vault): Promise<string> {
  const row = await scope.query
    .selectFrom('notificationSecrets')
    .select('sealed')
    .where('name', '=', name)
    .executeTakeFirst();
  if (row) return vault.open(row.sealed, { tenant: scope.tenant, kind: 'notification', id: name });
  throw new HoldfastError('usage.configuration', {
    message: `The server has no secret ${name} for notifications.`,
    guidance: 'Send the settings again, with the secret.',
  });
}
