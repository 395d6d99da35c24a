import type { Clock } from '@holdfast/core';
import {
  deleteIdentity,
  deleteProvider,
  insertIdentity,
  insertProvider,
  listProviders,
  loadProvider,
  pageOfIdentities,
  providerView,
} from '../oauth/identity-providers.ts';
import type { OutsideSignIn } from '../oauth/outside-sign-in.ts';
import { isFullAdministrator, loadAccount } from '../people/accounts.ts';
import type { Vault } from '../vault.ts';
import type { RestHandlers } from './rest-app.ts';

/** Providers elsewhere that people sign in with, and who they are here. */
export function identityProviderHandlers(o: {
  outside: OutsideSignIn;
  vault: Vault;
  clock: Clock;
}): Pick<
  RestHandlers,
  | 'createIdentityProvider'
  | 'identityProviders'
  | 'deleteIdentityProvider'
  | 'linkIdentity'
  | 'outsideIdentities'
  | 'unlinkIdentity'
> {
  const { outside, vault, clock } = o;
  return {
    createIdentityProvider: async ({ scope, caller, body, requireApproval }) => {
      const { clientSecret: secret, ...settings } = body;
      // Whoever decides about that provider's claims could make administrators of everything.
      if (settings.newAccounts?.roles.some(({ role, groups }) => role === 'administrator' && groups === undefined))
        await requireApproval();
      await outside.check(settings, secret);
      const id = crypto.randomUUID();
      const made = await insertProvider(scope, { id, settings, secret, actor: caller.actor, vault, clock });
      return providerView(made, outside.redirectUri(id));
    },
    identityProviders: async ({ scope }) => ({
      providers: (await listProviders(scope)).map((one) => providerView(one, outside.redirectUri(one.row.id))),
    }),
    deleteIdentityProvider: async ({ scope, params }) => {
      await deleteProvider(scope, params.id);
      return {};
    },
    linkIdentity: async ({ scope, params, body, note, requireApproval }) => {
      const { row } = await loadProvider(scope, params.id);
      const account = await loadAccount(scope, body.userId);
      note({ details: { name: account.name } });
      // As choosing a password for it would be.
      if (isFullAdministrator({ ...account, disabledAt: null })) await requireApproval();
      const identity = { providerId: row.id, subject: body.subject, accountId: account.id, clock };
      const { id, subject, createdAt } = await insertIdentity(scope, identity);
      return { id, subject, userId: account.id, userName: account.name, createdAt };
    },
    outsideIdentities: async ({ scope, params, query }) => {
      await loadProvider(scope, params.id);
      return pageOfIdentities(scope, { ...query, providerId: params.id });
    },
    unlinkIdentity: async ({ scope, params }) => {
      await deleteIdentity(scope, { providerId: params.id, id: params.identityId });
      return {};
    },
  };
}
