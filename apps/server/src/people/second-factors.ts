import { createHash, randomBytes } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import type { PasskeyRegistration, SecondFactorProof, User } from '@holdfast/protocol';
import type { Selectable } from 'kysely';
import type { TenantScope } from '../catalogue/catalogue.ts';
import type { SecondFactorsTable } from '../catalogue/schema.ts';
import { maxSecondFactorsOfOne, recoveryCodeCount, totpSetUpMs } from '../limits.ts';
import type { Vault } from '../vault.ts';
import type { AccountRow } from './accounts.ts';
import type { Passkeys, StoredPasskey } from './passkeys.ts';
import { base32, newTotpSecret, stepOfCode, totpUri } from './totp.ts';

type FactorRow = Selectable<SecondFactorsTable>;

const recoveryCodeBytes = 10;

/** What people prove besides their password: one-time passwords, passkeys, and recovery codes for the day when these are lost. */
export class SecondFactors {
  readonly #vault: Vault;
  readonly #passkeys: Passkeys;
  readonly #clock: Clock;

  constructor(o: { vault: Vault; passkeys: Passkeys; clock: Clock }) {
    this.#vault = o.vault;
    this.#passkeys = o.passkeys;
    this.#clock = o.clock;
  }

  /** Those that were set up to the end. */
  async list(scope: TenantScope, accountId: string): Promise<FactorRow[]> {
    return scope.query
      .selectFrom('secondFactors')
      .selectAll()
      .where('accountId', '=', accountId)
      .where('confirmedAt', 'is not', null)
      .orderBy('createdAt')
      .limit(maxSecondFactorsOfOne)
      .execute();
  }

  /** By account, for lists of accounts. */
  async all({ query }: TenantScope): Promise<Map<string, FactorRow[]>> {
    const rows = await query
      .selectFrom('secondFactors')
      .selectAll()
      .where('confirmedAt', 'is not', null)
      .orderBy('createdAt')
      .execute();
    return Map.groupBy(rows, ({ accountId }) => accountId);
  }

  async isSet(scope: TenantScope, accountId: string): Promise<boolean> {
    return (await this.list(scope, accountId)).length > 0;
  }

  async recoveryCodesLeft({ query }: TenantScope, accountId: string): Promise<number> {
    const rows = await query
      .selectFrom('recoveryCodes')
      .select('codeHash')
      .where('accountId', '=', accountId)
      .execute();
    return rows.length;
  }

