import type { Clock } from '@holdfast/core';
import { createClient, deleteClient, pageOfClients } from '../oauth/oauth-clients.ts';
import type { Credentials } from '../people/credentials.ts';
import type { RestHandlers } from './rest-app.ts';

/** Programs that people sign in to with their account here. */
export function oauthClientHandlers(o: {
  credentials: Credentials;
  clock: Clock;
}): Pick<RestHandlers, 'createOauthClient' | 'oauthClients' | 'deleteOauthClient'> {
  return {
    createOauthClient: ({ scope, caller, body }) =>
      createClient(scope, {
        ...{ ...body, role: body.role, groups: body.groups },
        ...{ actor: caller.actor, clock: o.clock },
      }),
    oauthClients: ({ scope, query }) => pageOfClients(scope, query),
    deleteOauthClient: async ({ scope, params }) => {
      await deleteClient(scope, params.id);
      await o.credentials.revokeOfClient(scope, params.id);
      return {};
    },
  };
}
