import { z } from 'zod';

/** Where the OAuth and OpenID provider on 443 is, and what the command line says to it. Others read its discovery document. */
export const oauthPaths = {
  authorization: '/oauth/authorize',
  token: '/oauth/token',
  jwks: '/oauth/keys',
  userinfo: '/oauth/userinfo',
  revocation: '/oauth/revoke',
  device_authorization: '/oauth/device-authorization',
  code_verification: '/oauth/device',
} as const;

/** The command line as a client: every server has it. What signs in with it is a session. */
export const commandLineClientId = 'holdfast-cli';

/** What a client may ask for: `api` is the REST API, as the person who signs in and within what the client may do. */
export const oauthScopes = ['openid', 'profile', 'api'] as const;

export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';

/** RFC 8628, section 3.2. */
export const deviceAuthorization = z.object({
  device_code: z.string().min(1).max(200),
  user_code: z.string().min(1).max(50),
  verification_uri: z.url().max(2_000),
  verification_uri_complete: z.url().max(2_000).optional(),
  expires_in: z.number().int().min(1).max(86_400),
  interval: z.number().int().min(1).max(60).default(5),
});

export const tokenAnswer = z.object({
  access_token: z.string().min(1).max(200),
  token_type: z.string(),
  expires_in: z.number().int().positive(),
});

/** RFC 6749, section 5.2. */
export const oauthError = z.object({ error: z.string().max(100), error_description: z.string().max(1_000).optional() });
