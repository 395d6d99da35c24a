import { createHash, X509Certificate } from 'node:crypto';
import { type CertificateRole, certificateRoleOf } from '@holdfast/contract';
import { HoldfastError } from '@holdfast/core';

/** What a process proves itself with. */
export interface Identity {
  /** The leaf, then the intermediates. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** The self-signed root of the installation. */
  readonly caPem: string;
}

/** Who the other end is, from its verified certificate. */
export interface PeerIdentity {
  readonly installation: string;
  readonly role: CertificateRole;
  readonly id: string;
  /** Lower-case hexadecimal digits. */
  readonly serial: string;
  /** Base64url SHA-256 of the leaf's DER form: RFC 8705 `x5t#S256`. */
  readonly fingerprint: string;
  readonly expiresAt: Date;
}

const roleNames: readonly CertificateRole[] = Object.values(certificateRoleOf).filter((role) => role !== 'none');

/**
 * Entries of a subject alternative name as Node prints it: `DNS:a, URI:b`. Node puts names that contain a separator
 * between quotes, as JSON strings (CVE-2021-44532), so a DNS name can't pretend to be a URI entry.
 */
export function parseSubjectAltName(text: string): { kind: string; value: string }[] {
  const entries: { kind: string; value: string }[] = [];
  const pattern = /(?:^|, )([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/y;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (!match?.[1] || match[2] === undefined) return [];
    entries.push({ kind: match[1], value: match[2] });
  }
  return entries;
}

/** Reads the holdfast name of a certificate; undefined when it has none, more than one, or one of another form. */
export function peerIdentity(certificate: X509Certificate): PeerIdentity | undefined {
  const names = parseSubjectAltName(certificate.subjectAltName ?? '').filter(
    ({ kind, value }) => kind === 'URI' && value.startsWith('holdfast:'),
  );
  const match = /^holdfast:\/\/([A-Za-z0-9._-]{1,100})\/([a-z-]+)\/([A-Za-z0-9._-]{1,100})$/.exec(
    names[0]?.value ?? '',
  );
  const role = roleNames.find((name) => name === match?.[2]);
  if (names.length !== 1 || !match?.[1] || !match[3] || !role) return undefined;
  return {
    installation: match[1],
    role,
    id: match[3],
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint: certificateFingerprint(certificate),
    expiresAt: certificate.validToDate,
  };
}

/** The holdfast name in the first certificate of a PEM text; `usage.configuration` when there is none. */
export function identityOf(certificatePem: string): PeerIdentity {
  const peer = peerIdentity(new X509Certificate(certificatePem));
  if (!peer) {
    throw new HoldfastError('usage.configuration', {
      message: 'The certificate of this process does not name an installation, a role and an id.',
      guidance: 'Enrol this computer again with a new join token.',
    });
  }
  return peer;
}

/** Base64url SHA-256 of the DER form. Takes PEM text too, of which the first certificate counts. */
export function certificateFingerprint(certificate: X509Certificate | string): string {
  const { raw } = typeof certificate === 'string' ? new X509Certificate(certificate) : certificate;
  return createHash('sha256').update(raw).digest('base64url');
}

/**
 * Reads a fingerprint as people write it: base64url or hexadecimal, with or without colons and `sha256:` in front.
 * Gives base64url; `usage.option` for anything else.
 */
export function parseFingerprint(text: string): string {
  const bare = text.trim().replace(/^sha256:/i, '');
  if (/^[A-Za-z0-9_-]{43}$/.test(bare)) return bare;
  const digits = bare.replaceAll(':', '');
  if (/^[0-9a-fA-F]{64}$/.test(digits)) return Buffer.from(digits, 'hex').toString('base64url');
  throw new HoldfastError('usage.option', {
    message: 'The CA fingerprint is not a SHA-256: 43 base64url characters or 64 hexadecimal digits.',
    guidance: 'Copy it as `holdfast token create` printed it.',
  });
}
