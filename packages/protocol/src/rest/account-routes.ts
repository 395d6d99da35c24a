import { z } from 'zod';
import { entityId, isoTime, slug } from '../names.ts';
import { personRole } from '../permissions.ts';
import { route } from '../route.ts';
import { byId, text } from './parts.ts';

/** Longer ones are no passwords that people have; argon2id takes any length. */
export const password = z.string().min(1).max(1024);
/** Lower-case, also an address of mail: `alice`, `alice@example.org`. */
export const accountName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._@+-]{0,99}$/, 'use a-z, 0-9 and ._@+-, at most 100 characters');
/** Absent: all groups. */
export const groups = z.array(slug).min(1).max(1000);

const code = z.string().regex(/^\d{6}$/, 'six digits');
const base64url = z.string().regex(/^[A-Za-z0-9_-]{1,20000}$/);

/** What `navigator.credentials` gives as JSON (WebAuthn level 3, `toJSON`); what the browser adds besides is left out. */
const passkeyAssertion = z.object({
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.optional(),
  }),
  clientExtensionResults: z.object({}).default({}),
});
const passkeyRegistration = z.object({
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({ clientDataJSON: base64url, attestationObject: base64url }),
  clientExtensionResults: z.object({}).default({}),
});
/** For `navigator.credentials`, as JSON. */
const passkeyOptions = z.record(z.string(), z.unknown());

export const totpProof = z.strictObject({ kind: z.literal('totp'), code });
export const recoveryCodeProof = z.strictObject({ kind: z.literal('recovery-code'), code: z.string().min(1).max(40) });
const proof = z.discriminatedUnion('kind', [
  totpProof,
  recoveryCodeProof,
  z.strictObject({ kind: z.literal('passkey'), response: passkeyAssertion }),
]);
export type SecondFactorProof = z.infer<typeof proof>;
export type PasskeyRegistration = z.infer<typeof passkeyRegistration>;

export const session = z.object({
  state: z.literal('signed-in'),
  /** For the header `authorization: Bearer`. Told this once. */
  token: z.string(),
  expiresAt: isoTime,
  /** What has to be done before anything else is allowed. */
  due: z.enum(['password', 'second-factor']).optional(),
});

const factorKind = z.enum(['totp', 'passkey', 'recovery-code']);
const secondFactor = z.object({
  id: entityId,
  kind: z.enum(['totp', 'passkey']),
  name: z.string(),
  createdAt: isoTime,
});

export const user = z.object({
  id: entityId,
  name: accountName,
  displayName: z.string(),
  role: personRole,
  groups: groups.optional(),
  createdAt: isoTime,
  lastSignInAt: isoTime.optional(),
  /** Somebody else chose the password. */
  passwordChangeDue: z.boolean(),
  disabled: z.boolean(),
  secondFactors: z.array(secondFactor),
});
export type User = z.infer<typeof user>;

/** A session or an API token. */
export const access = z.object({
  id: entityId,
  kind: z.enum(['session', 'api-token']),
  /** Of an API token, or of the OAuth client. */
  name: z.string(),
  /** What an API token may do at most. */
  role: personRole.optional(),
  groups: groups.optional(),
  /** The OAuth client that was signed in to. */
  clientId: z.string().optional(),
  createdAt: isoTime,
  lastUsedAt: isoTime,
  /** Of both ends, the sooner: unused, or too old. */
  expiresAt: isoTime,
  remoteAddress: z.string(),
  /** The one that this request came with. */
  present: z.boolean(),
});
export type AccessView = z.infer<typeof access>;

/** Told when the first second factor is set up, and when new ones are made. */
const recoveryCodes = z.array(z.string());

