import { type Clock, HoldfastError, hasCode } from '@holdfast/core';
import type { SecondFactorProof } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { maxRememberedSignIns, pendingSignInAttempts } from '../limits.ts';
import { type AccountRow, findAccount, loadAccount } from './accounts.ts';
import type { CredentialRow, Credentials, SignInClient } from './credentials.ts';
import type { PasswordHasher } from './password-hash.ts';
import { checkNewPassword } from './password-rules.ts';
import type { SecondFactors } from './second-factors.ts';
import { remember, type SignInAttempt, type SignInDelays } from './sign-in-delays.ts';

/** Somebody who has signed in but has to choose another password before it counts for anything. */
export interface PasswordDue {
  readonly state: 'new-password';
  readonly account: AccountRow;
  readonly pending: string;
  readonly row: CredentialRow;
}

export type SignInResult =
  | { readonly state: 'signed-in'; readonly account: AccountRow; readonly token: string; readonly row: CredentialRow }
  | {
      readonly state: 'second-factor';
      readonly account: AccountRow;
      readonly pending: string;
      readonly row: CredentialRow;
      readonly factors: readonly ('totp' | 'passkey' | 'recovery-code')[];
      readonly passkeyOptions: Record<string, unknown> | undefined;
    };

/** What a withheld sign-in had, in the place of a challenge. */
const withSecondFactor = 'second-factor';
const withoutSecondFactor = 'password';

/** Name and password, then a second factor where the account has one. What is wrong is not told, nor whether the account is there. */
export class SignIn {
  readonly #credentials: Credentials;
  readonly #factors: SecondFactors;
  readonly #hasher: PasswordHasher;
  readonly #delays: SignInDelays;
  readonly #clock: Clock;
  /** Wrong second factors of each sign-in that waits for one. */
  readonly #wrong = new Map<string, number>();

  constructor(o: {
    credentials: Credentials;
    factors: SecondFactors;
    hasher: PasswordHasher;
    delays: SignInDelays;
    clock: Clock;
  }) {
    this.#credentials = o.credentials;
    this.#factors = o.factors;
    this.#hasher = o.hasher;
    this.#delays = o.delays;
    this.#clock = o.clock;
  }

  /** `found` is told the account's name as soon as there is one, for the audit. Throws `auth.sign-in` and `auth.rate`. */
  async withPassword(
    scope: TenantScope,
    o: {
      name: string;
      password: string;
      remoteAddress: string;
      client?: SignInClient;
      isBrowser?: boolean;
      found: (account: AccountRow) => void;
      signal: AbortSignal;
    },
  ): Promise<SignInResult> {
    const name = o.name.trim().toLowerCase();
    const attempt = this.#delays.attempt(name, o.remoteAddress);
    const account = await findAccount(scope, name);
    if (account) o.found(account);
    const isRight = await this.#hasher.verify(o.password, account?.passwordHash, o.signal);
    if (!account || !isRight || account.disabledAt !== null) throw new HoldfastError('auth.sign-in');
    if (this.#hasher.isDated(account.passwordHash)) {
      const passwordHash = await this.#hasher.hash(o.password, o.signal);
      await scope.query.updateTable('accounts').set({ passwordHash }).where('id', '=', account.id).execute();
    }
    return this.#afterFirst(scope, account, { ...o, attempt });
  }

  /** Somebody whom another provider vouches for, in the place of the password. Throws `auth.sign-in` for a disabled account. */
  async withOutsideIdentity(
    scope: TenantScope,
    o: { account: AccountRow; remoteAddress: string; client?: SignInClient; isBrowser?: boolean },
  ): Promise<SignInResult> {
    if (o.account.disabledAt !== null) throw new HoldfastError('auth.sign-in');
    return this.#afterFirst(scope, o.account, o);
  }

