import { oauthPaths } from '@holdfast/protocol';

/** What of the provider can be asked for. It gets no other request. */
export const providerRoutes = [
  { method: 'GET', url: '/.well-known/openid-configuration' },
  { method: 'GET', url: '/.well-known/oauth-authorization-server' },
  { method: 'GET', url: oauthPaths.jwks },
  { method: 'GET', url: oauthPaths.authorization },
  { method: 'GET', url: `${oauthPaths.authorization}/:uid` },
  { method: 'POST', url: oauthPaths.token },
  { method: 'POST', url: oauthPaths.revocation },
  { method: 'GET', url: oauthPaths.userinfo },
  { method: 'POST', url: oauthPaths.userinfo },
  { method: 'POST', url: oauthPaths.device_authorization },
  { method: 'GET', url: oauthPaths.code_verification },
  { method: 'POST', url: oauthPaths.code_verification },
  { method: 'GET', url: `${oauthPaths.code_verification}/:uid` },
] as const;

/** Where a provider elsewhere sends people back to. */
export const outsidePath = '/oauth/outside/:provider';

/** The page of the console that ends what it began. */
export const consoleOutsidePage = '/sign-in/outside';

/** Of the provider's session, which lasts no longer than a sign-in. */
export const sessionCookie = '__Host-holdfast-oauth';

export function signInPath(uid: string): string {
  return `/oauth/sign-in/${uid}`;
}
