import { randomBytes } from 'node:crypto';
import { type Clock, HoldfastError, isHoldfastError } from '@holdfast/core';
import type { IdentityProviderSettings } from '@holdfast/protocol';
import { accountName } from '@holdfast/protocol';
import type { Wire } from '@holdfast/wire';
import type { Configuration } from 'openid-client';
import { z } from 'zod';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { oauthSignInMs, outsideDiscoveryMs } from '../limits.ts';
import { type AccountRow, insertAccount, loadAccount } from '../people/accounts.ts';
import type { People } from '../people/people.ts';
import type { Vault } from '../vault.ts';
import {
  accountOfIdentity,
  insertIdentity,
  listProviders,
  loadProvider,
  type StoredProvider,
  secretOf,
} from './identity-providers.ts';
import { outsideFetch } from './outside-fetch.ts';

const model = 'OutsideSignIn';
/** Before the random part of what is for a page of the console; ids of other sign-ins have no such letter. */
const ofConsole = 'console.';
/** Random bytes of it. */
const pendingBytes = 32;
/** What was asked, and for which sign-in of ours. */
const asked = z.object({ uid: z.string(), providerId: z.string(), verifier: z.string(), nonce: z.string() });
const claimValues = z.union([z.string().transform((text) => [text]), z.array(z.string())]).catch([]);

