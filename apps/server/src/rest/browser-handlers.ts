import { HoldfastError } from '@holdfast/core';
import { localTenant } from '@holdfast/protocol';
import { AttemptLimiter } from '../attempt-limiter.ts';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { OutsideSignIn } from '../oauth/outside-sign-in.ts';
import { type AccountRow, actorOf, insertAccount } from '../people/accounts.ts';
import { requireOwnTenant } from '../people/caller.ts';
import { maxOutsideSignInsPerMinute, maxWrongSetUpCodes } from '../people/limits.ts';
import { checkNewPassword } from '../people/password-rules.ts';
import type { People } from '../people/people.ts';
import type { SetUp } from '../people/set-up.ts';
import type { SignInResult } from '../people/sign-in.ts';
import type { SessionCookie } from './browser-request.ts';
import type { RestHandlers } from './rest-app.ts';

type BrowserRoutes =
  | 'console'
  | 'browserSignIn'
  | 'completeBrowserSignIn'
  | 'beginOutsideSignIn'
  | 'completeOutsideSignIn'
  | 'setUp'
  | 'createSetUpCode';

/** Signing in from pages of the console, and making the first account there. */
export function browserHandlers(o: {
  people: People;
  outside: OutsideSignIn;
  setUp: SetUp;
  catalogue: Catalogue;
}): Pick<RestHandlers, BrowserRoutes> {
  const { credentials, hasher, signIn, authentication, clock } = o.people;
  const wrongCodes = new AttemptLimiter({ what: 'wrong set-up codes', limit: maxWrongSetUpCodes, clock });
  const begun = new AttemptLimiter({ what: 'sign-ins elsewhere', limit: maxOutsideSignInsPerMinute, clock });
  const everything = o.catalogue.tenant(localTenant);

  /** The session of before, if the browser had one, ends: nobody goes on with what was planted there. */
  async function signedIn(result: Extract<SignInResult, { state: 'signed-in' }>, cookie: SessionCookie) {
    const former = cookie.present === undefined ? undefined : await credentials.find(cookie.present);
    if (former) await credentials.revoke(o.catalogue.tenant(former.tenant), former.row);
    const caller = await authentication.callerOfCookie(result.token, 'person');
    cookie.give(result.token);
    return {
      state: 'signed-in' as const,
      expiresAt: result.row.expiresAt,
      ...(caller?.due === undefined ? {} : { due: caller.due }),
    };
  }

  /** After the password, or what takes its place. */
  async function afterFirst(
    result: SignInResult,
    { note, cookie }: { note: (facts: { details: Record<string, unknown> }) => void; cookie: SessionCookie },
  ) {
    if (result.state === 'signed-in') {
      note({ details: { session: result.row.id } });
      return signedIn(result, cookie);
    }
    note({ details: { secondFactor: 'asked' } });
    const { pending, row, factors, passkeyOptions } = result;
    return {
      state: 'second-factor' as const,
      pending,
      expiresAt: row.expiresAt,
      factors: [...factors],
      ...(passkeyOptions ? { passkeyOptions } : {}),
    };
  }

  return {
    console: async () => ({
      setUpNeeded: await o.setUp.isNeeded(everything),
      providers: await o.outside.providers(),
    }),
    browserSignIn: async ({ scope, body, remoteAddress, note, cookie, signal }) => {
      const found = (account: AccountRow): void => note({ actor: actorOf(account), subject: account.id });
      const result = await signIn.withPassword(scope, { ...body, remoteAddress, isBrowser: true, found, signal });
      return afterFirst(result, { note, cookie });
    },
    beginOutsideSignIn: async ({ query, remoteAddress }) => {
      // Anybody may, and each asks the provider.
      begun.check(remoteAddress);
      begun.count(remoteAddress);
      return o.outside.beginInConsole(query.provider);
    },
    completeOutsideSignIn: async ({ scope, body, remoteAddress, note, cookie }) => {
      const { provider, pending, answer } = body;
      const query = new URLSearchParams(answer);
      const account = await o.outside.completeInConsole({ providerId: provider, pending, query });
      note({ actor: actorOf(account), subject: account.id });
      const result = await signIn.withOutsideIdentity(scope, { account, remoteAddress, isBrowser: true });
      return afterFirst(result, { note, cookie });
    },
    completeBrowserSignIn: async ({ scope, body, remoteAddress, note, cookie }) => {
      const found = (account: AccountRow): void => note({ actor: actorOf(account), subject: account.id });
      const result = await signIn.withSecondFactor(scope, { ...body, remoteAddress, isBrowser: true, found });
      if (result.state !== 'signed-in') throw new HoldfastError('internal.unexpected');
      note({ details: { session: result.row.id, secondFactor: body.proof.kind } });
      return signedIn(result, cookie);
    },
    setUp: async ({ body, remoteAddress, note, cookie, signal }) => {
      wrongCodes.check(remoteAddress);
      if (!o.setUp.isGood(body.code)) {
        wrongCodes.count(remoteAddress);
        throw new HoldfastError('auth.set-up');
      }
      if (!(await o.setUp.isNeeded(everything))) throw new HoldfastError('auth.set-up');
      const { name, displayName = name, password } = body;
      checkNewPassword(password, { name, displayName });
      const passwordHash = await hasher.hash(password, signal);
      const given = { name, displayName, role: 'administrator' as const, groups: undefined, passwordHash };
      const account = await insertAccount(
        everything,
        { ...given, passwordChangeDue: false, clock },
        async (inside, row) => {
          // Of two that come at the same time only one is the first.
          const others = inside.query.selectFrom('accounts').select('id').where('id', '!=', row.id).limit(1);
          if (await others.executeTakeFirst()) throw new HoldfastError('auth.set-up');
        },
      );
      note({ actor: actorOf(account), subject: account.id });
      const found = (): void => undefined;
      const result = await signIn.withPassword(everything, {
        name,
        password,
        remoteAddress,
        isBrowser: true,
        found,
        signal,
      });
      if (result.state !== 'signed-in') throw new HoldfastError('internal.unexpected');
      note({ details: { session: result.row.id } });
      return signedIn(result, cookie);
    },
    createSetUpCode: async ({ scope }) => {
      requireOwnTenant(scope.tenant);
      if (await o.setUp.isNeeded(everything)) return o.setUp.code();
      throw new HoldfastError('request.conflict', {
        message: 'The server has an account: it has been set up.',
        guidance: 'Sign in with it, or make another with `holdfast users create`.',
      });
    },
  };
}
