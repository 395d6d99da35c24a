import { z } from 'zod';
import { entityId, isoTime } from '../names.ts';
import { personRole } from '../permissions.ts';
import { route } from '../route.ts';
import { groups } from './account-routes.ts';
import { byId, pageOf, pageQuery, text } from './parts.ts';

/**
 * Where the client takes the code (RFC 8252, OAuth 2.1): `https:`, or of a program on the person's computer `http:` on a loopback
 * address with any port, or a scheme of its own that is a domain name backwards.
 */
const redirectUri = z
  .string()
  .max(1_000)
  .refine(
    isRedirectUri,
    'https://…, http://127.0.0.1/…, http://[::1]/… or a scheme such as org.example.app:/…, without #',
  );

function isRedirectUri(text: string): boolean {
  const url = URL.parse(text);
  if (!url || text.includes('#') || /\s/.test(text) || url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:')
    return url.hostname !== 'localhost' && /^([a-z0-9.-]+|\[[0-9a-f:.]+\])$/.test(url.hostname);
  if (url.protocol === 'http:') return isLoopback(url);
  return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol);
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === '127.0.0.1' || hostname === '[::1]';
}

const oauthClient = z.object({
  /** The `client_id`. */
  id: entityId,
  name: z.string(),
  redirectUris: z.array(z.string()),
  /** Whether it authenticates itself with a secret. */
  confidential: z.boolean(),
  /** What it may do at most, for whoever signs in; absent: what that one may do. */
  role: personRole.optional(),
  groups: groups.optional(),
  /** Who registered it, as the audit names it. */
  actor: z.string(),
  createdAt: isoTime,
});
export type OauthClient = z.infer<typeof oauthClient>;

export const oauthClientRoutes = {
  createOauthClient: route('createOauthClient', 'POST', '/api/v1/oauth-clients', {
    access: 'people.manage',
    stepUp: true,
    summary: 'Register a program that people may sign in to with their account here; its secret is told this once',
    tag: 'people',
    audited: ['name', 'redirectUris', 'confidential', 'role', 'groups'],
    body: z
      .strictObject({
        name: text,
        redirectUris: z.array(redirectUri).min(1).max(20),
        confidential: z.boolean().default(false),
        role: personRole.optional(),
        groups: groups.optional(),
      })
      .refine(
        ({ redirectUris }) => new Set(redirectUris.map((uri) => uri.startsWith('https:'))).size === 1,
        'either all redirect URIs are https:, or none is',
      ),
    response: oauthClient.extend({ secret: z.string().optional() }),
  }),
  oauthClients: route('oauthClients', 'GET', '/api/v1/oauth-clients', {
    access: 'people.manage',
    summary: 'Programs that people may sign in to',
    tag: 'people',
    query: pageQuery,
    response: pageOf('clients', oauthClient),
  }),
  deleteOauthClient: route('deleteOauthClient', 'DELETE', '/api/v1/oauth-clients/{id}', {
    access: 'people.manage',
    summary: 'Remove a client; what people signed in to with it ends at once',
    tag: 'people',
    params: byId,
    response: z.object({}),
  }),
} as const;
