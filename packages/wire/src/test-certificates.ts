import 'reflect-metadata';
import { randomBytes, randomUUID, webcrypto } from 'node:crypto';
import type { CertificateRole } from '@holdfast/contract';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { certificateFingerprint, type Identity } from './identity.ts';

/** A certificate authority for tests: a root, an intermediate that issues, and leaves of any role. Never for production. */

type KeyPair = webcrypto.CryptoKeyPair;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

export interface TestLeaf extends Identity {
  readonly role: CertificateRole;
  readonly id: string;
  /** Lower-case hex, as the wire gives it. */
  readonly serial: string;
  /** Base64url SHA-256 of the DER form. */
  readonly fingerprint: string;
}

export interface IssueOptions {
  readonly role: CertificateRole;
  /** A random UUID if left out. */
  readonly id?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Extended key usage. Default both. */
  readonly usage?: 'server' | 'client' | 'both';
  /** Another URI in the place of the holdfast name. */
  readonly uri?: string;
  /** Default `localhost`, with 127.0.0.1 beside it. */
  readonly hostName?: string;
}

export interface TestInstallation {
  readonly installation: string;
  readonly caPem: string;
  /** `sha256:` and base64url, as a person gets it. */
  readonly caFingerprint: string;
  issue(options: IssueOptions): Promise<TestLeaf>;
}

async function makeKeys(): Promise<KeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

const serialNumber = (): string => `4${randomBytes(15).toString('hex')}f`;

async function makeAuthority(
  name: string,
  issuer: { certificate: X509Certificate; keys: KeyPair } | undefined,
): Promise<{ certificate: X509Certificate; keys: KeyPair }> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: name,
    issuer: issuer?.certificate.subject ?? name,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: new Date(Date.now() + 3650 * dayMs),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, issuer ? 0 : 1, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(issuer ? [await AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey)] : []),
    ],
  });
  return { certificate, keys };
}

/** Makes a new installation with a CA of its own. */
export async function createTestInstallation(installation: string = randomUUID()): Promise<TestInstallation> {
  const root = await makeAuthority(`CN=Test root ${installation}`, undefined);
  const intermediate = await makeAuthority(`CN=Test intermediate ${installation}`, root);
  const caPem = root.certificate.toString('pem');
  return {
    installation,
    caPem,
    caFingerprint: `sha256:${certificateFingerprint(caPem)}`,
    issue: async (o) => {
      const id = o.id ?? randomUUID();
      const keys = await makeKeys();
      const usage = o.usage ?? 'both';
      const certificate = await X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: `CN=${o.role} ${id}`,
        issuer: intermediate.certificate.subject,
        notBefore: o.notBefore ?? new Date(Date.now() - dayMs),
        notAfter: o.notAfter ?? new Date(Date.now() + 30 * dayMs),
        publicKey: keys.publicKey,
        signingKey: intermediate.keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([
            ...(usage === 'client' ? [] : [ExtendedKeyUsage.serverAuth]),
            ...(usage === 'server' ? [] : [ExtendedKeyUsage.clientAuth]),
          ]),
          new SubjectAlternativeNameExtension([
            { type: 'url', value: o.uri ?? `holdfast://${installation}/${o.role}/${id}` },
            { type: 'dns', value: o.hostName ?? 'localhost' },
            ...(o.hostName === undefined ? [{ type: 'ip', value: '127.0.0.1' } as const] : []),
          ]),
          await AuthorityKeyIdentifierExtension.create(intermediate.keys.publicKey),
        ],
      });
      const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
      const leafPem = certificate.toString('pem');
      return {
        role: o.role,
        id,
        certificatePem: `${leafPem}\n${intermediate.certificate.toString('pem')}\n`,
        privateKeyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
        caPem: `${caPem}\n`,
        serial: certificate.serialNumber.toLowerCase(),
        fingerprint: certificateFingerprint(leafPem),
      };
    },
  };
}

/** A certificate that its own key has signed, as a machine makes one for itself. */
export async function selfSigned(
  o: { name?: string; notAfter?: Date } = {},
): Promise<{ certificatePem: string; pem: string }> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${o.name ?? 'machine'}`,
    keys,
    notBefore: new Date(Date.now() - dayMs),
    notAfter: o.notAfter ?? new Date(Date.now() + 30 * dayMs),
    signingAlgorithm: algorithm,
  });
  const certificatePem = `${certificate.toString('pem')}\n`;
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { certificatePem, pem: `${key}\n${certificatePem}` };
}
