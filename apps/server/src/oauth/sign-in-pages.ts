import { errorTable, HoldfastError, isHoldfastError, toHoldfastError } from '@holdfast/core';
import { commandLineClientId, entityId, oauthScopes, parseMessage, routes } from '@holdfast/protocol';
import type { HttpServerOnConnections } from '@holdfast/wire';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { AuditLog } from '../audit/audit-log.ts';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { remoteAddressOf } from '../http-app.ts';
import { maxOauthFormBytes } from '../limits.ts';
import { type AccountRow, actorOf, groupsOf } from '../people/accounts.ts';
import type { CredentialRow, SignInClient } from '../people/credentials.ts';
import type { People } from '../people/people.ts';
import type { PasswordDue, SignInResult } from '../people/sign-in.ts';
import { signInClient } from './oauth-clients.ts';
import { isOfConsole, type OutsideSignIn } from './outside-sign-in.ts';
import { formTargetOf, type Html, html, page, pageHeaders } from './page.ts';
import { consoleOutsidePage, outsidePath, signInPath } from './paths.ts';
import { codeForm, newPasswordForm, passkeyScript, passkeyScriptPath, passwordForm } from './sign-in-forms.ts';

export interface SignInPageParts {
  readonly provider: () => Promise<Provider>;
  readonly issuer: () => string;
  readonly scope: TenantScope;
  readonly people: People;
  readonly outside: OutsideSignIn;
  readonly audit: AuditLog;
  readonly logger: Logger;
}

/** What of a client's request the pages show, or hand on. */
const asked = z.object({
  client_id: z.string(),
  scope: z.string().default(''),
  redirect_uri: z.string().optional(),
  login_hint: z.string().optional(),
});

/** A sign-in that the provider began, in the browser that it began in. */
interface Begun {
  readonly provider: Provider;
  readonly uid: string;
  readonly client: SignInClient;
  readonly params: z.output<typeof asked>;
}

const pending = z.string().min(1).max(100);
const password = z.string().min(1).max(1024);
const form = z.discriminatedUnion('step', [
  z.strictObject({
    step: z.literal('password'),
    name: z.string().min(1).max(200),
    password,
  }),
  z.strictObject({ step: z.literal('code'), pending, code: z.string().trim().min(1).max(40) }),
  z.strictObject({ step: z.literal('passkey'), pending, response: z.string() }),
  z.strictObject({ step: z.literal('new-password'), pending, current: password, password, again: password }),
  z.object({ step: z.literal('cancel') }),
]);
type Form = z.output<typeof form>;
/** What somebody proves, or who vouches for them. */
type Step =
  | Exclude<Form, { step: 'cancel' }>
  | { readonly step: 'outside'; readonly provider: string; readonly query: URLSearchParams };
const byUid = z.object({ uid: z.string().min(1).max(100) });
const byProvider = z.object({ provider: entityId });
const queryOf = (request: FastifyRequest): URLSearchParams => new URL(request.url, 'https://holdfast').searchParams;
/** With the interaction's cookie, which is for its path alone. */
const beginOutside = `${signInPath(':uid')}/with/:provider`;
const endOutside = `${signInPath(':uid')}/from/:provider`;

/** Paths of the pages, which need no token. */
export const signInPaths = [signInPath(':uid'), passkeyScriptPath, beginOutside, endOutside, outsidePath];