/** People sign in with a provider elsewhere: a code with PKCE, state and nonce, and an account here that its subject has. */
export class OutsideSignIn {
  readonly #o: {
    scope: TenantScope;
    people: People;
    vault: Vault;
    wire: Wire;
    issuer: () => string;
    clock: Clock;
  };
  readonly #known = new Map<string, { readonly config: Configuration; readonly atMs: number }>();

  constructor(o: { scope: TenantScope; people: People; vault: Vault; wire: Wire; issuer: () => string; clock: Clock }) {
    this.#o = o;
  }

  /** One for each provider: an answer that comes to another's was mixed up (RFC 9700, 4.4.2). */
  redirectUri(providerId: string): string {
    return `${this.#o.issuer()}/oauth/outside/${providerId}`;
  }

  async providers(): Promise<{ readonly id: string; readonly name: string }[]> {
    return (await listProviders(this.#o.scope)).map(({ row, settings }) => ({ id: row.id, name: settings.name }));
  }

  /** Asks the provider who it is. Throws `request.conflict` when it is not what the settings say, or can't be asked. */
  async check(settings: IdentityProviderSettings, secret: string | undefined): Promise<void> {
    try {
      await this.#discover(settings, secret);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new HoldfastError('request.conflict', {
        message: `${settings.issuer} does not answer as the provider of that name: ${why}.`,
        guidance:
          'Give the issuer as its /.well-known/openid-configuration has it, and its CA if it has one of its own.',
        cause,
      });
    }
  }

  /** Gives the address at the provider. `uid`: the sign-in here that it is for. */
  async begin(providerId: string, uid: string): Promise<string> {
    const openid = await import('openid-client');
    const provider = await loadProvider(this.#o.scope, providerId);
    const config = await this.#reached(provider, () => this.#config(provider));
    const [state, nonce, verifier] = [openid.randomState(), openid.randomNonce(), openid.randomPKCECodeVerifier()];
    await this.#o.people.artifacts.upsert(this.#o.scope, {
      ...{ model, id: state, payload: { params: { uid, providerId, verifier, nonce } } },
      expiresInSeconds: oauthSignInMs / 1000,
    });
    const url = openid.buildAuthorizationUrl(config, {
      ...{ redirect_uri: this.redirectUri(providerId), scope: 'openid profile email', state, nonce },
      ...{ code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
    });
    return url.href;
  }

  /** As `begin`, for a page of the console, which has `pending` and nobody else. */
  async beginInConsole(providerId: string): Promise<{ readonly url: string; readonly pending: string }> {
    const pending = `${ofConsole}${randomBytes(pendingBytes).toString('base64url')}`;
    return { url: await this.begin(providerId, pending), pending };
  }

  /** As `complete`, of what was begun in the console. */
  async completeInConsole(o: { providerId: string; pending: string; query: URLSearchParams }): Promise<AccountRow> {
    if (!isOfConsole(o.pending)) throw new HoldfastError('auth.sign-in');
    return this.complete({ ...o, uid: o.pending });
  }

  /** For which sign-in of ours the provider's answer is; undefined if for none. */
  async uidOf(providerId: string, state: string): Promise<string | undefined> {
    const payload = await this.#o.people.artifacts.find(this.#o.scope, model, state);
    const found = asked.safeParse(payload?.params).data;
    return found?.providerId === providerId ? found.uid : undefined;
  }

  /** Whose account it is. Each answer counts once. Throws `auth.sign-in`, `auth.forbidden`. */
  async complete(o: { providerId: string; uid: string; query: URLSearchParams }): Promise<AccountRow> {
    const { scope, people } = this.#o;
    const state = o.query.get('state') ?? '';
    const payload = await people.artifacts.find(scope, model, state);
    const found = asked.safeParse(payload?.params).data;
    const isOurs = found?.providerId === o.providerId && found.uid === o.uid;
    if (!isOurs || !(await people.artifacts.consume(scope, model, state)) || payload?.consumed !== undefined)
      throw new HoldfastError('auth.sign-in', { message: 'That answer was not asked for, or was used before.' });
    const provider = await loadProvider(scope, o.providerId);
    const claims = await this.#reached(provider, () => this.#claims(provider, { ...found, state, query: o.query }));
    const accountId = await accountOfIdentity(scope, { providerId: o.providerId, subject: claims.sub });
    return accountId === undefined ? this.#newAccount(provider, claims) : loadAccount(scope, accountId);
  }

  async #claims(
    provider: StoredProvider,
    o: { verifier: string; nonce: string; state: string; query: URLSearchParams },
  ): Promise<Record<string, unknown> & { sub: string }> {
    const openid = await import('openid-client');
    const config = await this.#config(provider);
    const answer = new URL(this.redirectUri(provider.row.id));
    answer.search = o.query.toString();
    const tokens = await openid.authorizationCodeGrant(config, answer, {
      ...{ pkceCodeVerifier: o.verifier, expectedState: o.state, expectedNonce: o.nonce, idTokenExpected: true },
    });
    const claims = tokens.claims();
    if (!claims) throw new HoldfastError('auth.sign-in', { message: 'The provider does not say who signed in.' });
    // Many tell no more than the subject in the ID token.
    const more =
      provider.settings.newAccounts === undefined || config.serverMetadata().userinfo_endpoint === undefined
        ? {}
        : await openid.fetchUserInfo(config, tokens.access_token, claims.sub);
    return { ...more, ...claims };
  }

  async #newAccount(
    { row, settings }: StoredProvider,
    claims: Record<string, unknown> & { sub: string },
  ): Promise<AccountRow> {
    const { scope, people, clock } = this.#o;
    const unknown = (why: string): HoldfastError =>
      new HoldfastError('auth.forbidden', {
        message: `${settings.name} vouches for ${claims.sub}, but ${why}.`,
        guidance: 'Ask an administrator to link an account: `holdfast identity-provider link`.',
      });
    if (!settings.newAccounts) throw unknown('no account here is linked to that one');
    const { claim, nameClaim, roles } = settings.newAccounts;
    const has = claimValues.parse(claims[claim]);
    const given = roles.find(({ value }) => has.includes(value));
    if (!given) throw unknown(`its ${claim} gives no role here`);
    const named = claims[nameClaim];
    const name = accountName.safeParse(typeof named === 'string' ? named.toLowerCase() : undefined).data;
    if (name === undefined) throw unknown(`its ${nameClaim} is no name for an account`);
    // A password that nobody knows: a reset gives it one.
    const passwordHash = await people.hasher.hash(randomBytes(32).toString('base64url'), AbortSignal.timeout(60_000));
    const displayName = typeof claims['name'] === 'string' ? claims['name'].slice(0, 200) : name;
    try {
      return await insertAccount(
        scope,
        { name, displayName, role: given.role, groups: given.groups, passwordHash, passwordChangeDue: false, clock },
        async (inside, account) =>
          void (await insertIdentity(inside, {
            ...{ providerId: row.id, subject: claims.sub, accountId: account.id, clock },
          })),
      );
    } catch (error) {
      // Never taken for that one: whoever chooses names there would choose accounts here.
      if (isHoldfastError(error) && error.code === 'request.conflict')
        throw unknown(`there is an account ${name} already`);
      throw error;
    }
  }

  /** What openid-client finds wrong is a refusal, with its reason in the log alone. */
  async #reached<T>({ settings }: StoredProvider, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (isHoldfastError(cause) && cause.code.startsWith('auth.')) throw cause;
      throw new HoldfastError('auth.sign-in', { message: `Signing in with ${settings.name} did not work.`, cause });
    }
  }

  async #config(provider: StoredProvider): Promise<Configuration> {
    const { id } = provider.row;
    const nowMs = this.#o.clock.monotonicMs();
    const known = this.#known.get(id);
    if (known && nowMs - known.atMs < outsideDiscoveryMs) return known.config;
    const secret = secretOf(this.#o.scope, provider, this.#o.vault);
    const config = await this.#discover(provider.settings, secret);
    this.#known.set(id, { config, atMs: nowMs });
    return config;
  }

  async #discover(settings: IdentityProviderSettings, secret: string | undefined): Promise<Configuration> {
    const openid = await import('openid-client');
    const authentication = secret === undefined ? openid.None() : openid.ClientSecretBasic(secret);
    return openid.discovery(new URL(settings.issuer), settings.clientId, secret, authentication, {
      [openid.customFetch]: outsideFetch(this.#o.wire, settings),
    });
  }
}

/** Whether a sign-in is ended by a page of the console. */
export function isOfConsole(uid: string): boolean {
  return uid.startsWith(ofConsole);
}
