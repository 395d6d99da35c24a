import type { TLSSocket } from 'node:tls';
import type { Channel } from '@holdfast/contract';
import { HoldfastError, isHoldfastError } from '@holdfast/core';
import type { Connection, Connections } from './connection.ts';
import { connectionError, describeFailure, type Ends, type Phase } from './failure.ts';
import { connectTls, presentedChain, speaksVerdict, type TlsTarget } from './handshake.ts';
import { certificateFingerprint, type Identity, identityOf, parseFingerprint } from './identity.ts';
import { checkPeer } from './peer-check.ts';
import { readVerdict } from './verdict.ts';

export interface DialRequest {
  readonly ends: Ends;
  readonly target: TlsTarget;
  /** Presented where the channel asks for a certificate. */
  readonly identity: Identity | undefined;
  readonly caPem: string | undefined;
  /** Of this host a certificate is good that names no role. */
  readonly hostName?: string | undefined;
  readonly hostCaPem?: string | undefined;
  readonly clientPem?: string | undefined;
  readonly peerId?: string | undefined;
  readonly fingerprint?: string | undefined;
  readonly roles?: Channel['certificates']['to'];
  /** Undefined for leases: their preamble takes the place of the channel's name. */
  readonly claim: boolean;
  /** Sent right after the handshake, before the verdict is awaited. */
  readonly preamble?: Uint8Array;
  readonly isRevoked: (serial: string) => boolean;
  readonly connections: Connections;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What is missing when a process without certificate or CA dials. */
function needed(channel: Channel, what: string, guidance: string): HoldfastError {
  return new HoldfastError('usage.configuration', {
    message: `Channel ${channel.id} needs ${what}, and this process has none.`,
    guidance,
    context: { channel: channel.id },
  });
}

/** Dials, verifies, and waits for the other end's verdict. Every failure names the channel and both ends. */
export async function openConnection(o: DialRequest): Promise<Connection> {
  const { ends, signal } = o;
  const { channel } = ends;
  const mutual = channel.security === 'mutual-tls';
  if (mutual && !o.identity) {
    throw needed(channel, 'a certificate', 'Enrol this computer first: `holdfast enroll`.');
  }
  const roleCaPem = o.caPem ?? o.identity?.caPem;
  const caPem = o.hostCaPem === undefined ? roleCaPem : `${roleCaPem ?? ''}\n${o.hostCaPem}`;
  if (caPem === undefined) {
    throw needed(channel, "the CA certificate of the server's installation", 'Give the CA file or its fingerprint.');
  }
  let phase: Phase = 'connect';
  let socket: TLSSocket | undefined;
  const wait = { timeoutMs: o.timeoutMs, ...(signal ? { signal } : {}) };
  try {
    socket = await connectTls(o.target, {
      ...wait,
      identity: mutual ? o.identity : clientIdentity(o.clientPem),
      caPem,
      channel: o.claim ? channel.id : undefined,
      onPhase: (reached) => {
        phase = reached;
      },
    });
    const check = checkPeer(
      socket,
      {
        certificate: 'required',
        roles: o.roles ?? channel.certificates.to,
        installation: mutual && o.identity ? identityOf(o.identity.certificatePem).installation : undefined,
        id: o.peerId,
        fingerprint: o.fingerprint,
        isRevoked: o.isRevoked,
        hostName: o.hostName,
        roleCaPem: o.hostCaPem === undefined ? undefined : (roleCaPem ?? ''),
      },
      'a certificate',
    );
    if (!check.ok) throw describeFailure(ends, check);
    phase = 'verdict';
    if (o.preamble) socket.write(o.preamble);
    if (o.preamble || speaksVerdict(socket)) await readVerdict(socket, wait);
    return o.connections.register({
      stream: socket,
      channel,
      direction: 'out',
      peer: check.peer,
      caPem,
      port: ends.port,
      counted: !('stream' in o.target),
    });
  } catch (error) {
    socket?.destroy();
    signal?.throwIfAborted();
    if (phase === 'verdict' && isHoldfastError(error)) throw refusedByPeer(ends, error);
    throw connectionError(error, phase, ends);
  }
}

function clientIdentity(pem: string | undefined): { certificatePem: string; privateKeyPem: string } | undefined {
  return pem === undefined ? undefined : { certificatePem: pem, privateKeyPem: pem };
}

/** The other end's own words, with our view of the connection in front. */
function refusedByPeer(ends: Ends, reason: HoldfastError): HoldfastError {
  const { channel, from, host, port } = ends;
  return new HoldfastError(reason.code, {
    message: `Channel ${channel.id} from ${from} to ${host}:${port} was refused by the other end, which says: ${reason.message}`,
    guidance: reason.guidance,
    context: { channel: channel.id, from, host, port },
    cause: reason,
  });
}

/**
 * The root certificate that the other end presents, if its SHA-256 is the given one; `auth.fingerprint` if not. Nothing is
 * sent inside the connection. The caller then dials again with this root, which verifies everything in the usual way.
 */
export async function fetchRoot(o: {
  readonly ends: Ends;
  readonly fingerprint: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}): Promise<string> {
  const expected = parseFingerprint(o.fingerprint);
  const { host, port, channel } = o.ends;
  let phase: Phase = 'connect';
  let socket: TLSSocket;
  try {
    socket = await connectTls(
      { host, port },
      {
        timeoutMs: o.timeoutMs,
        signal: o.signal,
        identity: undefined,
        caPem: undefined,
        channel: undefined,
        onPhase: (reached) => {
          phase = reached;
        },
      },
    );
  } catch (error) {
    o.signal?.throwIfAborted();
    throw connectionError(error, phase, o.ends);
  }
  const chain = presentedChain(socket);
  socket.destroy();
  const root = chain.find((certificate) => certificateFingerprint(certificate) === expected);
  if (root?.ca && root.checkIssued(root) && root.verify(root.publicKey)) return root.toString();
  const roots = chain.filter((certificate) => certificate.checkIssued(certificate));
  throw new HoldfastError('auth.fingerprint', {
    message: `Channel ${channel.id} to ${host}:${port}: the server's CA is not the one with fingerprint sha256:${expected}; it presented ${
      roots.map((certificate) => `sha256:${certificateFingerprint(certificate)}`).join(', ') || 'none'
    }. Nothing was sent.`,
    context: { channel: channel.id, host, port },
  });
}