  /** The second factor is asked for, if the account has one. */
  async #afterFirst(
    scope: TenantScope,
    account: AccountRow,
    o: { remoteAddress: string; client?: SignInClient; isBrowser?: boolean; attempt?: SignInAttempt },
  ): Promise<SignInResult> {
    const factors = await this.#factors.list(scope, account.id);
    const { remoteAddress, client, isBrowser, attempt } = o;
    if (factors.length === 0) {
      attempt?.succeeded();
      return this.#begin(scope, account, { remoteAddress, client, isBrowser, withSecondFactor: false });
    }
    attempt?.undo();
    const asked = await this.#factors.challenge(scope, account.id);
    const { token, row } = await this.#credentials.begin(scope, {
      kind: 'pending',
      accountId: account.id,
      remoteAddress,
      ...(asked ? { challenge: { purpose: 'assertion', text: asked.challenge } } : {}),
    });
    const kinds = new Set(factors.map(({ kind }) => kind).filter((kind) => kind !== 'passkey' || asked));
    return {
      state: 'second-factor',
      account,
      pending: token,
      row,
      factors: [...kinds, 'recovery-code'],
      passkeyOptions: asked?.options,
    };
  }

  async withSecondFactor(
    scope: TenantScope,
    o: {
      pending: string;
      proof: SecondFactorProof;
      remoteAddress: string;
      client?: SignInClient;
      isBrowser?: boolean;
      found: (account: AccountRow) => void;
    },
  ): Promise<SignInResult> {
    const found = await this.#credentials.find(o.pending);
    if (found?.row.kind !== 'pending' || found.tenant !== scope.tenant) throw new HoldfastError('auth.sign-in');
    const { id, accountId } = found.row;
    const account = await loadAccount(scope, accountId);
    o.found(account);
    const attempt = this.#delays.attempt(account.name, o.remoteAddress);
    const challenge = () => this.#credentials.takeChallenge(scope, { id, purpose: 'assertion' });
    const isRight = await this.#factors.verify(scope, { accountId, proof: o.proof, challenge });
    if (!isRight || account.disabledAt !== null) {
      await this.#countWrong(scope, found.row);
      throw new HoldfastError('auth.sign-in');
    }
    attempt.succeeded();
    await this.#forget(scope, found.row);
    const { remoteAddress, client, isBrowser } = o;
    return this.#begin(scope, account, { remoteAddress, client, isBrowser, withSecondFactor: true });
  }

  /** A second factor of somebody who has signed in, for what asks for a fresh one. Throws as sign-in does. */
  async confirm(
    scope: TenantScope,
    o: { account: AccountRow; credentialId: string; proof: SecondFactorProof; remoteAddress: string },
  ): Promise<void> {
    const { account, credentialId, proof } = o;
    const attempt = this.#delays.attempt(account.name, o.remoteAddress);
    const challenge = () => this.#credentials.takeChallenge(scope, { id: credentialId, purpose: 'assertion' });
    if (!(await this.#factors.verify(scope, { accountId: account.id, proof, challenge })))
      throw new HoldfastError('auth.sign-in', { message: 'The second factor is wrong, or was used before.' });
    attempt.succeeded();
  }

  /** The own password again. Throws as sign-in does. */
  async checkPassword(
    account: AccountRow,
    o: { password: string; remoteAddress: string; signal: AbortSignal },
  ): Promise<void> {
    const attempt = this.#delays.attempt(account.name, o.remoteAddress);
    if (!(await this.#hasher.verify(o.password, account.passwordHash, o.signal)))
      throw new HoldfastError('auth.sign-in', { message: 'The present password is wrong.' });
    attempt.undo();
  }

  /** Takes the sign-in back until a new password is chosen in it. */
  async withholdForPassword(
    scope: TenantScope,
    { account, row }: Extract<SignInResult, { state: 'signed-in' }>,
  ): Promise<PasswordDue> {
    await this.#credentials.revoke(scope, row);
    const text = row.secondFactorAt === null ? withoutSecondFactor : withSecondFactor;
    const { token, row: held } = await this.#credentials.begin(scope, {
      ...{ kind: 'pending', accountId: account.id, remoteAddress: row.remoteAddress },
      challenge: { purpose: 'password', text },
    });
    return { state: 'new-password', account, pending: token, row: held };
  }

  /** Goes on with what was withheld. All else of the account ends, as it may be of who chose the password before. */
  async withNewPassword(
    scope: TenantScope,
    o: {
      pending: string;
      currentPassword: string;
      newPassword: string;
      remoteAddress: string;
      client: SignInClient;
      found: (account: AccountRow) => void;
      signal: AbortSignal;
    },
  ): Promise<SignInResult> {
    const found = await this.#credentials.find(o.pending);
    if (found?.row.kind !== 'pending' || found.tenant !== scope.tenant) throw new HoldfastError('auth.sign-in');
    const { id, accountId } = found.row;
    const account = await loadAccount(scope, accountId);
    o.found(account);
    // Of a sign-in that waits for something else there is none.
    const text = await this.#credentials.takeChallenge(scope, { id, purpose: 'password' });
    if (text === undefined || account.disabledAt !== null) throw new HoldfastError('auth.sign-in');
    try {
      await this.replacePassword(scope, account, o);
    } catch (error) {
      // A wrong one as often as a second factor, a new one that is not accepted as often as it takes.
      if (hasCode(error, 'auth.sign-in')) await this.#countWrong(scope, found.row);
      await this.#credentials.setChallenge(scope, id, { purpose: 'password', text });
      throw error;
    }
    this.#wrong.delete(id);
    await this.#credentials.revokeAll(scope, { accountId });
    const { remoteAddress, client } = o;
    const isBrowser = undefined;
    return this.#begin(scope, account, {
      ...{ remoteAddress, client, isBrowser, withSecondFactor: text === withSecondFactor },
    });
  }

  /** By who knows the present one. Throws as sign-in does, and `auth.password`. */
  async replacePassword(
    scope: TenantScope,
    account: AccountRow,
    o: { currentPassword: string; newPassword: string; remoteAddress: string; signal: AbortSignal },
  ): Promise<void> {
    const { currentPassword, newPassword, remoteAddress, signal } = o;
    await this.checkPassword(account, { password: currentPassword, remoteAddress, signal });
    checkNewPassword(newPassword, account);
    if (newPassword === currentPassword)
      throw new HoldfastError('auth.password', { message: 'The new password is the present one.' });
    const passwordHash = await this.#hasher.hash(newPassword, signal);
    await scope.query
      .updateTable('accounts')
      .set({ passwordHash, passwordChangeDue: 0 })
      .where('id', '=', account.id)
      .execute();
  }

  /** A first code of one-time passwords: guessing it is made as slow as signing in is. Gives recovery codes with the first factor. */
  async confirmTotp(
    scope: TenantScope,
    o: { account: AccountRow; id: string; code: string; remoteAddress: string },
  ): Promise<string[] | undefined> {
    const attempt = this.#delays.attempt(o.account.name, o.remoteAddress);
    const recoveryCodes = await this.#factors.confirmTotp(scope, { ...o, accountId: o.account.id });
    attempt.undo();
    return recoveryCodes;
  }

  async #begin(
    scope: TenantScope,
    account: AccountRow,
    o: {
      remoteAddress: string;
      client: SignInClient | undefined;
      isBrowser: boolean | undefined;
      withSecondFactor: boolean;
    },
  ): Promise<SignInResult> {
    const begun = await this.#credentials.begin(scope, { kind: 'session', accountId: account.id, ...o });
    await scope.query
      .updateTable('accounts')
      .set({ lastSignInAt: this.#clock.now().toISOString() })
      .where('id', '=', account.id)
      .execute();
    return { state: 'signed-in', account, ...begun };
  }

  async #countWrong(scope: TenantScope, row: CredentialRow): Promise<void> {
    const wrong = (this.#wrong.get(row.id) ?? 0) + 1;
    if (wrong >= pendingSignInAttempts) await this.#forget(scope, row);
    else remember(this.#wrong, { key: row.id, value: wrong, bound: maxRememberedSignIns });
  }

  async #forget(scope: TenantScope, row: CredentialRow): Promise<void> {
    this.#wrong.delete(row.id);
    await this.#credentials.revoke(scope, row);
  }
}
