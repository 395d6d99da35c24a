import { type Clock, HoldfastError, toHoldfastError } from '@holdfast/core';
import {
  limits,
  localTenant,
  parseMessage,
  type RecoveryCertificate,
  type recoveryCredentialsAnswer,
  recoveryCredentialsRequest,
  recoveryTokenRequest,
} from '@holdfast/protocol';
import type { z } from 'zod';
import { AttemptLimiter } from '../attempt-limiter.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { readSigningRequest } from '../authority/signing-request.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import {
  hourMs,
  maxListedRows,
  maxRecoveryTries,
  maxRecoveryTriesPerAddress,
  recoverySignInLifetimeMs,
} from '../limits.ts';
import { type AccountRow, actorOf } from '../people/accounts.ts';
import type { Authentication } from '../people/authentication.ts';
import type { People } from '../people/people.ts';
import type { SignInResult } from '../people/sign-in.ts';
import type { Vault } from '../vault.ts';
import type { RecoveryAccesses, RecoveryAccessRow } from './recovery-accesses.ts';
import { checkScope } from './recovery-scope.ts';
import { recoveryTokenMac } from './recovery-tokens.ts';

/** From whom and by which request. */
interface Asked {
  readonly remoteAddress: string;
  readonly requestId: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

interface Parts {
  readonly catalogue: Catalogue;
  readonly accesses: RecoveryAccesses;
  readonly people: People;
  readonly authentication: Authentication;
  readonly vault: Vault;
  readonly audit: AuditLog;
  readonly installation: string;
  readonly serverId: string;
  readonly caPem: string;
  readonly identityPort: () => number;
  readonly clock: Clock;
}

/** Of all addresses together. */
const everybody = 'everywhere';

/** Who recovers without an enrolled computer gets a certificate: against a recovery token on 10005, or as a person on 10001. */
export class RecoverySignIn {
  readonly #o: Parts;
  /** 64 bits are far from being guessed with so few tries; they are few so that nobody has to think about it. */
  readonly #perAddress: AttemptLimiter;
  readonly #together: AttemptLimiter;

  constructor(o: Parts) {
    this.#o = o;
    const { clock } = o;
    const window = { what: 'wrong recovery tokens', windowMs: hourMs, clock };
    this.#perAddress = new AttemptLimiter({ ...window, limit: maxRecoveryTriesPerAddress });
    this.#together = new AttemptLimiter({ ...window, limit: maxRecoveryTries });
  }

