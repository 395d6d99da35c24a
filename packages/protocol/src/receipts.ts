import { createHash } from 'node:crypto';
import { type Clock, type ErrorCode, HoldfastError } from '@holdfast/core';
import { type CryptoKey, errors, importJWK, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { IdentityKey } from './grants.ts';
import { drillResult } from './maintenance-tasks.ts';
import { entityId, isoTime, slug, snapshotId } from './names.ts';

/**
 * Receipts of restore drills: JWS (EdDSA) of the identity service's key, each of which holds the hash of the one before and a
 * number without gaps. Whoever has them and the public keys can check them without any server, now and in ten years.
 */

const algorithm = 'EdDSA';
/** What keeps a receipt from passing for a grant or a proof, which the same key signs. */
const tokenType = 'holdfast-receipt+jwt';
const statement =
  'The executor of the repository restored this backup, or a sample of it, read it back from the disk and compared it with the snapshot. The server signs what the executor reported.';
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Problems of a failed drill that its receipt names. */
export const maxReceiptProblems = 20;
const told = z.object({ code: z.string(), message: z.string().max(2_000) });

/** What was tried, and how it went. */
export const receiptDrill = z.object({
  runId: entityId,
  repositoryId: entityId,
  repository: z.string(),
  /** The computer that the backup is of; the repository's mover where that is not known. */
  agentId: entityId,
  hostname: z.string(),
  snapshotId,
  takenAt: isoTime,
  startedAt: isoTime,
  endedAt: isoTime,
  /** `failed`: something is not as it was backed up, or the drill could not be done; `error` says which. */
  outcome: z.enum(['good', 'failed']),
  result: drillResult.optional(),
  error: told.optional(),
  problems: z.array(told).max(maxReceiptProblems),
  problemCount: z.number().int().nonnegative(),
});
export type ReceiptDrill = z.output<typeof receiptDrill>;

const claims = z.object({
  iss: z.string(),
  jti: entityId,
  iat: z.number().int(),
  tenant: slug,
  /** From 1, without gaps. */
  number: z.number().int().min(1),
  previousHash: sha256,
  statement: z.literal(statement),
  drill: receiptDrill,
});

/** Of the receipt before the first one. */
export const firstReceiptHash = '0'.repeat(64);

/** What the next receipt holds of this one: the SHA-256 of its JWS. */
export function receiptHash(jws: string): string {
  return createHash('sha256').update(jws, 'ascii').digest('hex');
}

export class ReceiptSigner {
  readonly #installation: string;
  readonly #key: { readonly id: string; readonly privateKey: CryptoKey };
  readonly #clock: Clock;

  constructor(options: { installation: string; key: { id: string; privateKey: CryptoKey }; clock: Clock }) {
    this.#installation = options.installation;
    this.#key = options.key;
    this.#clock = options.clock;
  }

  /** The receipt in JWS's compact form. */
  async sign(o: { tenant: string; number: number; previousHash: string; drill: ReceiptDrill }): Promise<string> {
    return new SignJWT({ ...o, statement })
      .setProtectedHeader({ alg: algorithm, kid: this.#key.id, typ: tokenType })
      .setIssuer(this.#installation)
      .setJti(crypto.randomUUID())
      .setIssuedAt(Math.floor(this.#clock.now().getTime() / 1000))
      .sign(this.#key.privateKey);
  }
}

export interface Receipt {
  readonly installation: string;
  readonly tenant: string;
  readonly number: number;
  readonly signedAt: Date;
  readonly drill: ReceiptDrill;
}

/** Checks receipts in their order, one after the other, with the public keys that the installation publishes. */
export class ReceiptVerifier {
  readonly #installation: string;
  readonly #keys: readonly IdentityKey[];
  readonly #first: number;
  #tenant: string | undefined;
  #head: { readonly number: number; readonly hash: string } | undefined;
  #count = 0;

  /** `first`: the number that the first receipt must have, where not all are given. */
  constructor(o: { installation: string; keys: readonly IdentityKey[]; first?: number | undefined }) {
    this.#installation = o.installation;
    this.#keys = o.keys;
    this.#first = o.first ?? 1;
  }

  /** Number and hash of the last receipt that was checked. What was cut off at the end only shows against an earlier one. */
  get head(): { readonly number: number; readonly hash: string } {
    return this.#head ?? { number: this.#first - 1, hash: firstReceiptHash };
  }

  get count(): number {
    return this.#count;
  }

  /** Throws `receipt.key`, `receipt.changed`, `receipt.missing` and `receipt.broken`. */
  async add(jws: string): Promise<Receipt> {
    const place = `The receipt after number ${this.head.number}`;
    const parsed = claims.safeParse(await this.#payload(jws, place));
    if (!parsed.success) throw refusal('receipt.changed', `${place} does not say what receipts say.`);
    const { iss: installation, iat, tenant, number, previousHash, drill } = parsed.data;
    const next = this.head.number + 1;
    if (number > next)
      throw refusal(
        'receipt.missing',
        `${next === number - 1 ? `Receipt ${next} is` : `Receipts ${next} to ${number - 1} are`} missing.`,
      );
    if (number < next)
      throw refusal(
        'receipt.broken',
        `Receipt ${number} stands where ${next} should: it is there twice, or in another order.`,
      );
    if (this.#tenant !== undefined && tenant !== this.#tenant)
      throw refusal('receipt.broken', `Receipt ${number} is of tenant ${tenant}, those before it of ${this.#tenant}.`);
    const isBound = this.#head !== undefined || number === 1;
    if (isBound && previousHash !== this.head.hash)
      throw refusal('receipt.broken', `Receipt ${number} does not follow the receipt before it.`);
    this.#tenant = tenant;
    this.#head = { number, hash: receiptHash(jws) };
    this.#count += 1;
    return { installation, tenant, number, signedAt: new Date(iat * 1000), drill };
  }

  async #payload(jws: string, place: string): Promise<unknown> {
    try {
      const { payload } = await jwtVerify(
        jws,
        async ({ kid }) => {
          const key = this.#keys.find((one) => one.kid === kid);
          if (key) return importJWK(key, algorithm);
          throw refusal(
            'receipt.key',
            `${place} is signed with key ${String(kid).slice(0, 100)}, which is none of those given.`,
          );
        },
        // A receipt holds for good: no time of its own ends it, and the reader's clock does not matter.
        { algorithms: [algorithm], issuer: this.#installation, typ: tokenType, requiredClaims: ['jti', 'iat'] },
      );
      if (!isCanonical(jws)) throw refusal('receipt.changed', `${place} is written in another way than it was signed.`);
      return payload;
    } catch (cause) {
      if (cause instanceof HoldfastError) throw cause;
      if (cause instanceof errors.JWTClaimValidationFailed && cause.claim === 'iss')
        throw refusal('receipt.key', `${place} is of another installation.`);
      throw refusal('receipt.changed', `${place} is not what was signed, or no receipt at all.`, cause);
    }
  }
}

/** Base64url leaves bits over that nothing looks at; the hash of a receipt is to be one only. */
function isCanonical(jws: string): boolean {
  return jws.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}

function refusal(code: ErrorCode, message: string, cause?: unknown): HoldfastError {
  return new HoldfastError(code, { message, cause });
}
