import { z } from 'zod';
import { entityId, isoTime } from '../names.ts';
import { personRole } from '../permissions.ts';
import { route } from '../route.ts';
import { accountName, groups } from './account-routes.ts';
import { byId, pageOf, pageQuery, text } from './parts.ts';

const pem = z
  .string()
  .max(64 * 1024)
  .regex(/-----BEGIN CERTIFICATE-----/, 'certificates in PEM form');

/** A provider of OpenID Connect elsewhere that people may sign in with. */
export const identityProviderSettings = z.strictObject({
  /** What the button says. */
  name: text,
  /** As the provider's discovery document has it, letter by letter. */
  issuer: z.url({ protocol: /^https$/ }).max(500),
  clientId: text,
  /** Its CA, where that is none of the system's. */
  caPem: pem.optional(),
  /** It may be on this computer, or at an address of one link. */
  allowLocalAddresses: z.boolean().default(false),
  /** Left out: only who was linked with an account signs in. */
  newAccounts: z
    .strictObject({
      /** The claim that names the account. */
      nameClaim: text.default('preferred_username'),
      /** The claim, a text or a list of texts, that decides what the person may do; the first entry that it has counts. */
      claim: text,
      roles: z
        .array(z.strictObject({ value: text, role: personRole, groups: groups.optional() }))
        .min(1)
        .max(100),
    })
    .optional(),
});
export type IdentityProviderSettings = z.output<typeof identityProviderSettings>;

const identityProvider = identityProviderSettings.extend({
  id: entityId,
  /** What has to be registered there. */
  redirectUri: z.string(),
  hasSecret: z.boolean(),
  actor: z.string(),
  createdAt: isoTime,
});
export type IdentityProvider = z.infer<typeof identityProvider>;

const outsideIdentity = z.object({
  id: entityId,
  /** As the provider calls the person. */
  subject: z.string(),
  userId: entityId,
  userName: accountName,
  createdAt: isoTime,
});
export type OutsideIdentity = z.infer<typeof outsideIdentity>;

export const identityProviderRoutes = {
  createIdentityProvider: route('createIdentityProvider', 'POST', '/api/v1/identity-providers', {
    access: 'people.manage',
    approval: 'conditional',
    stepUp: true,
    summary: 'Let people sign in with a provider of OpenID Connect elsewhere; it is asked who it is first',
    tag: 'people',
    audited: ['name', 'issuer', 'clientId', 'newAccounts', 'allowLocalAddresses'],
    body: identityProviderSettings.extend({ clientSecret: z.string().min(1).max(1000).optional() }),
    response: identityProvider,
  }),
  identityProviders: route('identityProviders', 'GET', '/api/v1/identity-providers', {
    access: 'people.manage',
    summary: 'Providers elsewhere that people may sign in with',
    tag: 'people',
    response: z.object({ providers: z.array(identityProvider) }),
  }),
  deleteIdentityProvider: route('deleteIdentityProvider', 'DELETE', '/api/v1/identity-providers/{id}', {
    access: 'people.manage',
    summary: 'Nobody signs in with it any more; accounts, and sessions that were begun, stay',
    tag: 'people',
    params: byId,
    response: z.object({}),
  }),
  linkIdentity: route('linkIdentity', 'POST', '/api/v1/identity-providers/{id}/identities', {
    access: 'people.manage',
    approval: 'conditional',
    stepUp: true,
    summary: 'Say whose account somebody of the provider signs in to',
    tag: 'people',
    params: byId,
    audited: ['userId', 'subject'],
    body: z.strictObject({ userId: entityId, subject: z.string().min(1).max(255) }),
    response: outsideIdentity,
  }),
  outsideIdentities: route('outsideIdentities', 'GET', '/api/v1/identity-providers/{id}/identities', {
    access: 'people.manage',
    summary: 'Whose accounts people of the provider sign in to',
    tag: 'people',
    params: byId,
    query: pageQuery,
    response: pageOf('identities', outsideIdentity),
  }),
  unlinkIdentity: route('unlinkIdentity', 'DELETE', '/api/v1/identity-providers/{id}/identities/{identityId}', {
    access: 'people.manage',
    summary: 'That one signs in with the provider no more',
    tag: 'people',
    params: z.strictObject({ id: entityId, identityId: entityId }),
    response: z.object({}),
  }),
} as const;
