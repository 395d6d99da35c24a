import { X509Certificate } from 'node:crypto';
import { checkServerIdentity, type TLSSocket } from 'node:tls';
import type { CertificateRole } from '@holdfast/contract';
import type { ErrorCode } from '@holdfast/core';
import { diagnoseCertificate } from './failure.ts';
import { type ClientCertificate, presentedChain } from './handshake.ts';
import { type PeerIdentity, peerIdentity } from './identity.ts';

/** What a peer must be, beyond holding a certificate of the installation that is neither expired nor revoked. */
export interface PeerRules {
  readonly certificate: ClientCertificate;
  /** Undefined: any role (the listener decides by channel later). */
  readonly roles: readonly CertificateRole[] | undefined;
  readonly installation: string | undefined;
  readonly id?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly isRevoked: (serial: string) => boolean;
  /** A certificate of this host is good, too, if it names no role. */
  readonly hostName?: string | undefined;
  /** Where further CAs are believed for the names of hosts: only a chain that ends in one of these proves a role. */
  readonly roleCaPem?: string | undefined;
}

export type PeerCheck =
  | { readonly ok: true; readonly peer: PeerIdentity | undefined }
  | { readonly ok: false; readonly code: ErrorCode; readonly what: string; readonly guidance: string };

const no = (code: ErrorCode, what: string, guidance: string): PeerCheck => ({ ok: false, code, what, guidance });
const enrol = 'Check that the address is right; enrol the computer again if its certificate is lost.';

/** Judges the other end of a finished handshake. `whose` names the certificate in messages: "a certificate of …". */
export function checkPeer(socket: TLSSocket, rules: PeerRules, whose: string): PeerCheck {
  const certificate = rules.certificate === 'none' ? undefined : socket.getPeerX509Certificate();
  if (!certificate) {
    if (rules.certificate === 'required') return no('channel.identity', `came without ${whose}`, enrol);
    return { ok: true, peer: undefined };
  }
  if (!socket.authorized) {
    return { ok: false, ...diagnoseCertificate(String(socket.authorizationError), whose, rules.hostName) };
  }
  const provesRole = rules.roleCaPem === undefined || endsIn(rules.roleCaPem, presentedChain(socket));
  const peer = provesRole ? peerIdentity(certificate) : undefined;
  if (!peer && rules.hostName !== undefined) {
    const mismatch = checkServerIdentity(rules.hostName, socket.getPeerCertificate());
    if (mismatch === undefined) return { ok: true, peer: undefined };
    return no('channel.identity', `met ${whose} of another host (${mismatch.message})`, 'Check the address.');
  }
  if (!peer) return no('channel.identity', `met ${whose} that names no role of Holdfast`, enrol);
  const name = `${peer.role} ${peer.id}`;
  if (rules.installation !== undefined && peer.installation !== rules.installation) {
    return no('channel.identity', `met ${name} of another installation (${peer.installation})`, enrol);
  }
  if (rules.isRevoked(peer.serial)) {
    return no(
      'channel.revoked',
      `met ${name}, whose certificate ${peer.serial} has been revoked`,
      'Enrol the computer again with a new join token.',
    );
  }
  if (rules.roles && !rules.roles.includes(peer.role)) {
    return no('channel.identity', `met ${name} where ${rules.roles.join(' or ')} belongs`, enrol);
  }
  if (rules.id !== undefined && peer.id !== rules.id) {
    return no('channel.identity', `met ${name} instead of ${rules.id}`, enrol);
  }
  if (rules.fingerprint !== undefined && peer.fingerprint !== rules.fingerprint) {
    return no('channel.identity', `met ${name} with a certificate other than the expected one`, enrol);
  }
  return { ok: true, peer };
}

/** OpenSSL has verified a chain to some CA that is believed, but does not tell to which: true when this one leads to one of these. */
function endsIn(caPem: string, chain: readonly X509Certificate[]): boolean {
  const roots = caPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const believed = new Set(roots.map((pem) => new X509Certificate(pem).fingerprint256));
  return chain.every((certificate, at) => {
    const issuer = chain[at + 1];
    if (issuer === undefined) return believed.has(certificate.fingerprint256);
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  });
}
