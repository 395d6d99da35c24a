import type { Clock } from '@holdfast/core';
import { GrantIssuer, type IdentityKey, identityKey, ProofSigner, ReceiptSigner } from '@holdfast/protocol';
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair, importPKCS8 } from 'jose';
import type { DataDirectory } from './data-directory.ts';

const algorithm = 'EdDSA';

/** The identity service's key: grants, proofs and receipts are signed with it, movers pin its public half. */
export interface GrantIdentity {
  readonly issuer: GrantIssuer;
  readonly proofs: ProofSigner;
  readonly receipts: ReceiptSigner;
  readonly keys: readonly IdentityKey[];
  /** Of the key that signs. */
  readonly keyId: string;
}

/** Reads the Ed25519 key of a data directory; makes it at the first start. */
export async function openGrantIdentity(
  data: DataDirectory,
  o: { installation: string; clock: Clock },
): Promise<GrantIdentity> {
  const pem = await data.readOrMake('identity-key.pem', async () => {
    const { privateKey } = await generateKeyPair(algorithm, { crv: 'Ed25519', extractable: true });
    return exportPKCS8(privateKey);
  });
  const { d: _, ...publicJwk } = await exportJWK(await importPKCS8(pem, algorithm, { extractable: true }));
  const id = await calculateJwkThumbprint(publicJwk);
  const key = { id, privateKey: await importPKCS8(pem, algorithm) };
  return {
    issuer: new GrantIssuer({ installation: o.installation, key, clock: o.clock }),
    proofs: new ProofSigner({ installation: o.installation, key, clock: o.clock }),
    receipts: new ReceiptSigner({ installation: o.installation, key, clock: o.clock }),
    keyId: id,
    keys: [identityKey.parse({ ...publicJwk, kid: id })],
  };
}
