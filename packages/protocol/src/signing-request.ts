import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';

export interface KeyAndRequest {
  /** PKCS #8. */
  readonly privateKeyPem: string;
  /** PKCS #10 (RFC 2986), PEM. The server takes only the public key from it: names are the server's to give. */
  readonly signingRequest: string;
}

/** A new ECDSA P-256 key and the request for its certificate. */
export async function newKeyAndRequest(): Promise<KeyAndRequest> {
  // Hundreds of modules for something that happens once in two months: loaded then, not at every start.
  await import('reflect-metadata');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=Holdfast',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  const privateKey = createPrivateKey({
    key: Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    privateKeyPem: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
    signingRequest: request.toString('pem'),
  };
}

/** SHA-256 of the public key's DER form: tells whether a certificate belongs to a key. */
export function publicKeyDigest(pem: string): string {
  return createHash('sha256')
    .update(createPublicKey(pem).export({ format: 'der', type: 'spki' }))
    .digest('hex');
}
