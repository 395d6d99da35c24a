import type { X509Certificate } from 'node:crypto';
import type { Clock } from '@holdfast/core';
import type { Connection } from './connection.ts';
import { certificateFingerprint, type PeerIdentity } from './identity.ts';

/** What a client has shown, and proved to have the key of, in the handshake of the connection that a request came over. */
export interface PresentedCertificate {
  readonly certificate: X509Certificate;
  /** RFC 8705, `x5t#S256`. */
  readonly fingerprint: string;
  /** Who it is, where the installation's CA vouches for it. */
  readonly peer: PeerIdentity | undefined;
}

/** Undefined without a certificate, and for one whose time has not come or is over. */
export function presentedBy(connection: Connection | undefined, clock: Clock): PresentedCertificate | undefined {
  const { certificate, peer } = connection ?? {};
  const now = clock.now();
  if (!certificate || now < certificate.validFromDate || now >= certificate.validToDate) return undefined;
  return { certificate, peer, fingerprint: peer?.fingerprint ?? certificateFingerprint(certificate) };
}
