import { z } from 'zod';
import { entityId, isoTime } from '../names.ts';
import { route } from '../route.ts';
import { accountName, accountRoutes, password, session } from './account-routes.ts';
import { text } from './parts.ts';

/** As `session`, but the token is in a cookie that no script sees. */
const browserSession = session.omit({ token: true });
const [, needsFactor] = accountRoutes.signIn.response.options;

const signedInOrAsked = z.discriminatedUnion('state', [browserSession, needsFactor]);

/** What pages of the console sign in with. They answer with a cookie, and only to pages of this server. */
export const browserRoutes = {
  console: route('console', 'GET', '/api/v1/console', {
    access: 'public',
    summary: 'What a page needs to know before anybody has signed in',
    tag: 'account',
    response: z.object({
      /** There is no account: somebody with a set-up code makes the first administrator. */
      setUpNeeded: z.boolean(),
      /** Providers elsewhere that people may sign in with, as their buttons stand. */
      providers: z.array(z.object({ id: entityId, name: z.string() })),
    }),
  }),
  browserSignIn: route('browserSignIn', 'POST', '/api/v1/browser/sign-in', {
    access: 'public',
    browser: true,
    summary: 'Sign in with a name and a password from a page of the console: the session is in a cookie',
    tag: 'account',
    body: accountRoutes.signIn.body,
    response: signedInOrAsked,
  }),
  completeBrowserSignIn: route('completeBrowserSignIn', 'POST', '/api/v1/browser/sign-in/second-factor', {
    access: 'public',
    browser: true,
    summary: 'The second factor of a sign-in from a page of the console',
    tag: 'account',
    body: accountRoutes.completeSignIn.body,
    response: browserSession,
  }),
  beginOutsideSignIn: route('beginOutsideSignIn', 'GET', '/api/v1/browser/sign-in/outside', {
    access: 'public',
    browser: true,
    summary: 'Where a page of the console sends the browser to sign in with a provider elsewhere',
    tag: 'account',
    query: z.strictObject({ provider: entityId }),
    response: z.object({
      url: z.url(),
      /** For the end of this sign-in. Only the page that began it has it: nobody ends another's. */
      pending: z.string(),
    }),
  }),
  completeOutsideSignIn: route('completeOutsideSignIn', 'POST', '/api/v1/browser/sign-in/outside', {
    access: 'public',
    browser: true,
    summary: 'Sign in with what a provider elsewhere sent the browser back with',
    tag: 'account',
    audited: ['provider'],
    body: z.strictObject({
      provider: entityId,
      pending: z.string().min(1).max(100),
      /** The query of the address that the provider sent the browser to. */
      answer: z.string().min(1).max(8_192),
    }),
    response: signedInOrAsked,
  }),
  setUp: route('setUp', 'POST', '/api/v1/browser/set-up', {
    access: 'public',
    browser: true,
    summary: 'Make the first administrator, with the code that the server printed; signs in',
    tag: 'account',
    audited: ['name', 'displayName'],
    body: z.strictObject({
      code: z.string().min(1).max(100),
      name: accountName,
      displayName: text.optional(),
      password,
    }),
    response: browserSession,
  }),
  createSetUpCode: route('createSetUpCode', 'POST', '/api/v1/set-up-codes', {
    access: 'server.manage',
    summary: 'The code with which the first administrator is made in a browser, while there is no account',
    tag: 'account',
    response: z.object({
      code: z.string(),
      /** Where to open it: the code is behind the `#`, which browsers send to nobody. */
      url: z.url(),
      expiresAt: isoTime,
    }),
  }),
} as const;