/** Where people sign in, with the accounts, second factors, delays and audit of the REST API's sign-in. */
export async function registerSignInPages(
  app: FastifyInstance,
  http: HttpServerOnConnections,
  o: SignInPageParts,
): Promise<void> {
  const { scope, people } = o;
  await app.register(async (pages) => {
    pages.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: maxOauthFormBytes },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    pages.setErrorHandler((error, _request, reply) => {
      const known = toHoldfastError(error);
      const { http: status } = errorTable[known.code];
      if (status >= 500) o.logger.error({ error: known }, 'sign-in page');
      const { message, guidance } = status >= 500 ? new HoldfastError(known.code) : known;
      return show(reply, { status, title: 'That did not work', body: html`<p>${message}</p><p>${guidance}</p>` });
    });

    pages.get(passkeyScriptPath, (_request, reply) => reply.type('text/javascript; charset=utf-8').send(passkeyScript));

    pages.get(signInPath(':uid'), async (request, reply) => {
      const begun = await find(request, reply);
      return showPassword(reply, begun);
    });

    pages.get(beginOutside, async (request, reply) => {
      const begun = await find(request, reply);
      const { provider } = parseMessage(byProvider, request.params, 'The path');
      return go(reply, await o.outside.begin(provider, begun.uid));
    });

    // In any browser: only the one that the sign-in was begun in has the cookie for where it goes on.
    pages.get(outsidePath, async (request, reply) => {
      const { provider } = parseMessage(byProvider, request.params, 'The path');
      const query = queryOf(request);
      const uid = await o.outside.uidOf(provider, query.get('state') ?? '');
      if (uid === undefined) throw ended();
      // Behind the #, which browsers send to nobody. The page has what makes the answer good, or it is of no use to it.
      if (isOfConsole(uid)) return go(reply, `${consoleOutsidePage}#${provider}?${query.toString()}`);
      return go(reply, `${signInPath(uid)}/from/${provider}?${query.toString()}`);
    });

    pages.get(endOutside, async (request, reply) => {
      const begun = await find(request, reply);
      const { provider } = parseMessage(byProvider, request.params, 'The path');
      return proceed(request, reply, begun, { step: 'outside', provider, query: queryOf(request) });
    });

    pages.post(signInPath(':uid'), async (request, reply) => {
      checkOrigin(request, o.issuer());
      const begun = await find(request, reply);
      const given = parseMessage(form, request.body, 'The form');
      if (given.step === 'cancel') {
        const refused = { error: 'access_denied', error_description: 'nobody signed in' };
        return go(reply, await begun.provider.interactionResult(request.raw, reply.raw, refused));
      }
      return proceed(request, reply, begun, given);
    });
  });

  async function proceed(
    request: FastifyRequest,
    reply: FastifyReply,
    begun: Begun,
    given: Step,
  ): Promise<FastifyReply> {
    let result: SignInResult | PasswordDue;
    try {
      result = await attempt(request, reply, { begun, given });
    } catch (error) {
      if (!isHoldfastError(error) || !error.code.startsWith('auth.')) throw error;
      if (error.code === 'auth.rate') reply.header('retry-after', String(error.context['retryAfterSeconds'] ?? 60));
      const { http: status } = errorTable[error.code];
      const problem = `${error.message} ${error.guidance}`;
      if (given.step === 'new-password')
        return showNewPassword(reply, begun, { pending: given.pending, problem, status });
      if ('pending' in given && error.code !== 'auth.incomplete' && error.code !== 'auth.forbidden')
        return showCode(reply, begun, { pending: given.pending, passkeyOptions: undefined, problem, status });
      return showPassword(reply, begun, { problem, status });
    }
    if (result.state === 'second-factor') return showCode(reply, begun, result);
    if (result.state === 'new-password') return showNewPassword(reply, begun, result);
    return go(reply, await conclude(request, reply, { begun, result, step: given.step }));
  }

  async function showPassword(
    reply: FastifyReply,
    begun: Begun,
    shown: { problem?: string; status?: number } = {},
  ): Promise<FastifyReply> {
    const { uid, client, params } = begun;
    const body = passwordForm({
      ...{ uid, client: client.name, gives: givenTo(begun), providers: await o.outside.providers() },
      name: params.login_hint?.slice(0, 200) ?? '',
    });
    return show(reply, { ...shown, title: 'Sign in to Holdfast', body, formTarget: targetOf(begun) });
  }

  async function find(request: FastifyRequest, reply: FastifyReply): Promise<Begun> {
    const { uid } = parseMessage(byUid, request.params, 'The path');
    const provider = await o.provider();
    const details = await provider.interactionDetails(request.raw, reply.raw).catch((cause: unknown) => {
      throw ended(cause);
    });
    const params = parseMessage(asked, details.params, 'The request to sign in');
    const client = await signInClient(scope, params.client_id);
    // The cookie says which it is; the path is what everybody can make up.
    if (details.uid !== uid || !client) throw ended();
    return { provider, uid, client, params };
  }

  /** One step, with its record in the audit. */
  async function attempt(
    request: FastifyRequest,
    reply: FastifyReply,
    { begun, given }: { begun: Begun; given: Step },
  ): Promise<SignInResult | PasswordDue> {
    const { client } = begun;
    const remoteAddress = remoteAddressOf(http, request.raw);
    const facts = { actor: 'nobody', subject: '' };
    const found = (account: AccountRow): void =>
      void Object.assign(facts, { actor: actorOf(account), subject: account.id });
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort(new HoldfastError('run.cancelled', { message: 'The client has gone.' })));
    const details: Record<string, unknown> = {
      client: client.id,
      ...(given.step === 'outside' ? { identityProvider: given.provider } : {}),
    };
    const entry = () => ({
      action: given.step === 'new-password' ? 'changePassword' : 'pending' in given ? 'completeSignIn' : 'signIn',
      ...{ ...facts, remoteAddress, requestId: request.id, details },
    });
    try {
      const asked = { remoteAddress, client, found };
      const first =
        given.step === 'password'
          ? await people.signIn.withPassword(scope, {
              ...{ ...asked, name: given.name, password: given.password, signal: gone.signal },
            })
          : given.step === 'outside'
            ? await withOutside(given, begun.uid, asked)
            : given.step === 'new-password'
              ? await withNewPassword(given, { ...asked, signal: gone.signal })
              : await people.signIn.withSecondFactor(scope, { ...asked, ...proofOf(given) });
      const result = first.state === 'signed-in' ? await usable(first, client) : first;
      Object.assign(details, noted[result.state](result.row));
      await o.audit.write(scope.tenant, entry());
      return result;
    } catch (error) {
      const { code } = toHoldfastError(error);
      details['code'] = code;
      if (code.startsWith('auth.'))
        await o.audit.writeRefusal(scope.tenant, { ...entry(), outcome: 'refused' }, 'anybody');
      throw error;
    }
  }

  async function withOutside(
    given: Extract<Step, { step: 'outside' }>,
    uid: string,
    { found, ...rest }: { remoteAddress: string; client: SignInClient; found: (account: AccountRow) => void },
  ): Promise<SignInResult> {
    const account = await o.outside.complete({ providerId: given.provider, uid, query: given.query });
    found(account);
    return people.signIn.withOutsideIdentity(scope, { account, ...rest });
  }

  async function withNewPassword(
    given: Extract<Step, { step: 'new-password' }>,
    asked: Omit<Parameters<People['signIn']['withNewPassword']>[1], 'pending' | 'currentPassword' | 'newPassword'>,
  ): Promise<SignInResult> {
    if (given.password !== given.again)
      throw new HoldfastError('auth.password', { message: 'The new password was typed in two different ways.' });
    const { pending, current: currentPassword, password: newPassword } = given;
    return people.signIn.withNewPassword(scope, { ...asked, pending, currentPassword, newPassword });
  }

  /**
   * What was signed in to, or the sign-in withheld until a new password is chosen. Throws `auth.incomplete` and `auth.forbidden` for an
   * account that could do nothing with it.
   */
  async function usable(
    result: Extract<SignInResult, { state: 'signed-in' }>,
    client: SignInClient,
  ): Promise<SignInResult | PasswordDue> {
    const { token, account, row } = result;
    const caller = await people.authentication.callerOf(token);
    if (caller?.due === 'password') return people.signIn.withholdForPassword(scope, result);
    // A second factor is set up with the command line.
    if (caller && (caller.due === undefined || client.id === commandLineClientId)) return result;
    await people.credentials.revoke(scope, { accountId: account.id, id: row.id });
    if (!caller)
      throw new HoldfastError('auth.forbidden', { message: `The account has no right that ${client.name} may use.` });
    throw new HoldfastError('auth.incomplete', {
      message: 'Accounts of this role need a second factor: it has to be set up first.',
      guidance: `Use the command line: \`holdfast login --user ${account.name}\`.`,
    });
  }

  /** Gives where the browser goes on. The provider's grant has the id of the session or token, and ends with it. */
  async function conclude(
    request: FastifyRequest,
    reply: FastifyReply,
    o: { begun: Begun; result: Extract<SignInResult, { state: 'signed-in' }>; step: Step['step'] },
  ): Promise<string> {
    const { provider, client, params } = o.begun;
    const { account, row } = o.result;
    const grant = new provider.Grant({ accountId: account.id, clientId: client.id });
    grant.jti = row.id;
    const scopes = params.scope.split(' ');
    grant.addOIDCScope(oauthScopes.filter((name) => scopes.includes(name)).join(' '));
    await grant.save();
    // RFC 8176.
    const amr = { password: ['pwd'], 'new-password': ['pwd'], outside: ['ext'], code: ['mfa'], passkey: ['mfa'] }[
      o.step
    ];
    return provider.interactionResult(
      request.raw,
      reply.raw,
      { login: { accountId: account.id, amr, remember: false }, consent: { grantId: row.id } },
      { mergeWithLastSubmission: false },
    );
  }
}

