import { type Clock, HoldfastError } from '@holdfast/core';
import { permissionsOf, type RecoveryAccess, type RecoveryScope } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { CertificateAuthority } from '../authority/certificate-authority.ts';
import type { RequestedKey } from '../authority/signing-request.ts';
import type { Catalogue, TenantScope } from '../catalogue/catalogue.ts';
import type { RecoveryAccessesTable } from '../catalogue/identity-tables.ts';
import { type PageRequest, readPage } from '../catalogue/page.ts';
import { rightsOf } from '../people/accounts.ts';
import { scopeOf } from './recovery-scope.ts';
import { takeRecoveryToken } from './recovery-tokens.ts';

export type RecoveryAccessRow = Selectable<RecoveryAccessesTable>;

interface Asking {
  readonly key: RequestedKey;
  readonly hostname: string;
  readonly remoteAddress: string;
}

/** Certificates for recoveries: each for some backups and a time, of the role `recovery`, which nothing else admits. */
export class RecoveryAccesses {
  readonly #catalogue: Catalogue;
  readonly #authority: CertificateAuthority;
  readonly #clock: Clock;

  constructor(o: { catalogue: Catalogue; authority: CertificateAuthority; clock: Clock }) {
    this.#catalogue = o.catalogue;
    this.#authority = o.authority;
    this.#clock = o.clock;
  }

