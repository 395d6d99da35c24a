import type { Clock } from '@holdfast/core';
import { type PageRequest, type Permission, type PersonRole, permissionsOf } from '@holdfast/protocol';
import type { PresentedCertificate } from '@holdfast/wire';
import type { BearerToken } from '../bearer-token.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import { stepUpMs } from '../limits.ts';
import type { ArtifactStore } from '../oauth/artifact-store.ts';
import { admits, findServiceAccount, machineActor, type ServiceAccountRow } from '../oauth/service-accounts.ts';
import { actorOf, groupsOf, rightsOf } from './accounts.ts';
import { type Caller, localAdministrator, narrowed } from './caller.ts';
import type { CredentialRow, Credentials } from './credentials.ts';
import type { SecondFactors } from './second-factors.ts';

/** From what a request carries to who makes it. Asked at every request, so that what is revoked or lowered counts at once. */
export class Authentication {
  readonly #localToken: BearerToken;
  readonly #catalogue: Catalogue;
  readonly #credentials: Credentials;
  readonly #accessTokens: Pick<ArtifactStore, 'findAccess'>;
  readonly #factors: SecondFactors;
  readonly #factorRoles: ReadonlySet<PersonRole>;
  readonly #clock: Clock;

  constructor(o: {
    localToken: BearerToken;
    catalogue: Catalogue;
    credentials: Credentials;
    /** What OAuth gave. */
    accessTokens: Pick<ArtifactStore, 'findAccess'>;
    factors: SecondFactors;
    /** Roles whose accounts must have a second factor. */
    factorRoles: readonly PersonRole[];
    clock: Clock;
  }) {
    this.#localToken = o.localToken;
    this.#catalogue = o.catalogue;
    this.#credentials = o.credentials;
    this.#accessTokens = o.accessTokens;
    this.#factors = o.factors;
    this.#factorRoles = new Set(o.factorRoles);
    this.#clock = o.clock;
  }

  /**
   * Undefined for a token that is unknown, revoked or expired, or bound to another certificate than the one of the connection that it
   * came over.
   */
  async callerOf(
    token: string,
    presented: () => PresentedCertificate | undefined = () => undefined,
  ): Promise<Caller | undefined> {
    if (this.#localToken.matches(token)) return localAdministrator;
    if (!/^hf[sto]_/.test(token)) return undefined;
    const found = token.startsWith('hfo_')
      ? await this.#accessTokens.findAccess(token, presented())
      : await this.#credentials.find(token);
    if (!found) return undefined;
    const scope = this.#catalogue.tenant(found.tenant);
    if ('machine' in found) return machineCaller(scope, found);
    if (found.row.kind === 'pending') return undefined;
    await this.#credentials.touch(scope, found.row);
    return this.#callerWith(scope, { accountId: found.row.accountId, row: found.row });
  }

  /** Of the cookie of a browser. Other tokens are no cookies, and this one is no bearer token: each is good in its place only. */
  async callerOfCookie(token: string, by: PageRequest): Promise<Caller | undefined> {
    const found = token.startsWith('hfb_') ? await this.#credentials.find(token) : undefined;
    if (found?.row.kind !== 'session') return undefined;
    const scope = this.#catalogue.tenant(found.tenant);
    if (by === 'person') await this.#credentials.touch(scope, found.row);
    return this.#callerWith(scope, { accountId: found.row.accountId, row: found.row });
  }

  /** The caller as it is now; undefined when its session or token has ended, or its account may not sign in. */
  async now(caller: Caller): Promise<Caller | undefined> {
    if (!('id' in caller.credential)) return caller;
    const scope = this.#catalogue.tenant(caller.tenant);
    if (caller.credential.kind === 'service-account') {
      const { id, presented } = caller.credential;
      const machine = await findServiceAccount(scope, id);
      return machine && admits(machine, presented) ? machineCaller(scope, { machine, presented }) : undefined;
    }
    const row = await this.#credentials.load(scope, caller.credential.id);
    return row && this.#callerWith(scope, { accountId: row.accountId, row });
  }

  /** Who once asked for something: the account as it is now, without the session, or with the API token that was used. */
  async requester(scope: TenantScope, o: { accountId: string | null; tokenId: string | null }) {
    if (o.accountId === null) return localAdministrator;
    const row = o.tokenId === null ? undefined : await this.#credentials.load(scope, o.tokenId);
    return o.tokenId !== null && !row ? undefined : this.#callerWith(scope, { accountId: o.accountId, row });
  }

  async #callerWith(
    scope: TenantScope,
    { accountId, row }: { accountId: string; row: CredentialRow | undefined },
  ): Promise<Caller | undefined> {
    const account = await scope.query.selectFrom('accounts').selectAll().where('id', '=', accountId).executeTakeFirst();
    if (!account || account.disabledAt !== null) return undefined;
    const owner = rightsOf(account);
    const rights =
      row?.kind === 'api-token'
        ? narrowed(owner, rightsOf({ role: row.role ?? account.role, groupsJson: row.groupsJson }))
        : { permissions: permissionsOf(owner.role, { allGroups: !owner.groups }), groups: owner.groups };
    if (!rights) return undefined;
    const hasFactor = await this.#factors.isSet(scope, account.id);
    const isDue = this.#factorRoles.has(account.role) && !hasFactor;
    return {
      actor: actorOf(account),
      tenant: scope.tenant,
      accountId: account.id,
      credential:
        row === undefined ? { kind: 'none' } : { kind: row.kind === 'api-token' ? 'api-token' : 'session', id: row.id },
      ...rights,
      due: account.passwordChangeDue === 1 ? 'password' : isDue ? 'second-factor' : undefined,
      stepUp: hasFactor ? this.#stepUpOf(row) : 'none-set',
    };
  }

  #stepUpOf(row: CredentialRow | undefined): Caller['stepUp'] {
    // Nobody is there to give one to an API token; with an OAuth client somebody signs in again.
    if (!row || (row.kind !== 'session' && row.clientId === null)) return 'impossible';
    const givenMs = row.secondFactorAt === null ? 0 : new Date(row.secondFactorAt).getTime();
    return this.#clock.now().getTime() - givenMs < stepUpMs ? 'fresh' : 'needed';
  }
}

/** What only people have: an account of their own to manage, and the say over what another asked for. */
const ofPeople: ReadonlySet<Permission> = new Set(['account.manage', 'approvals.decide']);

/** A machine without a role gets grants, and sees no more than that the server is there. */
const onlyGrants: ReadonlySet<Permission> = new Set(['status.read']);

function machineCaller(
  { tenant }: TenantScope,
  { machine, presented }: { machine: ServiceAccountRow; presented: PresentedCertificate },
): Caller {
  const groups = groupsOf(machine.groupsJson);
  return {
    actor: machineActor(machine),
    tenant,
    accountId: undefined,
    credential: { kind: 'service-account', id: machine.id, presented },
    permissions:
      machine.role === null ? onlyGrants : permissionsOf(machine.role, { allGroups: !groups }).difference(ofPeople),
    groups,
    due: undefined,
    // Nobody is there to give one.
    stepUp: 'impossible',
  };
}

/** Whether a stream that was opened by the one may go on for the other. */
export function mayGoOn(before: Caller, now: Caller | undefined): boolean {
  if (!now || now.due !== undefined) return false;
  const sameGroups =
    before.groups === now.groups ||
    (before.groups !== undefined && now.groups !== undefined && before.groups.isSubsetOf(now.groups));
  return (sameGroups || now.groups === undefined) && before.permissions.isSubsetOf(now.permissions);
}
