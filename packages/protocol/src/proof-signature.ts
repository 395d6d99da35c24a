import { createHash } from 'node:crypto';
import { type Clock, HoldfastError } from '@holdfast/core';
import { type CryptoKey, importJWK, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { IdentityKey } from './grants.ts';
import { entityId } from './names.ts';

/**
 * Signatures under proofs of firewall rules: a JWS (EdDSA) of the identity service's key over the digest of a document. It says
 * who submitted the document to which installation, and when; no server has made or checked what the document says.
 */

/** SHA-256 of every byte of the document: what `sha256sum` prints. */
export const proofDigest = z.string().regex(/^[0-9a-f]{64}$/);

export const proofSignature = z.object({
  id: entityId,
  /** JWS, compact form. */
  signature: z.string().max(4_096),
});
export type ProofSignature = z.output<typeof proofSignature>;

const algorithm = 'EdDSA';
/** What keeps a signature from passing for a grant, which the same key signs. */
const tokenType = 'holdfast-proof+jwt';
/** In the signature itself, so that whoever decodes it reads what it is worth. */
const statement =
  'An administrator of this installation submitted a document with this SHA-256 digest. The server has neither made nor checked it.';

const claims = z.object({
  iss: z.string(),
  jti: entityId,
  iat: z.number().int(),
  sha256: proofDigest,
  statement: z.literal(statement),
});

/** What a signature attests. */
export interface ProofAttestation {
  readonly id: string;
  readonly installation: string;
  readonly signedAt: Date;
  readonly sha256: string;
  readonly statement: string;
}

export class ProofSigner {
  readonly #installation: string;
  readonly #key: { readonly id: string; readonly privateKey: CryptoKey };
  readonly #clock: Clock;

  constructor(options: { installation: string; key: { id: string; privateKey: CryptoKey }; clock: Clock }) {
    this.#installation = options.installation;
    this.#key = options.key;
    this.#clock = options.clock;
  }

  /** Signs that an administrator has submitted a document with this digest. The caller has made sure that it was one. */
  async sign(sha256: string): Promise<ProofSignature> {
    const id = crypto.randomUUID();
    const signature = await new SignJWT({ sha256, statement })
      .setProtectedHeader({ alg: algorithm, kid: this.#key.id, typ: tokenType })
      .setIssuer(this.#installation)
      .setJti(id)
      .setIssuedAt(Math.floor(this.#clock.now().getTime() / 1000))
      .sign(this.#key.privateKey);
    return { id, signature };
  }
}

/** What `ProofSigner.sign` takes. */
export function digestOfProof(document: Uint8Array): string {
  return createHash('sha256').update(document).digest('hex');
}

/**
 * Checks a signature against every byte of the document, with the public keys that the installation publishes; needs no server.
 * @throws `proof.signature` that says what does not fit.
 */
export async function verifyProof(
  document: Uint8Array,
  o: { readonly signature: string; readonly installation: string; readonly keys: readonly IdentityKey[] },
): Promise<ProofAttestation> {
  const attested = claims.safeParse(await verifiedPayload(o));
  if (!attested.success)
    throw new HoldfastError('proof.signature', { message: 'The signature does not say what it is about.' });
  const { jti, iss, iat, sha256 } = attested.data;
  const actual = digestOfProof(document);
  if (actual !== sha256)
    throw new HoldfastError('proof.signature', {
      message: `The document is not the one that was signed: its SHA-256 is ${actual}, and ${sha256} was signed.`,
    });
  return { id: jti, installation: iss, signedAt: new Date(iat * 1000), sha256, statement };
}

async function verifiedPayload(o: {
  readonly signature: string;
  readonly installation: string;
  readonly keys: readonly IdentityKey[];
}): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(
      o.signature,
      async ({ kid }) => {
        const key = o.keys.find((one) => one.kid === kid);
        if (key) return importJWK(key, algorithm);
        throw new HoldfastError('proof.signature', {
          message: 'The signature is by a key that is none of those given.',
        });
      },
      // A signature holds for good: no time of its own ends it, and the reader's clock does not matter.
      { algorithms: [algorithm], issuer: o.installation, typ: tokenType, requiredClaims: ['jti', 'iat'] },
    );
    return payload;
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw new HoldfastError('proof.signature', {
      message: 'The signature is damaged, of another kind, or not by the installation that the keys belong to.',
      cause,
    });
  }
}
