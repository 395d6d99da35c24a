import { timingSafeEqual } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import { type CryptoKey, errors, importJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { entityId, fingerprint, slug, tenantId } from './names.ts';

/**
 * Grants: signed tokens that a mover verifies offline with the identity service's pinned keys (JWS, EdDSA).
 * The format is final from the first version on; later work only adds ways to obtain one.
 */

export const grantMode = z.enum(['append', 'read', 'maintain']);
export type GrantMode = z.infer<typeof grantMode>;

/** A public key of the identity service, as movers pin it. */
export const identityKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().min(1).max(64),
  x: z.string().max(64),
});
export type IdentityKey = z.infer<typeof identityKey>;

const claims = z.object({
  iss: z.string(),
  /** `agent/<id>`, or `administrator/<name>` for a grant that a person asked for, `recovery/<id>` for one of a recovery. */
  sub: z.string().min(1).max(200),
  jti: entityId,
  iat: z.number().int(),
  exp: z.number().int(),
  /** Tenant, repository, mode. */
  ten: tenantId,
  rep: slug,
  mod: grantMode,
  /** The session at the mover that this grant opens; without one it is a standing grant. */
  ses: entityId.optional(),
  /** RFC 7800: the certificate that the caller must show. Absent only in a grant for a client that has none, such as an unmodified restic. */
  cnf: z.object({ 'x5t#S256': fingerprint }).optional(),
});

export interface Grant {
  readonly id: string;
  readonly installation: string;
  readonly subject: string;
  readonly tenant: string;
  readonly repository: string;
  readonly mode: GrantMode;
  readonly sessionId: string | undefined;
  /** The certificate it is bound to; undefined for a bearer grant. */
  readonly fingerprint: string | undefined;
  readonly expiresAt: Date;
}

export interface GrantRequest extends Omit<Grant, 'id' | 'expiresAt' | 'installation'> {
  /** By which it can be revoked; a new one if left out. */
  readonly id?: string;
  readonly lifetimeMs: number;
}

const algorithm = 'EdDSA';
/** Separates grants from any other token that the same key may sign one day. */
const tokenType = 'holdfast-grant+jwt';
/** Two computers' clocks may differ by this much. */
const clockToleranceSeconds = 60;

export class GrantIssuer {
  readonly #installation: string;
  readonly #key: { readonly id: string; readonly privateKey: CryptoKey };
  readonly #clock: Clock;

  constructor(options: { installation: string; key: { id: string; privateKey: CryptoKey }; clock: Clock }) {
    this.#installation = options.installation;
    this.#key = options.key;
    this.#clock = options.clock;
  }

  async issue(request: GrantRequest): Promise<string> {
    const nowSeconds = Math.floor(this.#clock.now().getTime() / 1000);
    return new SignJWT({
      ten: request.tenant,
      rep: request.repository,
      mod: request.mode,
      ...(request.sessionId === undefined ? {} : { ses: request.sessionId }),
      ...(request.fingerprint === undefined ? {} : { cnf: { 'x5t#S256': request.fingerprint } }),
    })
      .setProtectedHeader({ alg: algorithm, kid: this.#key.id, typ: tokenType })
      .setIssuer(this.#installation)
      .setSubject(request.subject)
      .setJti(request.id ?? crypto.randomUUID())
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + Math.ceil(request.lifetimeMs / 1000))
      .sign(this.#key.privateKey);
  }
}

export class GrantVerifier {
  readonly #installation: string;
  readonly #keys: ReadonlyMap<string, JWK>;
  readonly #clock: Clock;

  constructor(options: { installation: string; keys: readonly IdentityKey[]; clock: Clock }) {
    this.#installation = options.installation;
    this.#keys = new Map(options.keys.map((key) => [key.kid, key]));
    this.#clock = options.clock;
  }

  /**
   * Checks signature, issuer, time and, where the grant is bound, the caller's certificate.
   * Throws `grant.expired` or `grant.invalid`; what is wrong is said, the token is not repeated.
   */
  async verify(token: string, caller: { readonly fingerprint: string | undefined }): Promise<Grant> {
    const payload = await this.#payload(token);
    const parsed = claims.safeParse(payload);
    if (!parsed.success)
      throw new HoldfastError('grant.invalid', { message: 'The grant lacks a claim that it needs.' });
    const bound = parsed.data.cnf?.['x5t#S256'];
    if (bound !== undefined && !sameText(bound, caller.fingerprint ?? '')) {
      throw new HoldfastError('grant.invalid', {
        message: 'The grant belongs to another computer: it is bound to a certificate that the caller did not show.',
        context: { subject: parsed.data.sub },
      });
    }
    return {
      id: parsed.data.jti,
      installation: parsed.data.iss,
      subject: parsed.data.sub,
      tenant: parsed.data.ten,
      repository: parsed.data.rep,
      mode: parsed.data.mod,
      sessionId: parsed.data.ses,
      fingerprint: bound,
      expiresAt: new Date(parsed.data.exp * 1000),
    };
  }

  async #payload(token: string): Promise<unknown> {
    try {
      const { payload } = await jwtVerify(
        token,
        async (header) => {
          const key = header.kid === undefined ? undefined : this.#keys.get(header.kid);
          if (!key)
            throw new HoldfastError('grant.invalid', {
              message: 'The grant is signed with a key that is not trusted here.',
            });
          return importJWK(key, algorithm);
        },
        {
          algorithms: [algorithm],
          issuer: this.#installation,
          typ: tokenType,
          currentDate: this.#clock.now(),
          clockTolerance: clockToleranceSeconds,
          requiredClaims: ['exp', 'iat', 'sub', 'jti'],
        },
      );
      return payload;
    } catch (error) {
      if (error instanceof HoldfastError) throw error;
      if (error instanceof errors.JWTExpired) throw new HoldfastError('grant.expired', { cause: error });
      throw new HoldfastError('grant.invalid', {
        message: 'The grant is not signed by this installation or is malformed.',
        cause: error,
      });
    }
  }
}

/** Compares in a time that tells nothing of where they differ. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
