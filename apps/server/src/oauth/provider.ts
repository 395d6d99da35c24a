import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { commandLineClientId, oauthPaths, oauthScopes } from '@holdfast/protocol';
import type { PresentedCertificate } from '@holdfast/wire';
import { type Adapter, errors, interactionPolicy, type JWK, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Logger } from 'pino';
import { hashToken, newToken } from '../bearer-token.ts';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { oauthCodeMs, oauthSignInMs, oauthTokenMs } from '../limits.ts';
import type { ArtifactStore } from './artifact-store.ts';
import { deviceCodeForm, deviceConfirmation, deviceDone, providerError } from './device-pages.ts';
import { clientMetadata } from './oauth-clients.ts';
import { sessionCookie, signInPath } from './paths.ts';
import { machineMetadata, uriOf } from './service-accounts.ts';

/** Paths of the provider's own that nobody can ask for: they are not passed on to it. */
const unused = '/oauth/unused';

const cookieNames = {
  session: sessionCookie,
  interaction: '__Secure-holdfast-interaction',
  resume: '__Secure-holdfast-resume',
} as const;

export interface ProviderParts {
  readonly issuer: string;
  readonly scope: TenantScope;
  readonly store: ArtifactStore;
  readonly keys: readonly JWK[];
  readonly cookieKey: string;
  /** How long what somebody signed in to lasts at most. */
  readonly sessionMs: number;
  /** A device's code that was asked for in the address of the page, to be shown in its field. */
  readonly userCodeOf: (request: IncomingMessage) => string | undefined;
  /** What the client has shown in the handshake of its connection. */
  readonly presentedBy: (request: IncomingMessage) => PresentedCertificate | undefined;
  /** A machine is about to get a token. */
  readonly onMachineToken: (o: { accountId: string; request: IncomingMessage }) => Promise<void>;
  /** Something that names a machine did not prove to be it. */
  readonly onMachineRefused: (o: { accountId: string; request: IncomingMessage }) => void;
  readonly installation: string;
  /** Somebody typed a code that no device has. */
  readonly onWrongUserCode: (request: IncomingMessage) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * OAuth 2.1 and OpenID Connect by oidc-provider: codes with PKCE for everybody, redirections to exactly what was registered, refresh
 * tokens that rotate, devices. Everybody signs in to each client by themselves: no sign-in of the browser is remembered, so nothing can
 * be obtained by who only has the browser's cookies.
 */
export function newProvider(o: ProviderParts): Provider {
  const seconds = (ms: number): number => Math.ceil(ms / 1000);
  const sessionSeconds = seconds(o.sessionMs);
  const policy = interactionPolicy.base();
  policy
    .get('login')
    ?.checks.add(
      new interactionPolicy.Check('always', 'each client is signed in to by itself', (ctx) => !ctx.oidc.result?.login),
    );
  const cookie = { httpOnly: true, secure: true, sameSite: 'lax', signed: true, overwrite: true } as const;
  const provider = new Provider(o.issuer, {
    adapter: (model) => adapterOf(o, model),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: [
      'none',
      'client_secret_basic',
      'client_secret_post',
      'tls_client_auth',
      'self_signed_tls_client_auth',
    ],
    clientBasedCORS: () => false,
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
    scopes: [...oauthScopes],
    responseTypes: ['code'],
    allowOmittingSingleRegisteredRedirectUri: false,
    cookies: { names: cookieNames, long: { ...cookie, path: '/' }, short: cookie, keys: [o.cookieKey] },
    features: {
      devInteractions: { enabled: false },
      // The REST API takes bearer tokens.
      dPoP: { enabled: false },
      resourceIndicators: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      // Of a client's own tokens alone; of others it is told nothing.
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      userinfo: { enabled: true },
      clientCredentials: { enabled: true },
      // RFC 8705, for machines alone: what people sign in to is bound to no certificate.
      mTLS: {
        enabled: true,
        ...{ certificateBoundAccessTokens: true, selfSignedTlsClientAuth: true, tlsClientAuth: true },
        getCertificate: ({ req }) => o.presentedBy(req)?.certificate,
        certificateAuthorized: ({ req }) => o.presentedBy(req)?.peer !== undefined,
        certificateSubjectMatches: ({ req }, property, expected) => {
          const peer = o.presentedBy(req)?.peer;
          return property === 'tls_client_auth_san_uri' && peer !== undefined && uriOf(peer) === expected;
        },
      },
      deviceFlow: {
        enabled: true,
        deviceInfo: (ctx) => ({ ip: ctx.req.socket.remoteAddress ?? '' }),
        userCodeInputSource: (ctx, _form, _out, error) => {
          if (error && 'userCode' in error) o.onWrongUserCode(ctx.req);
          deviceCodeForm(ctx, { typed: o.userCodeOf(ctx.req), error });
        },
        userCodeConfirmSource: (ctx, _form, client, device, code) =>
          deviceConfirmation(ctx, {
            client: client.clientName ?? client.clientId,
            address: String(device['ip']),
            code,
          }),
        successSource: deviceDone,
      },
    },
    // The server asks nobody for anything: clients have no documents elsewhere.
    fetch: () =>
      Promise.reject(new HoldfastError('internal.unexpected', { message: 'The OAuth provider asks nobody.' })),
    findAccount: async (_ctx, id) => {
      const row = await o.scope.query.selectFrom('accounts').selectAll().where('id', '=', id).executeTakeFirst();
      if (!row || row.disabledAt !== null) return undefined;
      return { accountId: id, claims: () => ({ sub: id, name: row.displayName, preferred_username: row.name }) };
    },
    // What was signed in to ends with its session or API token, not with the browser's cookie.
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    interactions: { policy, url: (_ctx, interaction) => signInPath(interaction.uid) },
    jwks: { keys: o.keys },
    pkce: { required: () => true },
    renderError: providerError,
    routes: {
      ...oauthPaths,
      end_session: unused,
      introspection: `${unused}/introspection`,
      pushed_authorization_request: `${unused}/request`,
      registration: `${unused}/registration`,
      challenge: `${unused}/challenge`,
      backchannel_authentication: `${unused}/backchannel`,
    },
    ttl: {
      // The command line keeps no refresh token: its access token lasts as the session of `holdfast login` does.
      AccessToken: (_ctx, _token, client) =>
        client.clientId === commandLineClientId ? sessionSeconds : seconds(oauthTokenMs),
      AuthorizationCode: seconds(oauthCodeMs),
      ClientCredentials: seconds(oauthTokenMs),
      DeviceCode: seconds(oauthSignInMs),
      Grant: sessionSeconds,
      IdToken: seconds(oauthTokenMs),
      Interaction: seconds(oauthSignInMs),
      RefreshToken: sessionSeconds,
      Session: seconds(oauthSignInMs),
    },
  });
  provider.silent = true;
  // With prefixes that scanners of leaked secrets can find.
  makeWith(provider.AccessToken, 'hfo');
  makeWith(provider.RefreshToken, 'hfr');
  makeWith(provider.ClientCredentials, 'hfo');
  // What is kept of a secret is its hash.
  provider.Client.prototype.compareClientSecret = function compareClientSecret(given: string): boolean {
    return timingSafeEqual(hashToken(given), Buffer.from(this.clientSecret ?? '', 'hex'));
  };
  provider.on('server_error', (_ctx: KoaContextWithOIDC, error: Error) =>
    o.logger.error({ error: toHoldfastError(error), cause: error }, 'OAuth provider'),
  );
  provider.on('grant.error', (ctx: KoaContextWithOIDC) => {
    const accountId = ctx.oidc.params?.['client_id'];
    const isOfMachine = ctx.oidc.params?.['grant_type'] === 'client_credentials';
    if (isOfMachine && typeof accountId === 'string') o.onMachineRefused({ accountId, request: ctx.req });
  });
  return provider;
}

/** The model notes besides what form its tokens have. */
function makeWith({ prototype }: { readonly prototype: object }, prefix: 'hfo' | 'hfr'): void {
  const before: unknown = Reflect.get(prototype, 'generateTokenId');
  if (typeof before !== 'function')
    throw new HoldfastError('internal.unexpected', {
      message: 'Tokens of the OAuth provider are made in another way.',
    });
  const generateTokenId = function generateTokenId(this: unknown): string {
    before.call(this);
    return newToken(prefix);
  };
  Object.assign(prototype, { generateTokenId });
}

function adapterOf({ scope, store, installation, onMachineToken }: ProviderParts, model: string): Adapter {
  const findClient = async (id: string) =>
    (await clientMetadata(scope, id)) ?? (await machineMetadata(scope, { id, installation }));
  return {
    find: (id) => (model === 'Client' ? findClient(id) : store.find(scope, model, id)),
    findByUid: (uid) => store.findByUid(scope, model, uid),
    findByUserCode: (userCode) => store.findByUserCode(scope, model, userCode),
    upsert: async (id, payload, expiresInSeconds) => {
      const request = Provider.ctx?.req;
      // Noted first: a token that nobody knows of is given to nobody.
      if (model === 'ClientCredentials' && request)
        await onMachineToken({ accountId: payload.clientId ?? '', request });
      await store.upsert(scope, { model, id, payload, expiresInSeconds });
    },
    consume: async (id) => {
      if (await store.consume(scope, model, id)) return;
      // Somebody else used it between this one's look and now: whoever of both is the thief, neither keeps what it gave.
      const payload = await store.find(scope, model, id);
      if (payload?.grantId !== undefined) await store.endCredential(scope, payload.grantId);
      throw new errors.InvalidGrant('used at the same time by somebody else');
    },
    // The provider ends a grant when a code or a refresh token is used again, and when a token is revoked.
    destroy: (id) => (model === 'Grant' ? store.endCredential(scope, id) : store.destroy(scope, model, id)),
    revokeByGrantId: (grantId) => store.revokeOf(scope, model, grantId),
  };
}
