import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import { localTenant, oauthPaths } from '@holdfast/protocol';
import { presentedBy, type Wire } from '@holdfast/wire';
import type { JWK, Provider } from 'oidc-provider';
import type { Logger } from 'pino';
import { AttemptLimiter } from '../attempt-limiter.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { type HttpApp, remoteAddressOf } from '../http-app.ts';
import {
  maxOauthRequestsPerMinute,
  maxWrongUserCodes,
  maxWrongUserCodesPerAddress,
  signingKeyLookMs,
} from '../limits.ts';
import type { People } from '../people/people.ts';
import type { Vault } from '../vault.ts';
import { OutsideSignIn } from './outside-sign-in.ts';
import { pageHeaders } from './page.ts';
import { providerRoutes, sessionCookie } from './paths.ts';
import type { ProviderParts } from './provider.ts';
import { findServiceAccount, loadServiceAccount, machineActor, noteToken } from './service-accounts.ts';
import { checkOrigin, registerSignInPages, signInPaths } from './sign-in-pages.ts';
import { signingKeys } from './signing-keys.ts';

type Serve = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface Made {
  readonly keys: string;
  readonly provider: Provider;
  readonly serve: Serve;
}

/** What the provider asks of the connection that a request came over. */
type AskedOfProvider = Pick<ProviderParts, 'onWrongUserCode' | 'presentedBy' | 'onMachineToken' | 'onMachineRefused'>;

/** As the audit has it. */
const machineTokenAction = 'serviceAccountToken';

/** Of all addresses together. */
const everybody = 'everywhere';