  /** Throws `auth.recovery`, `auth.rate`, `request.invalid`, `version.unsupported`. */
  async withToken(message: unknown, asked: Omit<Asked, 'signal'>): Promise<RecoveryCertificate> {
    this.#perAddress.check(asked.remoteAddress);
    this.#together.check(everybody);
    const request = parseMessage(recoveryTokenRequest, message, 'The recovery token and its signing request');
    checkVersion(request.protocolVersion);
    const key = await readSigningRequest(request.signingRequest);
    const { hostname } = request;
    const { remoteAddress } = asked;
    const entry = { action: 'recoverWithToken', ...asked };
    // Counted before the answer is known, so that many at once are not more than the limit.
    const undo = [this.#perAddress.count(remoteAddress), this.#together.count(everybody)];
    try {
      const tokenMac = recoveryTokenMac(this.#o.vault, request.token);
      const { repeated, ...access } = await this.#o.accesses.byToken({ tokenMac, key, hostname, remoteAddress });
      for (const back of undo) back();
      const tenant = await this.#o.catalogue.tenantOfRecovery(access.serial);
      const details = { token: access.tokenId ?? '', hostname, ...(repeated ? { repeated } : {}) };
      await this.#o.audit.write(tenant ?? localTenant, { ...entry, actor: access.actor, subject: access.id, details });
      return this.#answer(access);
    } catch (error) {
      const { code } = toHoldfastError(error);
      if (code !== 'auth.recovery') for (const back of undo) back();
      const refusal = {
        ...entry,
        actor: 'nobody',
        subject: '',
        outcome: 'refused',
        details: { code, hostname },
      } as const;
      if (code === 'auth.recovery') await this.#o.audit.writeRefusal(localTenant, refusal, 'anybody');
      throw error;
    }
  }

  /** Throws as signing in does, and `auth.forbidden`, `auth.incomplete`, `request.missing`. */
  async withCredentials(message: unknown, asked: Asked): Promise<z.input<typeof recoveryCredentialsAnswer>> {
    const request = parseMessage(recoveryCredentialsRequest, message, 'The sign-in and its signing request');
    checkVersion(request.protocolVersion);
    const key = await readSigningRequest(request.signingRequest);
    const scope = this.#o.catalogue.tenant(localTenant);
    const facts = { actor: 'nobody', subject: '' };
    const found = (account: AccountRow): void =>
      void Object.assign(facts, { actor: actorOf(account), subject: account.id });
    const { remoteAddress, requestId, signal } = asked;
    const { proof, hostname } = request;
    const entry = { action: 'recoverWithAccount', remoteAddress, requestId };
    try {
      const { signIn } = this.#o.people;
      const result =
        proof.kind === 'password'
          ? await signIn.withPassword(scope, {
              name: proof.name,
              password: proof.password,
              remoteAddress,
              found,
              signal,
            })
          : await signIn.withSecondFactor(scope, { pending: proof.pending, proof: proof.proof, remoteAddress, found });
      if (result.state === 'second-factor') {
        const factors = [...result.factors].filter((kind) => kind !== 'passkey');
        return { state: 'second-factor', pending: result.pending, factors };
      }
      const computers = await this.#asPerson(scope, result, request.computers);
      const named = { repositories: [], computers, snapshots: [] };
      await checkScope(scope, named);
      const access = await this.#o.accesses.byAccount(scope, {
        ...{ key, hostname, remoteAddress, named, lifetimeMs: recoverySignInLifetimeMs },
        ...{ accountId: result.account.id, actor: facts.actor },
      });
      const details = { account: facts.subject, hostname, computers };
      await this.#o.audit.write(scope.tenant, { ...entry, actor: facts.actor, subject: access.id, details });
      return this.#answer(access);
    } catch (error) {
      const { code } = toHoldfastError(error);
      const refusal = { ...entry, ...facts, outcome: 'refused', details: { code, hostname } } as const;
      if (code.startsWith('auth.')) await this.#o.audit.writeRefusal(scope.tenant, refusal, 'anybody');
      throw error;
    }
  }

  /** The ids of the computers, for somebody who may have the keys of their backups. The session ends with this. */
  async #asPerson(
    scope: TenantScope,
    { account, token, row }: Extract<SignInResult, { state: 'signed-in' }>,
    names: readonly string[],
  ): Promise<string[]> {
    try {
      const caller = await this.#o.authentication.callerOf(token);
      if (!caller) throw new HoldfastError('auth.sign-in');
      if (caller.due !== undefined) throw new HoldfastError('auth.incomplete');
      // What is restored here is read with the repository's own key.
      if (!caller.permissions.has('secrets.reveal') || !caller.permissions.has('restores.run'))
        throw new HoldfastError('auth.forbidden', {
          message: 'To recover with an account, it has to be one that may have the keys of repositories.',
          guidance: 'Ask an administrator of everything for a recovery token.',
        });
      return await this.#computersOf(scope, names);
    } finally {
      await this.#o.people.credentials.revoke(scope, { accountId: account.id, id: row.id });
    }
  }

  async #computersOf({ query }: TenantScope, names: readonly string[]): Promise<string[]> {
    const all = await query
      .selectFrom('computers')
      .select(['id', 'hostname'])
      .where('role', '=', 'agent')
      .limit(maxListedRows)
      .execute();
    return names.map((name) => {
      const wanted = name.toLowerCase();
      const found = all.filter(({ id, hostname }) => id === wanted || hostname.toLowerCase() === wanted);
      const [only] = found;
      if (only && found.length === 1) return only.id;
      throw new HoldfastError('request.missing', {
        message: only ? `There are ${found.length} computers ${name}: give the id.` : `There is no computer ${name}.`,
      });
    });
  }

  #answer(access: RecoveryAccessRow): RecoveryCertificate {
    const { installation, serverId, caPem } = this.#o;
    return {
      ...{ state: 'signed-in', id: access.id, installation, serverId, caPem },
      ...{ certificatePem: access.certificatePem, expiresAt: access.expiresAt, identityPort: this.#o.identityPort() },
    };
  }
}

function checkVersion(version: number): void {
  if (version === limits.protocolVersion) return;
  throw new HoldfastError('version.unsupported', {
    message: `The other end speaks version ${version} of the protocol, this server version ${limits.protocolVersion}.`,
  });
}
