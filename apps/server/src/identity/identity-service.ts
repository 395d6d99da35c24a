import { type Clock, toHoldfastError } from '@holdfast/core';
import type { GrantIssuer } from '@holdfast/protocol';
import type { Wire } from '@holdfast/wire';
import type { Logger } from 'pino';
import type { AuditLog } from '../audit/audit-log.ts';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Movers } from '../computers/movers.ts';
import type { ServerConfig } from '../config.ts';
import type { HttpApp } from '../http-app.ts';
import type { RepositoryQueries } from '../maintenance/repository-queries.ts';
import { OauthService } from '../oauth/oauth-service.ts';
import type { People } from '../people/people.ts';
import { identityProviderHandlers } from '../rest/identity-provider-handlers.ts';
import { oauthClientHandlers } from '../rest/oauth-client-handlers.ts';
import { recoveryTokenHandlers } from '../rest/recovery-token-handlers.ts';
import type { RestHandlers } from '../rest/rest-app.ts';
import { serviceAccountHandlers } from '../rest/service-account-handlers.ts';
import type { Vault } from '../vault.ts';
import { createIdentityApp, createSignInApp } from './identity-apps.ts';
import { RecoveryAccesses } from './recovery-accesses.ts';
import { RecoverySignIn } from './recovery-sign-in.ts';

/** Who somebody is, and what for: people for clients by OAuth, and certificates and grants for those without an enrolled computer. */
export interface IdentityService {
  readonly recovery: RecoverySignIn;
  readonly oauth: OauthService;
  /** For who comes to 443 with a certificate, and for 10001. */
  readonly apps: { readonly identity: HttpApp; readonly signIn: HttpApp };
  readonly handlers: Pick<
    RestHandlers,
    | keyof ReturnType<typeof recoveryTokenHandlers>
    | keyof ReturnType<typeof oauthClientHandlers>
    | keyof ReturnType<typeof identityProviderHandlers>
    | keyof ReturnType<typeof serviceAccountHandlers>
  >;
}

export async function createIdentityService(o: {
  catalogue: Catalogue;
  authority: CertificateAuthority;
  people: People;
  vault: Vault;
  audit: AuditLog;
  movers: Movers;
  grants: GrantIssuer;
  queries: RepositoryQueries;
  serverId: string;
  wire: Wire;
  config: ServerConfig;
  /** The port of the identity service. */
  identityPort: () => number;
  /** Who the OAuth provider says it is. */
  publicOrigin: () => string;
  /** Cuts what is open with a revoked certificate, and tells movers: resolves when they have been told. */
  revoked: () => Promise<void>;
  clock: Clock;
  logger: Logger;
}): Promise<IdentityService> {
  const accesses = new RecoveryAccesses(o);
  const { installation, caPem, caFingerprint } = o.authority;
  // What an account began ends with its right to it; its grants, which movers judge by themselves, end with the certificate.
  o.audit.onAudit(({ action, outcome, subject: accountId }, tenant) => {
    if (outcome !== 'done' || !['updateUser', 'resetUser', 'deleteUser'].includes(action)) return;
    accesses
      .revokeOfAccount(o.catalogue.tenant(tenant), { accountId, always: action !== 'updateUser' })
      .then(async (isAny) => (isAny ? o.revoked() : undefined))
      .catch((error: unknown) => o.logger.error({ error: toHoldfastError(error) }, 'recoveries of an account go on'));
  });
  const { authentication, credentials } = o.people;
  const recovery = new RecoverySignIn({ ...o, authentication, accesses, installation, caPem });
  const oauth = new OauthService({
    ...o,
    installation,
    issuer: o.publicOrigin,
    sessionMs: o.config.people.sessionHours * 3_600_000,
  });
  return {
    recovery,
    oauth,
    apps: {
      identity: await createIdentityApp({ ...o, accesses }),
      signIn: await createSignInApp({ signIn: recovery, logger: o.logger }),
    },
    handlers: {
      ...recoveryTokenHandlers({ ...o, accesses, caFingerprint }),
      ...oauthClientHandlers({ ...o, credentials }),
      ...identityProviderHandlers({ ...o, outside: oauth.outside }),
      ...serviceAccountHandlers({ ...o, credentials }),
    },
  };
}