function proofOf(given: Extract<Form, { step: 'code' | 'passkey' }>) {
  if (given.step === 'code') {
    const { code } = given;
    const kind = /^\d{6}$/.test(code) ? 'totp' : 'recovery-code';
    return { pending: given.pending, proof: { kind, code } } as const;
  }
  let response: unknown;
  try {
    response = JSON.parse(given.response);
  } catch (cause) {
    throw new HoldfastError('request.invalid', { message: 'The passkey did not answer.', cause });
  }
  const { body } = routes.completeSignIn;
  return parseMessage(
    body,
    { pending: given.pending, proof: { kind: 'passkey', response } },
    'The answer of the passkey',
  );
}

/** A form comes from our page, or from a program that is no browser: another site's is refused, whatever cookies it got along. */
export function checkOrigin({ headers }: Pick<FastifyRequest, 'headers'>, issuer: string): void {
  const site = headers['sec-fetch-site'];
  const isOurs = headers.origin === undefined || headers.origin === new URL(issuer).origin;
  if (isOurs && (site === undefined || site === 'same-origin')) return;
  throw new HoldfastError('auth.forbidden', {
    message: 'The form was sent by another site.',
    guidance: `Sign in at ${new URL(issuer).origin}, and begin there.`,
  });
}

function ended(cause?: unknown): HoldfastError {
  return new HoldfastError('request.missing', {
    message: 'This sign-in has ended, or was begun in another browser.',
    guidance: 'Begin again in the program that sent you here.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function showCode(
  reply: FastifyReply,
  begun: Begun,
  o: { pending: string; passkeyOptions: Record<string, unknown> | undefined; problem?: string; status?: number },
): FastifyReply {
  const { problem, status } = o;
  const given = { ...(problem === undefined ? {} : { problem }), ...(status === undefined ? {} : { status }) };
  return show(reply, {
    ...{ ...given, title: 'One more step', body: codeForm({ uid: begun.uid, ...o }) },
    ...{ formTarget: targetOf(begun), script: o.passkeyOptions !== undefined },
  });
}

/** What the audit has of each. */
const noted: Readonly<Record<(SignInResult | PasswordDue)['state'], (row: CredentialRow) => Record<string, unknown>>> =
  {
    'signed-in': ({ id }) => ({ session: id }),
    'second-factor': () => ({ secondFactor: 'asked' }),
    'new-password': () => ({ newPassword: 'asked' }),
  };

function showNewPassword(
  reply: FastifyReply,
  begun: Begun,
  { pending, ...shown }: { pending: string; problem?: string; status?: number },
): FastifyReply {
  const { problem, status } = shown;
  const given = { ...(problem === undefined ? {} : { problem }), ...(status === undefined ? {} : { status }) };
  const body = newPasswordForm({ uid: begun.uid, pending });
  return show(reply, { ...given, title: 'Choose a new password', body, formTarget: targetOf(begun) });
}

/** What a client gets: a person agrees to it by signing in. */
function givenTo({ client, params }: Begun): string {
  if (!params.scope.split(' ').includes('api')) return 'which is told who you are.';
  const groups = groupsOf(client.groupsJson);
  const role = client.role === null ? '' : ` as ${client.role} at most`;
  const where = groups ? ` in ${[...groups].join(', ')}` : '';
  return `which then does what you may do${role}${where}, until you end it.`;
}

function targetOf({ params }: Begun): string | undefined {
  return formTargetOf(params.redirect_uri);
}

function show(
  reply: FastifyReply,
  o: {
    title: string;
    body: Html;
    problem?: string;
    status?: number;
    formTarget?: string | undefined;
    script?: boolean;
  },
): FastifyReply {
  return reply
    .code(o.status ?? 200)
    .headers(pageHeaders(o))
    .send(page(o));
}

function go(reply: FastifyReply, to: string): FastifyReply {
  return reply.redirect(to, 303);
}
