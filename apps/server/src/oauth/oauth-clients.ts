import { type Clock, HoldfastError } from '@holdfast/core';
import {
  commandLineClientId,
  deviceCodeGrant,
  type OauthClient,
  oauthScopes,
  type PersonRole,
} from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { AllClientMetadata } from 'oidc-provider';
import { z } from 'zod';
import { hashToken, newToken } from '../bearer-token.ts';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { OauthClientsTable } from '../catalogue/oauth-tables.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import { readJson } from '../json-column.ts';
import { maxOauthClients } from '../limits.ts';
import { groupsJson, groupsOf } from '../people/accounts.ts';
import type { SignInClient } from '../people/credentials.ts';

type ClientRow = Selectable<OauthClientsTable>;

/** The one client that every server has: `holdfast login --device`. */
const commandLine: SignInClient = {
  ...{ id: commandLineClientId, name: 'holdfast command line', kind: 'session', role: null, groupsJson: null },
};

const onlyCodes = { response_types: ['code'], response_modes: ['query'] } as const;

/** As the provider knows it; undefined for an unknown one. Its secret, if it has one, is its hash. */
export async function clientMetadata(scope: TenantScope, id: string): Promise<AllClientMetadata | undefined> {
  if (id === commandLineClientId)
    return {
      ...{ client_id: id, client_name: commandLine.name, application_type: 'native', redirect_uris: [] },
      ...{ grant_types: [deviceCodeGrant], response_types: [], token_endpoint_auth_method: 'none' },
      scope: oauthScopes.join(' '),
    };
  const row = await findClient(scope, id);
  if (!row) return undefined;
  const redirectUris = redirectUrisOf(row);
  return {
    ...{ ...onlyCodes, client_id: id, client_name: row.name, redirect_uris: redirectUris },
    application_type: redirectUris.every((uri) => uri.startsWith('https:')) ? 'web' : 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    scope: oauthScopes.join(' '),
    ...(row.secretHash === null
      ? { token_endpoint_auth_method: 'none' }
      : { token_endpoint_auth_method: 'client_secret_basic', client_secret: row.secretHash }),
  };
}

/** What somebody who signs in to it begins; undefined for an unknown client. */
export async function signInClient(scope: TenantScope, id: string): Promise<SignInClient | undefined> {
  if (id === commandLineClientId) return commandLine;
  const row = await findClient(scope, id);
  return row && { id, name: row.name, kind: 'api-token', role: row.role, groupsJson: row.groupsJson };
}

/** Throws `internal.limit`. */
export async function createClient(
  scope: TenantScope,
  o: {
    name: string;
    redirectUris: readonly string[];
    confidential: boolean;
    role: PersonRole | undefined;
    groups: readonly string[] | undefined;
    actor: string;
    clock: Clock;
  },
): Promise<OauthClient & { secret?: string }> {
  const secret = o.confidential ? newToken('hfc') : undefined;
  return scope.transaction(async ({ query }) => {
    const { count } = await query
      .selectFrom('oauthClients')
      .select((row) => row.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    if (count >= maxOauthClients)
      throw new HoldfastError('internal.limit', {
        message: `There are ${maxOauthClients} clients, as many as may be.`,
      });
    const row = await query
      .insertInto('oauthClients')
      .values({
        ...{ id: crypto.randomUUID(), name: o.name, redirectUrisJson: JSON.stringify(o.redirectUris) },
        ...{ role: o.role ?? null, groupsJson: groupsJson(o.groups), actor: o.actor },
        secretHash: secret === undefined ? null : hashToken(secret).toString('hex'),
        createdAt: o.clock.now().toISOString(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return { ...view(row), ...(secret === undefined ? {} : { secret }) };
  });
}

export async function pageOfClients(
  { query }: TenantScope,
  o: PageRequest,
): Promise<{ clients: OauthClient[]; next?: string }> {
  const rows = query.selectFrom('oauthClients').selectAll();
  const order = { createdAt: 'text', id: 'text' } as const;
  const { items, ...rest } = await readPage(rows, { ...o, order, newestFirst: true, view });
  return { clients: items, ...rest };
}

/** Throws `request.missing`. */
export async function deleteClient(scope: TenantScope, id: string): Promise<void> {
  const { numDeletedRows } = await scope.deleteFrom('oauthClients').where('id', '=', id).executeTakeFirst();
  if (numDeletedRows === 0n) throw new HoldfastError('request.missing', { message: `There is no client ${id}.` });
}

async function findClient({ query }: TenantScope, id: string): Promise<ClientRow | undefined> {
  return query.selectFrom('oauthClients').selectAll().where('id', '=', id).executeTakeFirst();
}

function redirectUrisOf({ redirectUrisJson }: ClientRow): string[] {
  return readJson(z.array(z.string()), redirectUrisJson, 'oauthClients.redirectUrisJson');
}

function view(row: ClientRow): OauthClient {
  const groups = groupsOf(row.groupsJson);
  return {
    ...{ id: row.id, name: row.name, redirectUris: redirectUrisOf(row), confidential: row.secretHash !== null },
    ...(row.role === null ? {} : { role: row.role }),
    ...(groups ? { groups: [...groups] } : {}),
    ...{ actor: row.actor, createdAt: row.createdAt },
  };
}