/** The OAuth and OpenID provider on 443, beside the REST API. It is made when it is first asked, and anew with each signing key. */
export class OauthService {
  /** What needs no token of the REST API. */
  readonly paths: readonly string[] = [...providerRoutes.map(({ url }) => url), ...signInPaths];
  readonly #o: {
    catalogue: Catalogue;
    vault: Vault;
    people: People;
    audit: AuditLog;
    /** `https://HOST[:PORT]`: who the provider says it is, wherever it is asked. */
    issuer: () => string;
    installation: string;
    sessionMs: number;
    clock: Clock;
    logger: Logger;
  };
  readonly #scope: TenantScope;
  /** Providers elsewhere. */
  readonly outside: OutsideSignIn;
  readonly #typedCodes = new WeakMap<IncomingMessage, string>();
  #present: Made | undefined;
  #made: Promise<Made> | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(o: {
    catalogue: Catalogue;
    vault: Vault;
    people: People;
    audit: AuditLog;
    issuer: () => string;
    installation: string;
    wire: Wire;
    sessionMs: number;
    clock: Clock;
    logger: Logger;
  }) {
    this.#o = o;
    this.#scope = o.catalogue.tenant(localTenant);
    this.outside = new OutsideSignIn({ ...o, scope: this.#scope });
  }

  async register({ app, http }: HttpApp): Promise<void> {
    const { clock, issuer } = this.#o;
    const requests = new AttemptLimiter({ what: 'requests to sign in', limit: maxOauthRequestsPerMinute, clock });
    const window = { what: 'wrong codes of devices', clock };
    const wrong = new AttemptLimiter({ ...window, limit: maxWrongUserCodesPerAddress });
    const wrongOfAll = new AttemptLimiter({ ...window, limit: maxWrongUserCodes });
    const current = (): Promise<Made> =>
      this.#current({
        onWrongUserCode: (request) => {
          wrong.count(remoteAddressOf(http, request));
          wrongOfAll.count(everybody);
        },
        presentedBy: (request) => presentedBy(http.connectionOf(request), clock),
        onMachineToken: (asked) => this.#noteMachine(http, asked),
        onMachineRefused: (asked) => void this.#noteRefused(http, asked),
      });
    const parts = {
      ...this.#o,
      scope: this.#scope,
      outside: this.outside,
      provider: async () => (await current()).provider,
    };
    await registerSignInPages(app, http, parts);

    for (const { method, url } of providerRoutes) {
      app.route({
        ...{ method, url },
        // Before a body is read: the provider reads it by itself.
        onRequest: async (request, reply) => {
          const address = remoteAddressOf(http, request.raw);
          requests.check(address);
          requests.count(address);
          if (url === oauthPaths.code_verification && method === 'POST') {
            checkOrigin(request, issuer());
            wrong.check(address);
            wrongOfAll.check(everybody);
          }
          const { serve } = await current();
          this.#prepare(request.raw, url);
          reply.hijack();
          for (const [name, value] of Object.entries({ ...pageHeaders(), 'x-request-id': request.id }))
            if (name !== 'content-type') reply.raw.setHeader(name, value);
          await serve(request.raw, reply.raw);
        },
        handler: (_request, reply) => reply,
      });
    }
  }

  /** A request as the provider is to see it. */
  #prepare(request: IncomingMessage, url: string): void {
    // Every address that it tells is made of the host: the issuer's, whatever the client wrote.
    request.headers.host = new URL(this.#o.issuer()).host;
    const isBeginning = request.method === 'GET' && url === oauthPaths.code_verification;
    const address = new URL(request.url ?? '', this.#o.issuer());
    // Others need a script of the provider's, or leave the code where scripts of the client's page see it.
    if (address.searchParams.getAll('response_mode').some((mode) => mode !== 'query'))
      throw new HoldfastError('request.invalid', { message: 'Codes are given in the query alone: response_mode.' });
    // Nobody's sign-in of before counts, not even against another person's in the same browser.
    if (isBeginning || url.startsWith(oauthPaths.authorization)) withoutSession(request);
    if (!isBeginning) return;
    // The provider would send it on by a script.
    const code = address.searchParams.get('user_code');
    if (code !== null) this.#typedCodes.set(request, code.slice(0, 20));
    request.url = address.pathname;
  }

  async #current(asked: AskedOfProvider): Promise<Made> {
    const { clock, vault } = this.#o;
    const nowMs = clock.monotonicMs();
    if (this.#made && nowMs - this.#lookedMs < signingKeyLookMs) return this.#made;
    this.#lookedMs = nowMs;
    const present = this.#present;
    const made = (async () => {
      const keys = await signingKeys(this.#scope, { vault, clock });
      const names = keys.map(({ kid }) => kid).join(' ');
      return present?.keys === names ? present : this.#make({ keys, names, asked });
    })();
    this.#made = made;
    try {
      this.#present = await made;
    } catch (error) {
      // The next one tries again.
      if (this.#made === made) this.#made = undefined;
      throw error;
    }
    return made;
  }

  /** A machine gets a token: in the audit, and beside its account. Throws where neither can be written. */
  async #noteMachine(
    http: HttpApp['http'],
    { accountId, request }: { accountId: string; request: IncomingMessage },
  ): Promise<void> {
    const { audit, clock } = this.#o;
    const row = await loadServiceAccount(this.#scope, accountId);
    const remoteAddress = remoteAddressOf(http, request);
    await noteToken(this.#scope, { id: row.id, remoteAddress, clock });
    const fingerprint = presentedBy(http.connectionOf(request), clock)?.fingerprint;
    await audit.write(this.#scope.tenant, {
      ...{ actor: machineActor(row), action: machineTokenAction, subject: row.id },
      ...{ remoteAddress, details: { certificate: fingerprint ?? '' } },
    });
  }

  async #noteRefused(
    http: HttpApp['http'],
    { accountId, request }: { accountId: string; request: IncomingMessage },
  ): Promise<void> {
    const { audit, clock, logger } = this.#o;
    try {
      const row = await findServiceAccount(this.#scope, accountId);
      const fingerprint = presentedBy(http.connectionOf(request), clock)?.fingerprint;
      const remoteAddress = remoteAddressOf(http, request);
      const details = fingerprint === undefined ? {} : { certificate: fingerprint };
      const entry = {
        actor: 'nobody',
        action: machineTokenAction,
        subject: row?.id ?? '',
        outcome: 'refused',
      } as const;
      await audit.writeRefusal(this.#scope.tenant, { ...entry, remoteAddress, details }, 'anybody');
    } catch (error) {
      logger.error({ error: toHoldfastError(error) }, 'audit of a refused machine');
    }
  }

  async #make(o: { keys: JWK[]; names: string; asked: AskedOfProvider }): Promise<Made> {
    const { vault, people, issuer, installation, sessionMs, clock, logger } = this.#o;
    // Loaded where it is needed: most servers never do.
    const { newProvider } = await import('./provider.ts');
    const provider = newProvider({
      ...{ issuer: issuer(), installation, scope: this.#scope, store: people.artifacts, keys: o.keys, sessionMs },
      ...{ ...o.asked, clock, logger },
      cookieKey: vault.mac('cookie', 'oauth'),
      userCodeOf: (request) => this.#typedCodes.get(request),
    });
    return { keys: o.names, provider, serve: provider.callback() };
  }
}

/** Takes the cookie of the provider's session from the request, and its signature. */
function withoutSession(request: IncomingMessage): void {
  const kept = (request.headers.cookie ?? '').split(/; */).filter((pair) => !pair.startsWith(sessionCookie));
  request.headers.cookie = kept.join('; ');
}
