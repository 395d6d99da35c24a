import type { X509Certificate } from 'node:crypto';
import type { CertificateRole } from '@holdfast/contract';
import { oneLine } from '@holdfast/core';
import { connectTls, presentedChain } from '../handshake.ts';
import { certificateFingerprint, type PeerIdentity, peerIdentity } from '../identity.ts';
import type { WaitOptions } from '../waiting.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { PortState } from './port-state.ts';

/** What a service that already runs presents in its own TLS handshake. */
export interface Presented {
  readonly fingerprint: string;
  readonly issuer: string;
  readonly peer: PeerIdentity | undefined;
  /** OpenSSL's name of what is wrong with it under the CA that was given; undefined if nothing is, or no CA was given. */
  readonly problem: string | undefined;
  readonly isJudged: boolean;
}

/** Undefined when what answers does not speak TLS, or nothing does. */
export async function inspectService(
  address: string,
  port: number,
  o: WaitOptions & { readonly caPem?: string | undefined },
): Promise<Presented | undefined> {
  let leaf: X509Certificate | undefined;
  let problem: string | undefined;
  try {
    const socket = await connectTls(
      { host: address, port },
      { ...o, identity: undefined, caPem: o.caPem, channel: undefined },
    );
    [leaf] = presentedChain(socket);
    if (!socket.authorized) problem = String(socket.authorizationError);
    socket.destroy();
  } catch {
    // Whatever it was, it is no TLS service; the caller knows whether the port can be reached.
    o.signal?.throwIfAborted();
  }
  if (!leaf) return undefined;
  return {
    fingerprint: certificateFingerprint(leaf),
    issuer: issuerName(leaf.issuer),
    peer: peerIdentity(leaf),
    problem: o.caPem === undefined ? undefined : problem,
    isJudged: o.caPem !== undefined,
  };
}

/** On one line, and without what a hostile issuer could do to a terminal. */
export function issuerName(issuer: string): string {
  const text = oneLine(issuer);
  return text === '' ? 'an issuer without a name' : text.slice(0, 200);
}

const validity: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'it is expired',
  CERT_NOT_YET_VALID: 'it is not yet valid',
};

/**
 * What an answer means that is not that of our probe listener. Undefined: it is the service that belongs there. `state` is what
 * the listening end knows of the port, where it could be asked: only that tells an interceptor from another service for sure.
 */
export function judgeAnswer(o: {
  readonly presented: Presented | undefined;
  readonly state: PortState | undefined;
  readonly roles: readonly CertificateRole[];
  readonly otherwise: Diagnosis;
}): Diagnosis | undefined {
  const { presented, state, roles, otherwise } = o;
  if (state?.kind === 'reserved') return { kind: 'port-reserved', code: state.code };
  if (state?.kind === 'forbidden') return { kind: 'port-forbidden', code: state.code };
  // The listener waits there, and this is not it.
  if (state?.kind === 'open') return otherwise;
  if (!presented) return state?.fingerprint === undefined && state ? inUse(state.holder) : otherwise;
  if (state && state.fingerprint === undefined) return inUse(state.holder);
  if (state && state.fingerprint !== presented.fingerprint)
    return { kind: 'tls-intercepted', issuer: presented.issuer };
  return judgeCertificate(presented, state, roles);
}

function judgeCertificate(
  presented: Presented,
  state: Extract<PortState, { kind: 'held' }> | undefined,
  roles: readonly CertificateRole[],
): Diagnosis | undefined {
  const { problem, peer } = presented;
  if (peer && problem === undefined) {
    return roles.includes(peer.role)
      ? undefined
      : wrong(`it is that of ${peer.role} ${peer.id}, where ${roles.join(' or ') || 'none of Holdfast'} belongs`);
  }
  const expired = problem === undefined ? undefined : validity[problem];
  if (peer && expired !== undefined) return wrong(expired);
  if (peer && state) return wrong(`another installation issued it (${presented.issuer})`);
  if (state) return inUse(state.holder);
  if (presented.isJudged) return { kind: 'tls-intercepted', issuer: presented.issuer };
  return { kind: 'middlebox', said: 'tls-of-another' };
}

const inUse = (holder: string): Diagnosis => ({ kind: 'port-in-use', holder });
const wrong = (reason: string): Diagnosis => ({ kind: 'wrong-certificate', reason });
