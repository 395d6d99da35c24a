import type { Clock } from '@holdfast/core';
import { HoldfastError } from '@holdfast/core';
import type { AccessView, PersonRole } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import { hashToken, newToken } from '../bearer-token.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { CredentialsTable } from '../catalogue/schema.ts';
import { ceremonyMs, credentialTouchMs, maxCredentialsOfOne, pendingSignInMs } from '../limits.ts';
import { groupsJson, groupsOf } from './accounts.ts';
import { renewedSessionGraceMs } from './limits.ts';

export type CredentialRow = Selectable<CredentialsTable>;

/** A challenge counts for what it was made for alone: what may be asked for freely must not be answered with a new passkey. */
interface Challenge {
  readonly purpose: 'assertion' | 'registration' | 'password';
  readonly text: string;
}

/** How lists of sessions call one that is in a cookie. */
const browserSessionName = 'browser';

const challengeForm = /^(\w+):(\d+):(.+)$/s;

/** How long what people sign in with lives: since it was used, and since it was made. */
export interface Lifetimes {
  readonly sessionIdleMs: number;
  readonly sessionMs: number;
  readonly apiTokenIdleMs: number;
}

/** What a person signs in to, if it is not this server's own API: the client, and what it may do at most. */
export interface SignInClient {
  readonly id: string;
  readonly name: string;
  /** A session manages the account too; what others get is an API token that ends as a session does. */
  readonly kind: 'session' | 'api-token';
  readonly role: PersonRole | null;
  readonly groupsJson: string | null;
}

/**
 * Sessions, sign-ins that wait for a second factor, and API tokens: 256 random bits that the catalogue keeps the hash of. What is
 * revoked, unused for too long or too old is refused at the next request, and open streams that use it are cut.
 */
export class Credentials {
  readonly #catalogue: Catalogue;
  readonly #clock: Clock;
  readonly #lifetimes: Lifetimes;
  /** Called after something was revoked. */
  readonly #onRevoked: () => void;

  constructor(o: { catalogue: Catalogue; clock: Clock; lifetimes: Lifetimes; onRevoked: () => void }) {
    this.#catalogue = o.catalogue;
    this.#clock = o.clock;
    this.#lifetimes = o.lifetimes;
    this.#onRevoked = o.onRevoked;
  }