export const accountRoutes = {
  signIn: route('signIn', 'POST', '/api/v1/sign-in', {
    access: 'public',
    summary: 'Sign in with a name and a password; says whether a second factor is needed besides',
    tag: 'account',
    body: z.strictObject({ name: z.string().min(1).max(200), password }),
    response: z.discriminatedUnion('state', [
      session,
      z.object({
        state: z.literal('second-factor'),
        /** To be given with the second factor. */
        pending: z.string(),
        expiresAt: isoTime,
        factors: z.array(factorKind),
        passkeyOptions: passkeyOptions.optional(),
      }),
    ]),
  }),
  completeSignIn: route('completeSignIn', 'POST', '/api/v1/sign-in/second-factor', {
    access: 'public',
    summary: 'The second factor of a sign-in',
    tag: 'account',
    body: z.strictObject({ pending: z.string().min(1).max(100), proof }),
    response: session,
  }),
  signOut: route('signOut', 'POST', '/api/v1/sign-out', {
    access: 'account.manage',
    summary: 'End this session',
    tag: 'account',
    response: z.object({}),
  }),
  account: route('account', 'GET', '/api/v1/account', {
    access: 'account.manage',
    summary: 'The own account',
    tag: 'account',
    response: z.object({
      user,
      due: session.shape.due,
      recoveryCodesLeft: z.number().int(),
      /** Until when the session lasts at most, and until when unless it is used. */
      session: z.object({ expiresAt: isoTime, idleExpiresAt: isoTime }).optional(),
      /** Whether an action that asks for a fresh second factor may be done now; `needed`: after `confirm`. */
      stepUp: z.enum(['none-set', 'fresh', 'needed', 'impossible']),
    }),
  }),
  changePassword: route('changePassword', 'POST', '/api/v1/account/password', {
    access: 'account.manage',
    stepUp: true,
    summary: 'Change the own password; ends the other sessions, and API tokens if asked to',
    audited: ['endApiTokens'],
    tag: 'account',
    body: z.strictObject({
      currentPassword: password,
      newPassword: password,
      /** After a theft: they are good without the password. */
      endApiTokens: z.boolean().default(false),
    }),
    response: z.object({}),
  }),
  confirm: route('confirm', 'POST', '/api/v1/account/confirm', {
    access: 'account.manage',
    summary: 'Give a second factor again, for an action that asks for a fresh one',
    tag: 'account',
    body: z.strictObject({ proof }),
    response: z.object({ until: isoTime }),
  }),
  passkeyChallenge: route('passkeyChallenge', 'POST', '/api/v1/account/passkey-challenge', {
    access: 'account.manage',
    summary: 'What a passkey is to answer to `confirm`',
    tag: 'account',
    response: z.object({ passkeyOptions }),
  }),
  addTotp: route('addTotp', 'POST', '/api/v1/account/totp', {
    access: 'account.manage',
    stepUp: true,
    summary: 'Begin to set up one-time passwords; the secret is told this once',
    tag: 'account',
    audited: ['name'],
    body: z.strictObject({ name: text.default('authenticator'), currentPassword: password }),
    response: z.object({ id: entityId, secret: z.string(), uri: z.string() }),
  }),
  confirmTotp: route('confirmTotp', 'POST', '/api/v1/account/totp/{id}/confirm', {
    access: 'account.manage',
    summary: 'A first code shows that one-time passwords are set up',
    tag: 'account',
    params: byId,
    body: z.strictObject({ code }),
    response: z.object({ recoveryCodes: recoveryCodes.optional() }),
  }),
  addPasskey: route('addPasskey', 'POST', '/api/v1/account/passkeys', {
    access: 'account.manage',
    stepUp: true,
    summary: 'Begin to set up a passkey',
    tag: 'account',
    body: z.strictObject({ currentPassword: password }),
    response: z.object({ passkeyOptions }),
  }),
  confirmPasskey: route('confirmPasskey', 'POST', '/api/v1/account/passkeys/confirm', {
    access: 'account.manage',
    summary: 'What the authenticator made',
    tag: 'account',
    audited: ['name'],
    body: z.strictObject({ name: text.default('passkey'), response: passkeyRegistration }),
    response: z.object({ id: entityId, recoveryCodes: recoveryCodes.optional() }),
  }),
  removeSecondFactor: route('removeSecondFactor', 'DELETE', '/api/v1/account/second-factors/{id}', {
    access: 'account.manage',
    stepUp: true,
    summary: 'Remove a second factor; with the last one the recovery codes go',
    tag: 'account',
    params: byId,
    response: z.object({}),
  }),
  renewRecoveryCodes: route('renewRecoveryCodes', 'POST', '/api/v1/account/recovery-codes', {
    access: 'account.manage',
    stepUp: true,
    summary: 'New recovery codes; the old ones are worth nothing then',
    tag: 'account',
    response: z.object({ recoveryCodes }),
  }),
  ownAccess: route('ownAccess', 'GET', '/api/v1/account/access', {
    access: 'account.manage',
    summary: 'Own sessions and API tokens',
    tag: 'account',
    response: z.object({ access: z.array(access) }),
  }),
  revokeOwnAccess: route('revokeOwnAccess', 'DELETE', '/api/v1/account/access/{id}', {
    access: 'account.manage',
    summary: 'End an own session or API token, at once',
    tag: 'account',
    params: byId,
    response: z.object({}),
  }),
  createApiToken: route('createApiToken', 'POST', '/api/v1/account/api-tokens', {
    access: 'account.manage',
    stepUp: true,
    summary: 'Make an API token; its text is told this once',
    tag: 'account',
    audited: ['name', 'role', 'groups', 'lifetimeDays'],
    body: z.strictObject({
      name: text,
      /** Default: the own one at the moment. It never gives more than its owner has. */
      role: personRole.optional(),
      groups: groups.optional(),
      lifetimeDays: z.number().int().min(1).max(366).default(90),
    }),
    response: access.extend({ token: z.string() }),
  }),
} as const;
