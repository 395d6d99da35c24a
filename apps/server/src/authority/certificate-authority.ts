import 'reflect-metadata';
import { X509Certificate as NodeCertificate, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Clock } from '@holdfast/core';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { DataDirectory } from '../data-directory.ts';
import { clockSkewMs, intermediateLifetimeMs, intermediateRenewalMs, rootLifetimeMs } from '../limits.ts';
import { keyAlgorithm, privateKeyToPem, sha256Base64url, signingAlgorithm, signingKeyFromPem } from './pem-keys.ts';

export interface LeafRequest {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array<ArrayBuffer>;
  readonly role: 'server' | 'agent' | 'mover' | 'recovery' | 'machine';
  readonly id: string;
  /** DNS names and addresses for clients that judge by them: browsers, restic. */
  readonly names: readonly string[];
  readonly lifetimeMs: number;
}

export interface Leaf {
  /** The leaf, then the intermediate. */
  readonly certificatePem: string;
  /** Lower-case hexadecimal digits. */
  readonly serial: string;
  /** Base64url SHA-256 of the leaf's DER form. */
  readonly fingerprint: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

interface Authority {
  readonly certificate: X509Certificate;
  readonly key: CryptoKey;
}

/**
 * The installation's own CA. A root, which computers pin by its fingerprint, signs an intermediate, and that signs leaves.
 * Each key is written together with its certificate in one file, so that a crash leaves both or neither.
 */
export class CertificateAuthority {
  readonly installation: string;
  readonly caPem: string;
  /** `sha256:` and the base64url SHA-256 of the root's DER form: what a person compares. */
  readonly caFingerprint: string;
  /** The intermediate that leaves are issued by at present. */
  readonly issuerPem: string;
  readonly #intermediate: Authority;
  readonly #clock: Clock;

  private constructor(o: { installation: string; root: X509Certificate; intermediate: Authority; clock: Clock }) {
    this.installation = o.installation;
    this.caPem = `${o.root.toString('pem')}\n`;
    this.caFingerprint = `sha256:${sha256Base64url(o.root.rawData)}`;
    this.issuerPem = o.intermediate.certificate.toString('pem');
    this.#intermediate = o.intermediate;
    this.#clock = o.clock;
  }

  /** Reads the CA of a data directory; makes it at the first start, and a new intermediate when the old one nears its end. */
  static async open(data: DataDirectory, o: { installation: string; clock: Clock }): Promise<CertificateAuthority> {
    const now = o.clock.now();
    const root = await readAuthority(await data.readOrMake('root-ca.pem', () => makeRoot(o.installation, now)));
    const makeNext = (): Promise<string> => makeIntermediate(o.installation, root, now);
    let intermediate = await readAuthority(await data.readOrMake('issuing-ca.pem', makeNext));
    if (intermediate.certificate.notAfter.getTime() - now.getTime() < intermediateRenewalMs) {
      const next = await makeNext();
      await data.write('issuing-ca.pem', next);
      intermediate = await readAuthority(next);
    }
    return new CertificateAuthority({ ...o, root: root.certificate, intermediate });
  }

  async issue(request: LeafRequest): Promise<Leaf> {
    const issuer = this.#intermediate;
    const issuedAt = this.#clock.now();
    const expiresAt = new Date(
      Math.min(issuedAt.getTime() + request.lifetimeMs, issuer.certificate.notAfter.getTime()),
    );
    const publicKey = new PublicKey(request.spki);
    const certificate = await X509CertificateGenerator.create({
      serialNumber: newSerial(),
      subject: `CN=${request.role} ${request.id}, O=Holdfast`,
      issuer: issuer.certificate.subject,
      notBefore: new Date(issuedAt.getTime() - clockSkewMs),
      notAfter: expiresAt,
      publicKey,
      signingKey: issuer.key,
      signingAlgorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        // Every role both dials and listens: an agent is the TLS server inside a relay and on a leased port.
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([
          { type: 'url', value: `holdfast://${this.installation}/${request.role}/${request.id}` },
          ...[...new Set(request.names)].map(generalName),
        ]),
        await AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
        await SubjectKeyIdentifierExtension.create(publicKey),
      ],
    });
    return {
      certificatePem: `${certificate.toString('pem')}\n${issuer.certificate.toString('pem')}\n`,
      serial: certificate.serialNumber.toLowerCase(),
      fingerprint: sha256Base64url(certificate.rawData),
      issuedAt,
      expiresAt: certificate.notAfter,
    };
  }
}

function generalName(name: string): JsonGeneralName {
  return { type: isIP(name) === 0 ? 'dns' : 'ip', value: name };
}

/** 128 random bits; the first byte is 40 to 7f, so that every program prints the same digits and none sees a sign. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8(((bytes.at(0) ?? 0) & 0x3f) | 0x40);
  return bytes.toString('hex');
}

async function makeRoot(installation: string, now: Date): Promise<string> {
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=Holdfast root ${installation}, O=Holdfast`,
    notBefore: new Date(now.getTime() - clockSkewMs),
    notAfter: new Date(now.getTime() + rootLifetimeMs),
    keys,
    signingAlgorithm,
    extensions: await authorityExtensions(await PublicKey.create(keys.publicKey), 1),
  });
  return keyAndCertificate(keys.privateKey, certificate);
}

async function makeIntermediate(installation: string, root: Authority, now: Date): Promise<string> {
  const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: `CN=Holdfast issuing ${installation}, O=Holdfast`,
    issuer: root.certificate.subject,
    notBefore: new Date(now.getTime() - clockSkewMs),
    notAfter: new Date(Math.min(now.getTime() + intermediateLifetimeMs, root.certificate.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey: root.key,
    signingAlgorithm,
    extensions: [
      ...(await authorityExtensions(await PublicKey.create(keys.publicKey), 0)),
      await AuthorityKeyIdentifierExtension.create(root.certificate.publicKey),
    ],
  });
  return keyAndCertificate(keys.privateKey, certificate);
}

async function authorityExtensions(publicKey: PublicKey, pathLength: number) {
  return [
    new BasicConstraintsExtension(true, pathLength, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

async function keyAndCertificate(key: CryptoKey, certificate: X509Certificate): Promise<string> {
  return `${await privateKeyToPem(key)}${certificate.toString('pem')}\n`;
}

async function readAuthority(pem: string): Promise<Authority> {
  return {
    key: await signingKeyFromPem(pem),
    certificate: new X509Certificate(new Uint8Array(new NodeCertificate(pem).raw)),
  };
}