  /**
   * One transaction: the token's use and its certificate. The same token with the same key gets the same certificate again, so
   * that a lost answer uses nothing up. Throws `auth.recovery`.
   */
  async byToken(o: Asking & { tokenMac: string }): Promise<RecoveryAccessRow & { readonly repeated: boolean }> {
    const tenant = await this.#catalogue.tenantOfRecoveryToken(o.tokenMac);
    if (tenant === undefined) throw new HoldfastError('auth.recovery');
    return this.#catalogue.tenant(tenant).transaction(async (scope) => {
      const earlier = await scope.query
        .selectFrom('recoveryAccesses')
        .innerJoin('recoveryTokens', 'recoveryTokens.id', 'recoveryAccesses.tokenId')
        .selectAll('recoveryAccesses')
        .where('tokenMac', '=', o.tokenMac)
        .where('keyHash', '=', o.key.keyHash)
        .executeTakeFirst();
      if (earlier) {
        if (!this.isGood(earlier)) throw new HoldfastError('auth.recovery');
        return { ...earlier, repeated: true };
      }
      const token = await takeRecoveryToken(scope, { ...o, clock: this.#clock });
      const expiresAt = new Date(token.expiresAt);
      const given = {
        tokenId: token.id,
        accountId: null,
        actor: 'recovery-token',
        scopeJson: token.scopeJson,
        expiresAt,
      };
      return { ...(await this.#issue(scope, { ...o, ...given })), repeated: false };
    });
  }

  async byAccount(
    scope: TenantScope,
    o: Asking & { accountId: string; actor: string; named: RecoveryScope; lifetimeMs: number },
  ): Promise<RecoveryAccessRow> {
    const expiresAt = new Date(this.#clock.now().getTime() + o.lifetimeMs);
    return this.#issue(scope, { ...o, tokenId: null, scopeJson: JSON.stringify(o.named), expiresAt });
  }

  /** What a certificate was given for, if that still counts. Throws `channel.revoked` and `auth.required`. */
  async ofCertificate(serial: string): Promise<{ readonly scope: TenantScope; readonly row: RecoveryAccessRow }> {
    const tenant = await this.#catalogue.tenantOfRecovery(serial);
    if (tenant === undefined) throw new HoldfastError('auth.required');
    const scope = this.#catalogue.tenant(tenant);
    const row = await scope.query
      .selectFrom('recoveryAccesses')
      .selectAll()
      .where('serial', '=', serial)
      .executeTakeFirst();
    if (!row || !this.isGood(row)) throw new HoldfastError('channel.revoked');
    const lastUsedAt = this.#clock.now().toISOString();
    await scope.query.updateTable('recoveryAccesses').set({ lastUsedAt }).where('id', '=', row.id).execute();
    return { scope, row };
  }

  isGood({ revokedAt, expiresAt }: Pick<RecoveryAccessRow, 'revokedAt' | 'expiresAt'>): boolean {
    return revokedAt === null && expiresAt > this.#clock.now().toISOString();
  }

  /** Those that are still good, newest first. */
  async page(scope: TenantScope, o: PageRequest): Promise<{ certificates: RecoveryAccess[]; next?: string }> {
    const rows = scope.query
      .selectFrom('recoveryAccesses')
      .selectAll()
      .where('revokedAt', 'is', null)
      .where('expiresAt', '>', this.#clock.now().toISOString());
    const order = { createdAt: 'text', id: 'text' } as const;
    const { items, ...rest } = await readPage(rows, { ...o, order, newestFirst: true, view });
    return { certificates: items, ...rest };
  }

  /** With all certificates that it gave; their number. Throws `request.missing`. */
  async revokeToken(scope: TenantScope, id: string): Promise<number> {
    const revokedAt = this.#clock.now().toISOString();
    return scope.transaction(async ({ query }) => {
      const token = await query
        .updateTable('recoveryTokens')
        .set((row) => ({ revokedAt: row.fn.coalesce('revokedAt', row.val(revokedAt)) }))
        .where('id', '=', id)
        .returning('id')
        .executeTakeFirst();
      if (!token) throw new HoldfastError('request.missing', { message: `There is no recovery token ${id}.` });
      const { numUpdatedRows } = await query
        .updateTable('recoveryAccesses')
        .set({ revokedAt })
        .where('tokenId', '=', id)
        .where('revokedAt', 'is', null)
        .executeTakeFirst();
      return Number(numUpdatedRows);
    });
  }

  /** Ends what an account began, if it may no longer, or in any case; whether there was anything to end. */
  async revokeOfAccount(scope: TenantScope, o: { accountId: string; always: boolean }): Promise<boolean> {
    if (!o.always && (await mayRecover(scope, o.accountId))) return false;
    const { numUpdatedRows } = await scope.query
      .updateTable('recoveryAccesses')
      .set({ revokedAt: this.#clock.now().toISOString() })
      .where('accountId', '=', o.accountId)
      .where('revokedAt', 'is', null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Throws `request.missing`. */
  async revoke(scope: TenantScope, id: string): Promise<void> {
    const revokedAt = this.#clock.now().toISOString();
    const { numUpdatedRows } = await scope.query
      .updateTable('recoveryAccesses')
      .set((row) => ({ revokedAt: row.fn.coalesce('revokedAt', row.val(revokedAt)) }))
      .where('id', '=', id)
      .executeTakeFirst();
    if (numUpdatedRows === 0n)
      throw new HoldfastError('request.missing', { message: `There is no certificate for a recovery ${id}.` });
  }

  async #issue(
    scope: TenantScope,
    o: Asking & Pick<RecoveryAccessRow, 'tokenId' | 'accountId' | 'actor' | 'scopeJson'> & { expiresAt: Date },
  ): Promise<RecoveryAccessRow> {
    const now = this.#clock.now();
    const id = crypto.randomUUID();
    const lifetimeMs = o.expiresAt.getTime() - now.getTime();
    const leaf = await this.#authority.issue({ spki: o.key.spki, role: 'recovery', id, names: [], lifetimeMs });
    await scope.deleteFrom('recoveryAccesses').where('expiresAt', '<=', now.toISOString()).execute();
    return scope.query
      .insertInto('recoveryAccesses')
      .values({
        ...{ id, tokenId: o.tokenId, accountId: o.accountId, actor: o.actor, scopeJson: o.scopeJson },
        ...{ hostname: o.hostname, remoteAddress: o.remoteAddress, keyHash: o.key.keyHash },
        ...{ serial: leaf.serial, fingerprint: leaf.fingerprint, certificatePem: leaf.certificatePem },
        createdAt: now.toISOString(),
        expiresAt: leaf.expiresAt.toISOString(),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  }
}

/** Whether an account may have the keys of repositories now, without which it recovers nothing. */
export async function mayRecover({ query }: TenantScope, accountId: string): Promise<boolean> {
  const account = await query.selectFrom('accounts').selectAll().where('id', '=', accountId).executeTakeFirst();
  if (!account || account.disabledAt !== null) return false;
  const { role, groups } = rightsOf(account);
  return permissionsOf(role, { allGroups: !groups }).has('secrets.reveal');
}

function view(row: RecoveryAccessRow): RecoveryAccess {
  return {
    ...{ id: row.id, actor: row.actor, scope: scopeOf(row.scopeJson) },
    ...{ hostname: row.hostname, remoteAddress: row.remoteAddress },
    ...{ createdAt: row.createdAt, expiresAt: row.expiresAt },
    ...(row.tokenId === null ? {} : { tokenId: row.tokenId }),
    ...(row.lastUsedAt === null ? {} : { lastUsedAt: row.lastUsedAt }),
  };
}