  /** Whether the proof is one of that account, now and for the first time. */
  async verify(
    scope: TenantScope,
    o: { accountId: string; proof: SecondFactorProof; challenge: () => Promise<string | undefined> },
  ): Promise<boolean> {
    const { accountId, proof } = o;
    if (proof.kind === 'totp') return this.#takeTotp(scope, accountId, proof.code);
    if (proof.kind === 'recovery-code') return takeRecoveryCode(scope, accountId, proof.code);
    const challenge = await o.challenge();
    const stored = (await this.list(scope, accountId)).find(({ credentialId }) => credentialId === proof.response.id);
    if (challenge === undefined || !stored) return false;
    try {
      const signCount = await this.#passkeys.verify(proof.response, { stored: passkeyOf(stored), challenge });
      await scope.query.updateTable('secondFactors').set({ signCount }).where('id', '=', stored.id).execute();
      return true;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'auth.sign-in') return false;
      throw error;
    }
  }

  /** What passkeys of the account are to answer; undefined if there are none. */
  async challenge(scope: TenantScope, accountId: string) {
    const present = passkeysOf(await this.list(scope, accountId));
    return present.length > 0 && this.#passkeys.isPossible ? this.#passkeys.assertionOptions(present) : undefined;
  }

  /** The secret is told this once; it counts when a first code was given. */
  async beginTotp(scope: TenantScope, account: AccountRow, name: string) {
    await this.#checkRoom(scope, account.id);
    const id = crypto.randomUUID();
    const secret = newTotpSecret();
    const sealedSecret = this.#vault.seal(secret.toString('base64'), this.#place(scope, id));
    await scope.transaction(async ({ query, deleteFrom }) => {
      await deleteFrom('secondFactors').where('accountId', '=', account.id).where('confirmedAt', 'is', null).execute();
      const createdAt = this.#clock.now().toISOString();
      await query
        .insertInto('secondFactors')
        .values({ id, accountId: account.id, kind: 'totp', name, sealedSecret, createdAt })
        .execute();
    });
    return { id, secret: base32(secret), uri: totpUri({ secret, account: account.name, issuer: 'Holdfast' }) };
  }

  /** Gives recovery codes with the first factor. Throws `auth.sign-in` for a wrong code. */
  async confirmTotp(scope: TenantScope, o: { accountId: string; id: string; code: string }) {
    const row = await scope.query
      .selectFrom('secondFactors')
      .selectAll()
      .where('id', '=', o.id)
      .where('accountId', '=', o.accountId)
      .where('confirmedAt', 'is', null)
      .where('createdAt', '>', new Date(this.#clock.now().getTime() - totpSetUpMs).toISOString())
      .executeTakeFirst();
    if (!row) throw new HoldfastError('request.missing', { message: `Nothing ${o.id} is being set up.` });
    const isFirst = !(await this.isSet(scope, o.accountId));
    const step = this.#stepOf(scope, row, o.code);
    if (step === undefined)
      throw new HoldfastError('auth.sign-in', {
        message: 'The code is not one of now: check the clock of the device.',
      });
    await scope.query
      .updateTable('secondFactors')
      .set({ confirmedAt: this.#clock.now().toISOString(), lastStep: step })
      .where('id', '=', row.id)
      .execute();
    return isFirst ? this.renewRecoveryCodes(scope, o.accountId) : undefined;
  }

  async beginPasskey(scope: TenantScope, account: AccountRow) {
    await this.#checkRoom(scope, account.id);
    const present = passkeysOf(await this.list(scope, account.id));
    return this.#passkeys.registrationOptions({ account, present });
  }

  async confirmPasskey(
    scope: TenantScope,
    o: { accountId: string; name: string; response: PasskeyRegistration; challenge: string | undefined },
  ) {
    if (o.challenge === undefined)
      throw new HoldfastError('request.conflict', { message: 'No passkey is being set up in this session.' });
    const stored = await this.#passkeys.register(o.response, o.challenge);
    const isFirst = !(await this.isSet(scope, o.accountId));
    const now = this.#clock.now().toISOString();
    const id = crypto.randomUUID();
    const { accountId, name } = o;
    await scope.query
      .insertInto('secondFactors')
      .values({ id, accountId, kind: 'passkey', name, ...stored, createdAt: now, confirmedAt: now })
      .execute();
    return { id, recoveryCodes: isFirst ? await this.renewRecoveryCodes(scope, accountId) : undefined };
  }

  /** With the last one the recovery codes go. Throws `request.missing`. */
  async remove(scope: TenantScope, o: { accountId: string; id: string }): Promise<void> {
    const { numDeletedRows } = await scope
      .deleteFrom('secondFactors')
      .where('id', '=', o.id)
      .where('accountId', '=', o.accountId)
      .executeTakeFirst();
    if (numDeletedRows === 0n)
      throw new HoldfastError('request.missing', { message: `There is no second factor ${o.id}.` });
    if (!(await this.isSet(scope, o.accountId))) await this.removeAll(scope, o.accountId);
  }

  async removeAll(scope: TenantScope, accountId: string): Promise<void> {
    await scope.transaction(async ({ deleteFrom }) => {
      await deleteFrom('secondFactors').where('accountId', '=', accountId).execute();
      await deleteFrom('recoveryCodes').where('accountId', '=', accountId).execute();
    });
  }

  /** Each is good once. Told this once: the catalogue keeps hashes. */
  async renewRecoveryCodes(scope: TenantScope, accountId: string): Promise<string[]> {
    const codes = Array.from({ length: recoveryCodeCount }, newRecoveryCode);
    await scope.transaction(async ({ query, deleteFrom }) => {
      await deleteFrom('recoveryCodes').where('accountId', '=', accountId).execute();
      await query
        .insertInto('recoveryCodes')
        .values(codes.map((code) => ({ accountId, codeHash: recoveryCodeHash(accountId, code) })))
        .execute();
    });
    return codes;
  }

  /** A code is taken once, whoever comes first: the step moves on in one statement. */
  async #takeTotp(scope: TenantScope, accountId: string, code: string): Promise<boolean> {
    for (const row of await this.list(scope, accountId)) {
      const step = row.kind === 'totp' ? this.#stepOf(scope, row, code) : undefined;
      if (step === undefined) continue;
      const { numUpdatedRows } = await scope.query
        .updateTable('secondFactors')
        .set({ lastStep: step })
        .where('id', '=', row.id)
        .where('lastStep', '<', step)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    }
    return false;
  }

  #stepOf(scope: TenantScope, { id, sealedSecret }: FactorRow, code: string): number | undefined {
    if (sealedSecret === null) return undefined;
    const secret = Buffer.from(this.#vault.open(sealedSecret, this.#place(scope, id)), 'base64');
    return stepOfCode(secret, code, this.#clock.now());
  }

  #place({ tenant }: TenantScope, id: string) {
    return { tenant, kind: 'second-factor', id } as const;
  }

  async #checkRoom(scope: TenantScope, accountId: string): Promise<void> {
    if ((await this.list(scope, accountId)).length < maxSecondFactorsOfOne) return;
    throw new HoldfastError('internal.limit', { message: `The account has ${maxSecondFactorsOfOne} second factors.` });
  }
}

export function factorViews(rows: readonly FactorRow[]): User['secondFactors'] {
  return rows.map(({ id, kind, name, createdAt }) => ({ id, kind, name, createdAt }));
}

function passkeysOf(rows: readonly FactorRow[]): StoredPasskey[] {
  return rows.filter(({ kind }) => kind === 'passkey').map(passkeyOf);
}

function passkeyOf({ credentialId, publicKey, signCount }: FactorRow): StoredPasskey {
  return { credentialId: credentialId ?? '', publicKey: publicKey ?? '', signCount };
}

async function takeRecoveryCode({ deleteFrom }: TenantScope, accountId: string, code: string): Promise<boolean> {
  const { numDeletedRows } = await deleteFrom('recoveryCodes')
    .where('accountId', '=', accountId)
    .where('codeHash', '=', recoveryCodeHash(accountId, code))
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** 80 random bits in groups of four letters: nothing to guess, so that SHA-256 is enough. */
function newRecoveryCode(): string {
  const text = base32(randomBytes(recoveryCodeBytes)).toLowerCase();
  return text.match(/.{4}/g)?.join('-') ?? text;
}

function recoveryCodeHash(accountId: string, code: string): string {
  const plain = code.toLowerCase().replaceAll(/[^a-z2-7]/g, '');
  return createHash('sha256').update(`${accountId}\n${plain}`, 'utf8').digest('hex');
}