  /** A session, or a sign-in that lacks a second factor. Its token is known to the caller only. */
  async begin(
    scope: TenantScope,
    o: {
      kind: 'pending' | 'session';
      accountId: string;
      remoteAddress: string;
      challenge?: Challenge;
      withSecondFactor?: boolean;
      client?: SignInClient | undefined;
      /** The token is for a cookie. */
      isBrowser?: boolean | undefined;
    },
  ): Promise<{ readonly token: string; readonly row: CredentialRow }> {
    const lifetimeMs = o.kind === 'pending' ? pendingSignInMs : this.#lifetimes.sessionMs;
    const idleMs = o.kind === 'pending' ? pendingSignInMs : this.#lifetimes.sessionIdleMs;
    const isCookie = o.isBrowser === true && o.kind === 'session';
    const {
      id: clientId = null,
      name = isCookie ? browserSessionName : '',
      kind = o.kind,
      role = null,
      groupsJson: groups = null,
    } = o.client ?? {};
    return this.#insert(scope, {
      ...{ kind, accountId: o.accountId, clientId, name, role, groupsJson: groups, lifetimeMs, idleMs },
      secondFactorAt: o.withSecondFactor ? this.#clock.now().toISOString() : null,
      challenge: o.challenge ? this.#challengeText(o.challenge) : null,
      remoteAddress: o.remoteAddress,
      prefix: isCookie ? 'hfb' : kind === 'api-token' ? 'hft' : kind === 'session' ? 'hfs' : 'hfp',
    });
  }

  async makeApiToken(
    scope: TenantScope,
    o: {
      accountId: string;
      name: string;
      role: PersonRole;
      groups: readonly string[] | undefined;
      lifetimeMs: number;
      remoteAddress: string;
    },
  ): Promise<{ readonly token: string; readonly row: CredentialRow }> {
    return this.#insert(scope, {
      ...{ kind: 'api-token', accountId: o.accountId, clientId: null, name: o.name, role: o.role },
      ...{ groupsJson: groupsJson(o.groups), lifetimeMs: o.lifetimeMs, idleMs: this.#lifetimes.apiTokenIdleMs },
      ...{ secondFactorAt: null, challenge: null, remoteAddress: o.remoteAddress, prefix: 'hft' },
    });
  }

  /** What the token stands for, if that is still good; undefined if not. */
  async find(token: string): Promise<{ readonly tenant: string; readonly row: CredentialRow } | undefined> {
    const tokenHash = hashToken(token).toString('hex');
    const tenant = await this.#catalogue.tenantOfCredential(tokenHash);
    if (tenant === undefined) return undefined;
    const row = await this.#catalogue
      .tenant(tenant)
      .query.selectFrom('credentials')
      .selectAll()
      .where('tokenHash', '=', tokenHash)
      .executeTakeFirst();
    return row && this.isAlive(row) ? { tenant, row } : undefined;
  }

  async load(scope: TenantScope, id: string): Promise<CredentialRow | undefined> {
    const row = await scope.query.selectFrom('credentials').selectAll().where('id', '=', id).executeTakeFirst();
    return row && this.isAlive(row) ? row : undefined;
  }

  isAlive({ idleExpiresAt, expiresAt }: Pick<CredentialRow, 'idleExpiresAt' | 'expiresAt'>): boolean {
    const now = this.#clock.now().toISOString();
    return now < idleExpiresAt && now < expiresAt;
  }

  /** Notes that it is used. Written once a minute at most. */
  async touch(scope: TenantScope, row: CredentialRow): Promise<void> {
    const now = this.#clock.now();
    if (now.getTime() - new Date(row.lastUsedAt).getTime() < credentialTouchMs) return;
    const idleMs = isOwnApiToken(row) ? this.#lifetimes.apiTokenIdleMs : this.#lifetimes.sessionIdleMs;
    const idleExpiresAt = new Date(now.getTime() + idleMs).toISOString();
    await scope.query
      .updateTable('credentials')
      .set({ lastUsedAt: now.toISOString(), idleExpiresAt })
      .where('id', '=', row.id)
      .where('lastUsedAt', '=', row.lastUsedAt)
      .execute();
  }

  /** Of one account, newest first. What has ended is removed on the way. */
  async list(scope: TenantScope, accountId: string): Promise<CredentialRow[]> {
    const now = this.#clock.now().toISOString();
    await scope
      .deleteFrom('credentials')
      .where((row) => row.or([row('expiresAt', '<=', now), row('idleExpiresAt', '<=', now)]))
      .execute();
    return scope.query
      .selectFrom('credentials')
      .selectAll()
      .where('accountId', '=', accountId)
      .where('kind', '!=', 'pending')
      .orderBy('createdAt', 'desc')
      .limit(maxCredentialsOfOne)
      .execute();
  }

  /** Throws `request.missing`. */
  async revoke(scope: TenantScope, o: { accountId: string; id: string }): Promise<void> {
    const revoked = await scope
      .deleteFrom('credentials')
      .where('id', '=', o.id)
      .where('accountId', '=', o.accountId)
      .returning(['kind', 'name'])
      .executeTakeFirst();
    if (!revoked) throw new HoldfastError('request.missing', { message: `There is no session or API token ${o.id}.` });
    if (revoked.kind === 'session' && revoked.name === browserSessionName) await this.#endFormer(scope, o.accountId);
    this.#onRevoked();
  }

  /** Who signs out of a browser is out, also with the token that it had before it got another. */
  async #endFormer(scope: TenantScope, accountId: string): Promise<void> {
    const soon = new Date(this.#clock.now().getTime() + renewedSessionGraceMs).toISOString();
    await scope
      .deleteFrom('credentials')
      .where('accountId', '=', accountId)
      .where('kind', '=', 'session')
      .where('name', '=', browserSessionName)
      .where('expiresAt', '<=', soon)
      .execute();
  }

  /** All that a client was given. */
  async revokeOfClient(scope: TenantScope, clientId: string): Promise<void> {
    await scope.deleteFrom('credentials').where('clientId', '=', clientId).execute();
    this.#onRevoked();
  }

  /** All of an account, or its sessions only; but for one. */
  async revokeAll(
    scope: TenantScope,
    o: { accountId: string; except?: string; sessionsOnly?: boolean },
  ): Promise<void> {
    let deletion = scope.deleteFrom('credentials').where('accountId', '=', o.accountId);
    if (o.except !== undefined) deletion = deletion.where('id', '!=', o.except);
    if (o.sessionsOnly)
      deletion = deletion.where((row) => row.or([row('kind', '!=', 'api-token'), row('clientId', 'is not', null)]));
    await deletion.execute();
    this.#onRevoked();
  }

  async setChallenge(scope: TenantScope, id: string, given: Challenge): Promise<void> {
    const challenge = this.#challengeText(given);
    await scope.query.updateTable('credentials').set({ challenge }).where('id', '=', id).execute();
  }

  /** The challenge that was set last, if it was set for that. It is forgotten with that: it can be answered once. */
  async takeChallenge(
    scope: TenantScope,
    o: { readonly id: string; readonly purpose: Challenge['purpose'] },
  ): Promise<string | undefined> {
    const { id, purpose } = o;
    return scope.transaction(async ({ query }) => {
      const row = await query.selectFrom('credentials').select('challenge').where('id', '=', id).executeTakeFirst();
      const { numUpdatedRows } = await query
        .updateTable('credentials')
        .set({ challenge: null })
        .where('id', '=', id)
        .where('challenge', 'is not', null)
        .executeTakeFirst();
      const [, madeFor, until = '', text] = challengeForm.exec(row?.challenge ?? '') ?? [];
      const isGood = numUpdatedRows > 0n && madeFor === purpose && this.#clock.now().getTime() < Number(until);
      return isGood ? text : undefined;
    });
  }

  /** With its end: a session lives longer than what was asked in it. */
  #challengeText({ purpose, text }: Challenge): string {
    return `${purpose}:${this.#clock.now().getTime() + ceremonyMs}:${text}`;
  }

  async confirm(scope: TenantScope, id: string): Promise<void> {
    const secondFactorAt = this.#clock.now().toISOString();
    await scope.query.updateTable('credentials').set({ secondFactorAt }).where('id', '=', id).execute();
  }

  /**
   * Another token for the session of a browser, as its rights grow (OWASP, session renewal). Requests of the same page that are
   * under way have the former one, which is good for some seconds more, without the fresh second factor.
   */
  async renew(scope: TenantScope, id: string): Promise<string> {
    const token = newToken('hfb');
    const nowMs = this.#clock.now().getTime();
    const soon = new Date(nowMs + renewedSessionGraceMs).toISOString();
    await scope.transaction(async ({ query }) => {
      const before = await query.selectFrom('credentials').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
      const tokenHash = hashToken(token).toString('hex');
      await query.updateTable('credentials').set({ tokenHash }).where('id', '=', id).execute();
      const { tenant: _, ...former } = before;
      const expiresAt = soon < former.expiresAt ? soon : former.expiresAt;
      await query
        .insertInto('credentials')
        .values({ ...former, id: crypto.randomUUID(), secondFactorAt: null, challenge: null, expiresAt })
        .execute();
    });
    return token;
  }

  /** Says that what some credentials may do has changed, so that streams are looked at again. */
  changed(): void {
    this.#onRevoked();
  }

  async #insert(
    scope: TenantScope,
    o: Pick<
      CredentialRow,
      | 'kind'
      | 'accountId'
      | 'clientId'
      | 'name'
      | 'role'
      | 'groupsJson'
      | 'secondFactorAt'
      | 'challenge'
      | 'remoteAddress'
    > & { readonly lifetimeMs: number; readonly idleMs: number; readonly prefix: 'hfb' | 'hfp' | 'hfs' | 'hft' },
  ): Promise<{ readonly token: string; readonly row: CredentialRow }> {
    const { lifetimeMs, idleMs, prefix, ...fields } = o;
    await this.#makeRoom(scope, o.accountId);
    const token = newToken(prefix);
    const nowMs = this.#clock.now().getTime();
    const at = (afterMs: number): string => new Date(nowMs + afterMs).toISOString();
    const row = await scope.query
      .insertInto('credentials')
      .values({
        ...fields,
        id: crypto.randomUUID(),
        tokenHash: hashToken(token).toString('hex'),
        createdAt: at(0),
        lastUsedAt: at(0),
        idleExpiresAt: at(Math.min(idleMs, lifetimeMs)),
        expiresAt: at(lifetimeMs),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return { token, row };
  }

  /** The session that was begun first goes; API tokens stay, and are refused instead. */
  async #makeRoom(scope: TenantScope, accountId: string): Promise<void> {
    const present = await this.list(scope, accountId);
    if (present.length < maxCredentialsOfOne) return;
    const oldest = present.findLast((row) => !isOwnApiToken(row));
    if (!oldest)
      throw new HoldfastError('internal.limit', { message: `The account has ${maxCredentialsOfOne} API tokens.` });
    await this.revoke(scope, oldest);
  }
}

/** One that somebody made, and not what an OAuth client got by a sign-in. */
function isOwnApiToken({ kind, clientId }: Pick<CredentialRow, 'kind' | 'clientId'>): boolean {
  return kind === 'api-token' && clientId === null;
}

export function accessView(row: CredentialRow, present: string | undefined): AccessView {
  const groups = groupsOf(row.groupsJson);
  return {
    id: row.id,
    kind: row.kind === 'api-token' ? 'api-token' : 'session',
    name: row.name,
    ...(row.role === null ? {} : { role: row.role }),
    ...(groups ? { groups: [...groups] } : {}),
    ...(row.clientId === null ? {} : { clientId: row.clientId }),
    createdAt: row.createdAt,
    lastUsedAt: row.lastUsedAt,
    expiresAt: row.expiresAt < row.idleExpiresAt ? row.expiresAt : row.idleExpiresAt,
    remoteAddress: row.remoteAddress,
    present: row.id === present,
  };
}
