import type { Duplex } from 'node:stream';
import type { CertificateRole } from '@holdfast/contract';
import type { Connection, Connections } from './connection.ts';
import { connectionError, describeFailure, type Ends } from './failure.ts';
import { acceptTls, speaksVerdict } from './handshake.ts';
import { type Identity, identityOf } from './identity.ts';
import { checkPeer } from './peer-check.ts';
import { sendAccepted, sendRefused } from './verdict.ts';

/** The listening side of TLS inside a relayed stream: the one who was asked for, or nobody. */
export async function acceptSecure(o: {
  readonly stream: Duplex;
  readonly ends: Ends;
  readonly identity: Identity;
  readonly expect: { readonly role: CertificateRole; readonly id?: string | undefined };
  readonly isRevoked: (serial: string) => boolean;
  readonly connections: Connections;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}): Promise<Connection> {
  const { ends, identity, timeoutMs, signal } = o;
  let socket: Awaited<ReturnType<typeof acceptTls>>;
  try {
    socket = await acceptTls(o.stream, { identity, clientCertificate: 'required', timeoutMs, signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw connectionError(error, 'handshake', ends);
  }
  const check = checkPeer(
    socket,
    {
      certificate: 'required',
      roles: [o.expect.role],
      installation: identityOf(identity.certificatePem).installation,
      id: o.expect.id,
      isRevoked: o.isRevoked,
    },
    'a client certificate',
  );
  if (!check.ok) {
    const error = describeFailure(ends, check);
    if (speaksVerdict(socket)) sendRefused(socket, error, timeoutMs);
    else socket.destroy();
    throw error;
  }
  if (speaksVerdict(socket)) sendAccepted(socket);
  return o.connections.register({
    stream: socket,
    channel: ends.channel,
    direction: 'in',
    peer: check.peer,
    caPem: identity.caPem,
    port: 0,
    counted: false,
  });
}
