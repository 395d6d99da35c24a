import { HoldfastError } from '@holdfast/core';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { stepUpMs } from '../limits.ts';
import { type AccountRow, actorOf, loadAccount, rightsOf, userView } from '../people/accounts.ts';
import type { Authentication } from '../people/authentication.ts';
import type { Caller } from '../people/caller.ts';
import { accessView } from '../people/credentials.ts';
import type { People } from '../people/people.ts';
import { factorViews } from '../people/second-factors.ts';
import type { SignInResult } from '../people/sign-in.ts';
import type { SessionCookie } from './browser-request.ts';
import type { RestHandlers } from './rest-app.ts';

type AccountRoutes = Extract<
  keyof RestHandlers,
  | 'signIn'
  | 'completeSignIn'
  | 'signOut'
  | 'account'
  | 'changePassword'
  | 'confirm'
  | 'passkeyChallenge'
  | 'addTotp'
  | 'confirmTotp'
  | 'addPasskey'
  | 'confirmPasskey'
  | 'removeSecondFactor'
  | 'renewRecoveryCodes'
  | 'ownAccess'
  | 'revokeOwnAccess'
  | 'createApiToken'
>;

/** Signing in, and what people do with their own account. */
export function accountHandlers(o: {
  people: People;
  authentication: Authentication;
  catalogue: Catalogue;
}): Pick<RestHandlers, AccountRoutes> {
  const { credentials, factors, signIn, clock } = o.people;

  /** The own account, in the tenant's whole scope: accounts belong to no group. */
  async function own(caller: Caller): Promise<{ scope: TenantScope; account: AccountRow }> {
    if (caller.accountId === undefined)
      throw new HoldfastError('request.conflict', {
        message: 'The local administrator has no account: its token is the file of the data directory.',
        guidance: 'Make an account with `holdfast users create`, and sign in with `holdfast login`.',
      });
    const scope = o.catalogue.tenant(caller.tenant);
    return { scope, account: await loadAccount(scope, caller.accountId) };
  }

  function sessionOf({ credential }: Caller): string {
    if (credential.kind === 'session') return credential.id;
    throw new HoldfastError('auth.forbidden', { message: 'That needs a session: sign in with `holdfast login`.' });
  }

  /** A second factor was given: the session is fresh, and that of a browser gets another token. */
  async function confirmed(scope: TenantScope, caller: Caller, cookie: SessionCookie): Promise<void> {
    const session = sessionOf(caller);
    if (cookie.present !== undefined) cookie.give(await credentials.renew(scope, session));
    await credentials.confirm(scope, session);
  }

  async function signedIn(result: Extract<SignInResult, { state: 'signed-in' }>) {
    const caller = await o.authentication.callerOf(result.token);
    return {
      state: 'signed-in' as const,
      token: result.token,
      expiresAt: result.row.expiresAt,
      ...(caller?.due === undefined ? {} : { due: caller.due }),
    };
  }

  return {
    signIn: async ({ scope, body, remoteAddress, note, signal }) => {
      const found = (account: AccountRow): void => note({ actor: actorOf(account), subject: account.id });
      const result = await signIn.withPassword(scope, { ...body, remoteAddress, found, signal });
      if (result.state === 'signed-in') {
        note({ details: { session: result.row.id } });
        return signedIn(result);
      }
      note({ details: { secondFactor: 'asked' } });
      const { pending, row, factors: kinds, passkeyOptions } = result;
      return {
        state: 'second-factor',
        pending,
        expiresAt: row.expiresAt,
        factors: [...kinds],
        ...(passkeyOptions ? { passkeyOptions } : {}),
      };
    },
    completeSignIn: async ({ scope, body, remoteAddress, note }) => {
      const found = (account: AccountRow): void => note({ actor: actorOf(account), subject: account.id });
      const result = await signIn.withSecondFactor(scope, { ...body, remoteAddress, found });
      if (result.state !== 'signed-in') throw new HoldfastError('internal.unexpected');
      note({ details: { session: result.row.id, secondFactor: body.proof.kind } });
      return signedIn(result);
    },
    signOut: async ({ caller, cookie }) => {
      const { scope, account } = await own(caller);
      await credentials.revoke(scope, { accountId: account.id, id: sessionOf(caller) });
      if (cookie.present !== undefined) cookie.take();
      return {};
    },
    account: async ({ caller }) => {
      const { scope, account } = await own(caller);
      const user = userView(account, factorViews(await factors.list(scope, account.id)));
      const recoveryCodesLeft = await factors.recoveryCodesLeft(scope, account.id);
      const { credential } = caller;
      const row = credential.kind === 'session' ? await credentials.load(scope, credential.id) : undefined;
      const session = row && { expiresAt: row.expiresAt, idleExpiresAt: row.idleExpiresAt };
      const { due, stepUp } = caller;
      return { user, due, recoveryCodesLeft, stepUp, ...(session ? { session } : {}) };
    },
    changePassword: async ({ caller, body, remoteAddress, signal }) => {
      const { scope, account } = await own(caller);
      const except = sessionOf(caller);
      await signIn.replacePassword(scope, account, { ...body, remoteAddress, signal });
      // What was made with a password that somebody else chose may be that one's.
      const sessionsOnly = account.passwordChangeDue === 0 && !body.endApiTokens;
      await credentials.revokeAll(scope, { accountId: account.id, except, sessionsOnly });
      return {};
    },
    confirm: async ({ caller, body, remoteAddress, cookie }) => {
      const { scope, account } = await own(caller);
      const credentialId = sessionOf(caller);
      await signIn.confirm(scope, { account, credentialId, proof: body.proof, remoteAddress });
      await confirmed(scope, caller, cookie);
      return { until: new Date(clock.now().getTime() + stepUpMs).toISOString() };
    },
    passkeyChallenge: async ({ caller }) => {
      const { scope, account } = await own(caller);
      const asked = await factors.challenge(scope, account.id);
      if (!asked) throw new HoldfastError('request.missing', { message: 'The account has no passkey.' });
      await credentials.setChallenge(scope, sessionOf(caller), { purpose: 'assertion', text: asked.challenge });
      return { passkeyOptions: asked.options };
    },
    addTotp: async ({ caller, body, remoteAddress, note, signal }) => {
      const { scope, account } = await own(caller);
      sessionOf(caller);
      await signIn.checkPassword(account, { password: body.currentPassword, remoteAddress, signal });
      const begun = await factors.beginTotp(scope, account, body.name);
      note({ subject: begun.id });
      return begun;
    },
    confirmTotp: async ({ caller, params, body, remoteAddress, cookie }) => {
      const { scope, account } = await own(caller);
      sessionOf(caller);
      const { code } = body;
      const recoveryCodes = await signIn.confirmTotp(scope, { account, id: params.id, code, remoteAddress });
      await confirmed(scope, caller, cookie);
      return recoveryCodes ? { recoveryCodes } : {};
    },
    addPasskey: async ({ caller, body, remoteAddress, signal }) => {
      const { scope, account } = await own(caller);
      const session = sessionOf(caller);
      await signIn.checkPassword(account, { password: body.currentPassword, remoteAddress, signal });
      const { challenge, options } = await factors.beginPasskey(scope, account);
      await credentials.setChallenge(scope, session, { purpose: 'registration', text: challenge });
      return { passkeyOptions: options };
    },
    confirmPasskey: async ({ caller, body, cookie }) => {
      const { scope, account } = await own(caller);
      const session = sessionOf(caller);
      const challenge = await credentials.takeChallenge(scope, { id: session, purpose: 'registration' });
      const made = await factors.confirmPasskey(scope, { accountId: account.id, ...body, challenge });
      await confirmed(scope, caller, cookie);
      return { id: made.id, ...(made.recoveryCodes ? { recoveryCodes: made.recoveryCodes } : {}) };
    },
    removeSecondFactor: async ({ caller, params }) => {
      const { scope, account } = await own(caller);
      sessionOf(caller);
      await factors.remove(scope, { accountId: account.id, id: params.id });
      return {};
    },
    renewRecoveryCodes: async ({ caller }) => {
      const { scope, account } = await own(caller);
      sessionOf(caller);
      if (!(await factors.isSet(scope, account.id)))
        throw new HoldfastError('request.conflict', { message: 'The account has no second factor to stand in for.' });
      return { recoveryCodes: await factors.renewRecoveryCodes(scope, account.id) };
    },
    ownAccess: async ({ caller }) => {
      const { scope, account } = await own(caller);
      const present = 'id' in caller.credential ? caller.credential.id : undefined;
      return { access: (await credentials.list(scope, account.id)).map((row) => accessView(row, present)) };
    },
    revokeOwnAccess: async ({ caller, params }) => {
      const { scope, account } = await own(caller);
      // A token, which may do less than its owner, ends nothing but itself.
      if (!('id' in caller.credential) || caller.credential.id !== params.id) sessionOf(caller);
      await credentials.revoke(scope, { accountId: account.id, id: params.id });
      return {};
    },
    createApiToken: async ({ caller, body, remoteAddress }) => {
      const { scope, account } = await own(caller);
      // A token that makes tokens would outlive itself.
      sessionOf(caller);
      const rights = rightsOf(account);
      const foreign = body.groups?.find((group) => rights.groups?.has(group) === false);
      if (foreign !== undefined)
        throw new HoldfastError('auth.forbidden', { message: `The account does not have group ${foreign}.` });
      const { token, row } = await credentials.makeApiToken(scope, {
        accountId: account.id,
        name: body.name,
        role: body.role ?? account.role,
        groups: body.groups ?? (rights.groups && [...rights.groups]),
        lifetimeMs: body.lifetimeDays * 86_400_000,
        remoteAddress,
      });
      return { ...accessView(row, undefined), token };
    },
  };
}
